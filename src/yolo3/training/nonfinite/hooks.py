"""Which layers of a network give out, or get back, numbers that are not finite."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn


class Heard(NamedTuple):
    """A tensor that is not finite."""

    what: str
    """As in ``what layer backbone.0.conv (Conv2d) gives out in bfloat16 is not finite``."""
    image: int | None
    """The image of the batch that it is of, see `only_row`."""


@contextmanager
def listening(module: nn.Module) -> Iterator[tuple[list[Heard], list[Heard]]]:
    """Within, hear of what is not finite as it is computed.

    Yields:
        Outputs of layers (modules without children), as they come forward; and gradients of these outputs and of
        weights, as they come backward. Both grow.
    """
    forward: list[Heard] = []
    backward: list[Heard] = []
    handles = []

    def hear_layer(name: str) -> Callable[..., None]:
        def hear(layer: nn.Module, inputs: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                return
            if not output.isfinite().all():
                kind = str(output.dtype).removeprefix("torch.")
                what = f"what layer {name} ({type(layer).__name__}) gives out in {kind} is not finite"
                forward.append(Heard(what, only_row(output)))
            if output.requires_grad:
                output.register_hook(lambda gradient: hear_gradient(f"the output of layer {name}", gradient))

        return hear

    def hear_weight(name: str) -> Callable[[Tensor], None]:
        return lambda gradient: hear_gradient(f"the weight {name}", gradient, has_rows=False)

    def hear_gradient(name: str, gradient: Tensor, has_rows: bool = True) -> None:
        if not gradient.isfinite().all():
            what = f"the gradient that comes back to {name} is not finite"
            backward.append(Heard(what, only_row(gradient) if has_rows else None))

    for name, layer in module.named_modules():
        if not list(layer.children()):
            handles.append(layer.register_forward_hook(hear_layer(name)))
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            handles.append(weight.register_hook(hear_weight(name)))
    try:
        yield forward, backward
    finally:
        for handle in handles:
            handle.remove()


def only_row(values: Tensor) -> int | None:
    """The first image whose numbers are not finite; None where that is all of them, and none can be blamed.

    Args:
        values: (B, ...), a row an image.
    """
    bad = (~values.flatten(1).isfinite().all(dim=1)).nonzero().flatten().tolist() if values.ndim > 1 else []
    return bad[0] if bad and len(bad) < len(values) else None
