"""The device a network runs on, and its number format."""

import re

import torch

from yolo3.choices import InferencePrecision, Precision, listed

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """The device of a name; ``auto`` is the accelerator that torch finds (CUDA, MPS, XPU), else the CPU.

    Raises:
        ValueError: A device that torch does not know or that this machine does not have.
    """
    if device == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return accelerator or torch.device("cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # the latter two: not built into this torch
        reason = re.split(r"\.?\s*$|\. ", str(error), maxsplit=1, flags=re.MULTILINE)[0]  # its first sentence
        raise ValueError(f"device {str(device)!r} cannot be used ({reason}); choose {_usable()}") from error
    return chosen


def choose_training_device(device: str | torch.device = "auto") -> torch.device:
    """The device of a name; ``auto`` is CUDA where there is some, else the CPU: Lightning trains on no XPU.

    Raises:
        ValueError: See `choose_device`.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return choose_device(device)


def _usable() -> str:
    """The devices of this machine, as in "auto, cpu or cuda:0"."""
    usable = ["auto", "cpu"]
    if torch.cuda.is_available():
        usable += [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if torch.xpu.is_available():
        usable += [f"xpu:{number}" for number in range(torch.xpu.device_count())]
    if torch.backends.mps.is_available():
        usable.append("mps")
    *others, last = usable
    return f"{', '.join(others)} or {last}"


def choose_type(precision: InferencePrecision, device: torch.device) -> torch.dtype:
    """The number format that a precision means on a device.

    ``auto`` is half precision where the hardware multiplies it: float16 on CUDA, on MPS and on an XPU that has it,
    bfloat16 on a CPU with AMX or AVX512-BF16; float32 elsewhere.

    Raises:
        ValueError: An unknown precision; int8, in which torch does not compute here.
    """
    if precision == "int8":
        raise ValueError(
            "precision int8 is for exported networks: choose backend onnxruntime or openvino, or a file of "
            "yolo3 export --precision int8"
        )
    if precision != "auto":
        if precision not in _TYPES:
            raise ValueError(f"unknown precision {precision!r}; choose {listed(Precision)}")
        return _TYPES[precision]
    if device.type == "cpu":
        return torch.bfloat16 if _cpu_multiplies_bf16() else torch.float32
    return torch.float16 if _computes_in_float16(device) else torch.float32


def _computes_in_float16(device: torch.device) -> bool:
    """Whether an accelerator does; every GPU of CUDA and MPS does."""
    if device.type == "xpu":
        return bool(torch.xpu.get_device_properties(device).has_fp16)
    return device.type in ("cuda", "mps")


def _cpu_multiplies_bf16() -> bool:
    """Whether the CPU does so in hardware and oneDNN may use it: emulated, it is slower than float32.

    ``ONEDNN_MAX_CPU_ISA`` may keep oneDNN from instructions that the CPU has. torch has no public name for any of this.
    """
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    allowed = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    has_hardware = any(getattr(torch.cpu, probe)() for probe in probes if hasattr(torch.cpu, probe))
    return has_hardware and (allowed is None or allowed())
