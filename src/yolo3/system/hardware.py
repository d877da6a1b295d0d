"""Where a network runs or trains, as settings that travel together."""

import platform
from dataclasses import dataclass
from pathlib import Path

from yolo3.choices import Precision


@dataclass(frozen=True)
class Hardware:
    """Hardware.

    Args:
        device: Device to compute on: auto, cpu, cuda or cuda:1.
        precision: Number format to compute in. auto is half precision (mixed precision, AMP, in training) where the
            hardware is fast at it.
    """

    device: str = "auto"
    precision: Precision = "auto"


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
