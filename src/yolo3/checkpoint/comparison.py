"""Whether a network is built like another one, module by module: the same tensors may stand for another function."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

_BOOKKEEPING = frozenset(vars(nn.Module())) | {"inplace", "_compiled_call_impl"}
"""Attributes of any module that do not change what it computes."""

_SAME: dict[type[nn.Module], type[nn.Module]] = {nn.SyncBatchNorm: nn.modules.batchnorm._BatchNorm}
"""Classes that compute in evaluation what another one computes: those that take part in training on several GPUs."""


def first_difference(network: nn.Module, other: nn.Module, without: frozenset[str] = frozenset()) -> str | None:
    """The first place where a network is built in another way than another one, in words; None if there is none.

    Compared are, of every module and its counterpart, the class, the settings (such as a slope, a stride, an epsilon),
    the children and their order, the shapes of the tensors, and whether something intervenes: a forward hook, or a
    method replaced on the object. Values of tensors do not count, nor what a user notes on a module besides.

    Args:
        network: Any network.
        other: Network to compare with, on any device, the meta device too.
        without: Settings of the network itself, by name, that do not count.

    Returns:
        Such as ``coarse_head is a MyHead, not a ScalePrediction``.
    """
    return next(_differences(network, other, "", without), None)


def _differences(mine: nn.Module, other: nn.Module, place: str, without: frozenset[str] = frozenset()) -> Iterator[str]:
    subject = place or f"the {type(mine).__name__}"
    if type(mine) is not type(other) and not isinstance(other, _SAME.get(type(mine), ())):
        yield f"{subject} is a {_name(mine, other)}, not a {_name(other, mine)}"
        return
    if mine._forward_hooks or mine._forward_pre_hooks:
        yield f"{subject} has a forward hook"
    own = vars(mine).keys() - vars(other).keys() - _BOOKKEEPING
    for name in sorted(name for name in own if hasattr(type(mine), name)):
        yield f"{subject} has a `{name}` of its own"
    yield from _other_settings(mine, other, place, without)
    yield from _other_tensors(mine, other, place)
    if list(mine._modules) != list(other._modules):
        yield f"{subject} consists of {_listed(mine)}, not of {_listed(other)}"
        return
    for name, child in mine._modules.items():
        counterpart = other._modules[name]
        if child is not None and counterpart is not None:
            yield from _differences(child, counterpart, _joined(place, name))
        elif child is not counterpart:
            yield f"{_joined(place, name)} is {_name_of(child)}, not {_name_of(counterpart)}"


def _other_settings(mine: nn.Module, other: nn.Module, place: str, without: frozenset[str]) -> Iterator[str]:
    found = vars(mine)
    for name, expected in vars(other).items():
        if name not in _BOOKKEEPING | without and (name not in found or found[name] != expected):
            yield f"{_joined(place, name)} is {_short(found.get(name))}, not {_short(expected)}"


def _other_tensors(mine: nn.Module, other: nn.Module, place: str) -> Iterator[str]:
    found = _shapes(mine)
    expected = _shapes(other)
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            yield f"{_joined(place, name)} is of shape {found.get(name)}, not {expected.get(name)}"


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...] | None]:
    tensors: dict[str, Tensor | None] = {**module._parameters, **module._buffers}
    return {name: None if tensor is None else tuple(tensor.shape) for name, tensor in tensors.items()}


def _name(module: nn.Module, other: nn.Module) -> str:
    """The class of a module, with its home where the other's has the same name."""
    kind = type(module)
    if kind.__name__ == type(other).__name__:
        return f"{kind.__module__}.{kind.__qualname__}"
    return kind.__name__


def _name_of(module: nn.Module | None) -> str:
    return "None" if module is None else f"a {type(module).__name__}"


def _listed(module: nn.Module) -> str:
    return ", ".join(module._modules) or "nothing"


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
