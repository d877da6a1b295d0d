"""Convolutions as oneDNN likes them on a CPU: weights laid out once, the activation done on the way out."""

import copy
from collections import Counter
from functools import cache
from itertools import zip_longest
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from yolo3.blocks import CNNBlock
from yolo3.models.fusing import is_plain, runs_as
from yolo3.models.yolov3 import ScalePrediction

Module = TypeVar("Module", bound=nn.Module)

_NO_ACTIVATION: tuple[Any, ...] = ("none", [], "")


def pack(network: Module) -> Module:
    """A copy of a network on the CPU, for inference alone, that computes the same with fewer passes over memory.

    A convolution otherwise lays out its weights anew at every call, and an activation after it reads and writes the
    whole map again: for one image up to a sixth of YOLOv3's time. Changed are convolutions that `fuse` would know too,
    in a `CNNBlock`, an `nn.Sequential` or a `ScalePrediction`; all else stays as it is. So does everything where this
    PyTorch or CPU lacks the operation, which PyTorch keeps for its own compiler.

    Args:
        network: Fused network in evaluation mode, in the number format it is to run in. It is not changed, and shares
            its weights.
    """
    packed = copy.deepcopy(network, {id(weights): weights for weights in network.parameters()})
    uses = Counter(id(module) for parent in packed.modules() for module in parent._modules.values())
    for parent in list(packed.modules()):
        if not any(runs_as(parent, kind) for kind in (CNNBlock, nn.Sequential, ScalePrediction)):
            continue
        names = [name for name, child in parent._modules.items() if not is_plain(child, nn.Identity)]
        for name, after in zip_longest(names, names[1:]):
            conv = getattr(parent, name)
            if not _is_known(conv) or uses[id(conv)] > 1 or not _works(conv.weight.dtype):
                continue
            follower = None if after is None or runs_as(parent, ScalePrediction) else getattr(parent, after)
            activation = _operation(follower)
            setattr(parent, name, PackedConvolution(conv, activation or _NO_ACTIVATION))
            if after is not None and activation is not None:
                setattr(parent, after, nn.Identity())
    return packed


class PackedConvolution(nn.Module):
    """A convolution and its activation in one operation of oneDNN; it casts its input to the type of its weights.

    The best layout of the weights depends on the shape of the input: that of the last one seen is kept.

    Args:
        conv: Convolution that gives the weights.
        activation: Name, numbers and variant of the activation, as the operation takes them.
    """

    def __init__(self, conv: nn.Conv2d, activation: tuple[Any, ...]) -> None:
        super().__init__()
        self.weight = conv.weight
        self.bias = conv.bias
        self.activation = activation
        self.numbers = (conv.padding, conv.stride, conv.dilation, conv.groups)
        self._layout: tuple[torch.Size, Tensor] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What `copy` and `pickle` take: all but the layout, which is oneDNN's own and is made anew."""
        return {**self.__dict__, "_layout": None}

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        x = x.to(self.weight.dtype)
        layout = self._layout  # read once: another thread may put its own there
        if layout is None or layout[0] != x.shape:
            weight = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *self.numbers, x.shape)
            self._layout = layout = (x.shape, weight)
        return torch.ops.mkldnn._convolution_pointwise(x, layout[1], self.bias, *self.numbers, *self.activation)


def _is_known(layer: nn.Module) -> bool:
    """A convolution as PyTorch wrote it, padded with a number of zeros."""
    return is_plain(layer, nn.Conv2d) and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _operation(layer: nn.Module | None) -> tuple[Any, ...] | None:
    """An activation as the operation takes it; None for one it does not know."""
    if layer is None:
        return None
    if is_plain(layer, nn.LeakyReLU):
        return "leaky_relu", [layer.negative_slope], ""
    return ("relu", [], "") if is_plain(layer, nn.ReLU) else None


@cache
def _works(dtype: torch.dtype) -> bool:
    """Whether this PyTorch on this CPU has the operation for a type."""
    try:
        with torch.inference_mode():
            PackedConvolution(nn.Conv2d(1, 1, 1, dtype=dtype), _NO_ACTIVATION)(torch.zeros(1, 1, 1, 1))
    except (AttributeError, RuntimeError):  # no such operation; none for this type
        return False
    return True
