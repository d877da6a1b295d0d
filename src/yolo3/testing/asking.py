"""How a check asks: a condition with a sentence, a step that must not fail, tensors that must stay as they are."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn


def require(condition: bool, sentence: str) -> None:
    """Raise the AssertionError with this sentence unless the condition holds."""
    if not condition:
        raise AssertionError(sentence)


@contextmanager
def step(sentence: str) -> Iterator[None]:
    """Context whose exceptions become an AssertionError: the sentence, then the first line of what was raised."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        raise AssertionError(f"{sentence} ({said})") from error


@contextmanager
def repeatable() -> Iterator[None]:
    """Context with random numbers of a fixed seed, after which the generator goes on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@contextmanager
def unchanged(name: str, **inputs: Any) -> Iterator[None]:
    """Context in which the tensors of some inputs must keep their values.

    Args:
        name: Name of the part that is given the inputs.
        inputs: Tensors, or tuples, lists, dicts and dataclasses of them, by the name of the argument.
    """
    before = {path: tensor.detach().clone() for path, tensor in tensors_in(inputs)}
    yield
    for path, tensor in tensors_in(inputs):
        same = path in before and torch.equal(before[path], tensor.detach())
        require(same, f"{name} changed {path} in place; work on a copy")


def tensors_in(value: Any, path: str = "") -> list[tuple[str, Tensor]]:
    """Every tensor in nested tuples, lists, dicts and dataclasses, with the path to it."""
    if isinstance(value, Tensor):
        return [(path, value)]
    items: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        items = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    elif is_dataclass(value):
        items = [(f"{path}.{field.name}", getattr(value, field.name)) for field in fields(value)]
    return [found for name, item in items for found in tensors_in(item, name)]


def require_close(found: Any, expected: Any, sentence: str, tolerance: float = 1e-4) -> None:
    """Require the same tensors in the same places, nearly or exactly equal."""
    pairs = list(zip(tensors_in(found), tensors_in(expected), strict=False))
    same = len(tensors_in(found)) == len(tensors_in(expected)) and all(
        one.shape == other.shape
        and torch.allclose(one.detach().cpu().double(), other.detach().cpu().double(), tolerance, tolerance)
        for (_, one), (_, other) in pairs
    )
    require(same, sentence)


def require_finite(value: Any, sentence: str) -> None:
    """Require that no tensor holds an infinite number or NaN."""
    require(all(bool(tensor.detach().isfinite().all()) for _, tensor in tensors_in(value)), sentence)


def require_gradients(module: nn.Module, name: str) -> None:
    """Require a finite gradient on every parameter that is trained, after a backward pass."""
    for place, parameter in module.named_parameters():
        if parameter.requires_grad:
            require(parameter.grad is not None, f"{name}.{place} gets no gradient; its output does not depend on it")
            require_finite(parameter.grad, f"{name}.{place} gets a gradient that is not finite")


def other_devices() -> list[str]:
    """The devices of this machine other than its CPU, by kind."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return [] if accelerator is None else [accelerator.type]
