"""What a network takes: images of the right shape, type and size. Said before a convolution says it less clearly."""

from typing import Any

from torch import Tensor

from yolo3.scale_output import check_image_size

IMAGE_CHANNELS = 3
"""Channels that images are read with: red, green, blue."""


def check_images(images: Tensor, stride: int) -> None:
    """Refuse what is no batch of images for a network.

    Args:
        images: What was given as (B, C, H, W) in [0, 1].
        stride: Pixels; H and W must be multiples of it.

    Raises:
        ValueError: another number of axes, integers, a height or width that is not a multiple of the stride.
    """
    if images.ndim != 4:
        hint = "; a single image needs a batch axis: images[None]" if images.ndim == 3 else ""
        raise ValueError(f"images are (B, C, H, W), not {tuple(images.shape)}{hint}")
    if not images.is_floating_point():
        raise ValueError(f"images are floats in [0, 1], not {images.dtype}; divide them by 255: images.float() / 255")
    check_image_size((images.shape[2], images.shape[3]), stride)


def check_channels(detector: Any) -> None:
    """Refuse a detector that takes another number of channels than images are read with.

    Raises:
        ValueError: its ``in_channels``, where it says them, are not three.
    """
    channels = getattr(detector, "in_channels", IMAGE_CHANNELS)
    if channels != IMAGE_CHANNELS:
        raise ValueError(
            f"the detector takes images of {channels} channels, and images are read as RGB, of {IMAGE_CHANNELS}"
        )
