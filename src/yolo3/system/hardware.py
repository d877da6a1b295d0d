"""Where a network runs or trains, as settings that travel together."""

import platform
from dataclasses import dataclass
from pathlib import Path

from yolo3.choices import Backend, InferencePrecision, Precision


@dataclass(frozen=True)
class Hardware:
    """Hardware.

    Args:
        device: Device to compute on, such as cpu or cuda:1. auto is CUDA where there is some, else the CPU.
        precision: Number format to compute in. auto is half precision (mixed precision, AMP, in training) where the
            hardware is fast at it.
    """

    device: str = "auto"
    precision: Precision = "auto"


@dataclass(frozen=True)
class InferenceHardware(Hardware):
    """Hardware.

    Args:
        device: Device to compute on, such as cpu, cuda:1, mps or xpu. auto is the accelerator that torch finds, else
            the CPU.
        precision: Number format to compute in. auto is half precision where the hardware is fast at it; int8 is for
            files of yolo3 export --precision int8, which auto recognises.
        batch_size: Number of images that go through the network together.
        backend: Runtime of the network. auto is torch, or openvino where a trial on this machine, done once per model,
            finds it faster in float32; tensorrt needs onnxruntime-gpu and TensorRT. Default: torch; for an .onnx file
            onnxruntime, or the one that an int8 file was measured on.
        compile: Run the network through torch.compile: slow to start, then faster. On CUDA single images then replay a
            CUDA graph.
    """

    precision: InferencePrecision = "auto"  # type: ignore[assignment]  # training has no int8
    batch_size: int = 8
    backend: Backend | None = None
    compile: bool = False


@dataclass(frozen=True)
class TrainingHardware(Hardware):
    """Hardware.

    Args:
        devices: Number of processes that train together (multi-GPU, DDP), each with its own GPU or its share of the CPU
            and of the batch.
        num_nodes: Number of machines that train together; start the command on each, for example with torchrun or
            SLURM.
        sync_batchnorm: Share batch normalisation statistics between all processes.
    """

    devices: int = 1
    num_nodes: int = 1
    sync_batchnorm: bool = False


def cpu_name() -> str:
    """The model of this machine's CPU, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
