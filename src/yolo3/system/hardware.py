"""Where a network runs or trains, as settings that travel together."""

from dataclasses import dataclass

from yolo3.choices import Precision


@dataclass(frozen=True)
class Hardware:
    """Hardware.

    Args:
        device: Device to compute on: auto, cpu, cuda or cuda:1.
        precision: Numbers to compute with. auto is half precision (in training mixed precision, AMP) where the
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
        num_nodes: Number of machines that train together; start the command on each, as by torchrun or SLURM.
        sync_batchnorm: Share batch normalisation statistics between all processes.
    """

    devices: int = 1
    num_nodes: int = 1
    sync_batchnorm: bool = False
