"""A network compiled by torch, or as it is where that does not work."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

_SETTINGS: dict[str, Any] = {"freezing": True}  # weights are constants, laid out for the hardware while compiling


class CompiledNetwork:
    """A network for inference, compiled when it first sees a shape.

    That takes a minute or so, less where the compiler finds on disk what it made before. Where it does not work (no C++
    compiler, an operation that the compiler does not know), a warning says why, and the network runs as it is.

    Args:
        network: Network in evaluation mode.
        batch_size: Usual number of images per batch.
    """

    def __init__(self, network: nn.Module, batch_size: int) -> None:
        self._network = network
        self._batch_size = batch_size
        self._compiled: Any = torch.compile(network, dynamic=False, options=_SETTINGS)

    def filled(self, images: Tensor) -> Tensor:
        """A smaller batch filled up with black images: each batch size would have to be compiled for.

        A single image stays alone: it would cost as much as a whole batch each time.
        """
        missing = self._batch_size - len(images)
        if self._compiled is None or len(images) == 1 or missing <= 0:
            return images
        return torch.cat([images, images.new_zeros(missing, *images.shape[1:])])

    def __call__(self, images: Tensor) -> Any:
        """(B, C, H, W) -> the network's predictions."""
        if self._compiled is None:
            return self._network(images)
        try:
            return self._compiled(images)
        except Exception as error:
            predictions = self._network(images)  # if the images are at fault, this says so
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            warnings.warn(f"the network runs uncompiled: torch.compile failed ({reason})", stacklevel=2)
            self._compiled = None
            return predictions
