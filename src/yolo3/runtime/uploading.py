"""Images on their way to the device of a network: as bytes, and on CUDA while the network is still at the last ones."""

import torch
from torch import Tensor

from yolo3.data.batch import unit_range


class Upload:
    """A function that brings images to a device.

    Args:
        device: Device of the network.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, images: Tensor) -> Tensor:
        """Images as the network takes them.

        Args:
            images: (B, C, H, W) images on the CPU, uint8 or float32 in [0, 1].

        Returns:
            (B, C, H, W) float32 in [0, 1], on the device, channels last.
        """
        there = images.to(self._device) if self._stream is None else self._beside_the_network(images, self._stream)
        # bytes become floats there: they are a quarter of the data to move
        return unit_range(there).to(memory_format=torch.channels_last)

    def _beside_the_network(self, images: Tensor, stream: torch.cuda.Stream) -> Tensor:
        """Copy in a stream of its own, which does not wait for the network's."""
        network = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(stream):
            there = images.pin_memory().to(self._device, non_blocking=True)  # from other memory it would be waited for
        network.wait_stream(stream)
        there.record_stream(network)  # the network's work on it must end before its memory is used again
        return there
