"""Mixed precision (AMP)."""

import torch

from yolo3.system.devices import choose_type
from yolo3.system.hardware import Hardware

_PLUGINS = {torch.bfloat16: "bf16-mixed", torch.float16: "16-mixed", torch.float32: "32-true"}

PRECISIONS = tuple(_PLUGINS.values())
"""Lightning's precisions in which a detector can be trained."""


def training_precision(hardware: Hardware, device: torch.device) -> str:
    """Lightning's name of a precision on a device. The weights stay float32; half precision is for activations.

    ``auto`` is bfloat16 where the hardware multiplies it, since it needs no loss scaling; float16 on other GPUs with
    CUDA; float32 elsewhere.

    Raises:
        ValueError: An unknown precision.
    """
    if hardware.precision != "auto" or device.type == "cpu":
        return _PLUGINS[choose_type(hardware.precision, device)]
    if device.type != "cuda":
        return _PLUGINS[torch.float32]
    return _PLUGINS[torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16]
