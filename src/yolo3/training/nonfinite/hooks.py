"""Hooks that record outputs and gradients that are not finite."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn


class NonFiniteTensor(NamedTuple):
    """A tensor that is not finite."""

    what: str
    """Description, such as ``the output of layer backbone.0.conv (Conv2d) in bfloat16 is not finite``."""
    image: int | None
    """Number of the image in the batch, see `only_row`."""


@contextmanager
def recorded_nonfinite(module: nn.Module) -> Iterator[tuple[list[NonFiniteTensor], list[NonFiniteTensor]]]:
    """Context that records tensors that are not finite as they are computed.

    Args:
        module: Network to watch.

    Yields:
        Two lists that grow, outputs of layers (modules without children) in the forward pass, and gradients of these
        outputs and of weights in the backward pass.
    """
    forward: list[NonFiniteTensor] = []
    backward: list[NonFiniteTensor] = []
    handles = []

    def watch_layer(name: str) -> Callable[..., None]:
        def record_output(layer: nn.Module, inputs: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                return
            if not output.isfinite().all():
                kind = str(output.dtype).removeprefix("torch.")
                what = f"the output of layer {name} ({type(layer).__name__}) in {kind} is not finite"
                forward.append(NonFiniteTensor(what, only_row(output)))
            if output.requires_grad:
                output.register_hook(lambda gradient: record_gradient(f"the output of layer {name}", gradient))

        return record_output

    def watch_weight(name: str) -> Callable[[Tensor], None]:
        return lambda gradient: record_gradient(f"the weight {name}", gradient, has_rows=False)

    def record_gradient(name: str, gradient: Tensor, has_rows: bool = True) -> None:
        if not gradient.isfinite().all():
            what = f"the gradient of {name} is not finite"
            backward.append(NonFiniteTensor(what, only_row(gradient) if has_rows else None))

    for name, layer in module.named_modules():
        if not list(layer.children()):
            handles.append(layer.register_forward_hook(watch_layer(name)))
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            handles.append(weight.register_hook(watch_weight(name)))
    try:
        yield forward, backward
    finally:
        for handle in handles:
            handle.remove()


def only_row(values: Tensor) -> int | None:
    """The first image whose values are not finite; None if that is all of them, so that none stands out.

    Args:
        values: (B, ...), one row per image.
    """
    bad = (~values.flatten(1).isfinite().all(dim=1)).nonzero().flatten().tolist() if values.ndim > 1 else []
    return bad[0] if bad and len(bad) < len(values) else None
