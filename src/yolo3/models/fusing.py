"""BatchNorm folded into the convolution before it: the same function, with a third fewer layers to run."""

import copy
from itertools import pairwise
from typing import TypeGuard, TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from yolo3.blocks import CNNBlock

Module = TypeVar("Module", bound=nn.Module)


def fuse(network: Module) -> Module:
    """A copy in evaluation mode whose convolutions do the work of the BatchNorm that follows them.

    It folds where a convolution's output goes to the BatchNorm and nowhere else: in a `CNNBlock`, and between
    neighbours of an `nn.Sequential`, as the layers of `Darknet` are. What it does not know stays as it is, and correct:
    blocks with a ``forward`` of their own, subclasses of the two layers, layers with hooks, a BatchNorm without running
    statistics. One thing it cannot see: a network that calls the layers of one of these itself, and uses what lies
    between a convolution and its BatchNorm (or, for `pack`, its activation). Keep such layers in an `nn.ModuleList`,
    which stays.

    Args:
        network: Detector or any part of one. It is not changed.

    Source:
        BatchNorm in evaluation, γ·(x − μ)/√(σ² + ε) + β, is linear: arXiv 1502.03167 algorithm 2.
    """
    fused = copy.deepcopy(network).eval()
    for module in list(fused.modules()):
        if runs_as(module, CNNBlock):
            _fold(module, "conv", "norm")
        elif runs_as(module, nn.Sequential):
            for first, second in pairwise(module._modules):  # named_children leaves out one that stands there twice
                _fold(module, first, second)
    return fused


def runs_as(module: nn.Module, kind: type[Module]) -> TypeGuard[Module]:
    """Whether its ``forward`` is that of the kind, overridden neither in a subclass nor on the object."""
    return isinstance(module, kind) and type(module).forward is kind.forward and "forward" not in vars(module)


def is_plain(layer: nn.Module | None, kind: type[Module]) -> TypeGuard[Module]:
    """Whether it does what torch wrote for the kind and nothing else: no subclass, no hooks, no other ``forward``."""
    return type(layer) is kind and runs_as(layer, kind) and not (layer._forward_hooks or layer._forward_pre_hooks)


def _fold(parent: nn.Module, first: str, second: str) -> None:
    """Make one layer of two children, if they are a convolution and a BatchNorm as torch wrote them."""
    conv, norm = getattr(parent, first), getattr(parent, second)
    if is_plain(conv, nn.Conv2d) and is_plain(norm, nn.BatchNorm2d) and norm.running_mean is not None:
        setattr(parent, first, fuse_conv_bn_eval(conv, norm))
        setattr(parent, second, nn.Identity())
