"""LayerCAM: which parts of an image speak for a prediction."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_LINEAR = (nn.Conv2d, nn.BatchNorm2d, nn.Identity, nn.modules.padding._ConstantPadNd)

Grid = tuple[int, int]
"""Rows and columns."""


def layer_cam(
    network: nn.Module, images: Tensor, target: Callable[[Any], Tensor], grids: Sequence[Grid]
) -> list[Tensor]:
    """The evidence for a prediction in the features of every scale.

    The features of a scale are the first map of its size after an activation (or a pooling or a sum): it is as sharp as
    that scale gets, and all of the network after it decides what counts.

    Args:
        network: Network through which gradients flow, in evaluation mode.
        images: (1, C, H, W) images.
        target: Function of the network's output: a scalar, as the logits of the predictions to explain.
        grids: Size of each scale's map.

    Returns:
        (rows, columns) map per scale: ReLU(Σ_k ReLU(∂target/∂A_k) · A_k), 0 everywhere if the target does not depend
        on features of that size.

    Source:
        Jiang et al., LayerCAM, IEEE TIP 2021, eq. 4 to 6.
    """
    first: dict[Grid, Tensor] = {}
    others: dict[Grid, Tensor] = {}

    def keep(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.requires_grad:
            kept = others if isinstance(module, _LINEAR) else first
            kept.setdefault((output.shape[2], output.shape[3]), output)

    hooks = [module.register_forward_hook(keep) for module in network.modules() if not list(module.children())]
    try:
        with torch.enable_grad():
            scalar = target(network(images.detach().clone().requires_grad_()))
    finally:
        for hook in hooks:
            hook.remove()
    features = [first.get(grid, others.get(grid)) for grid in grids]
    wanted = [each for each in features if each is not None]
    gradients: Iterator[Tensor | None] = iter(())
    if wanted:
        gradients = iter(torch.autograd.grad(scalar, wanted, allow_unused=True))
    return [
        torch.zeros(grid) if feature is None else _evidence(feature, next(gradients))
        for grid, feature in zip(grids, features, strict=True)
    ]


def _evidence(feature: Tensor, gradient: Tensor | None) -> Tensor:
    """(rows, columns) of (1, K, rows, columns) features and their gradient; None where nothing depends on them."""
    if gradient is None:
        return torch.zeros(feature.shape[2:])
    return (gradient.float().relu() * feature.detach().float())[0].sum(dim=0).relu().cpu()
