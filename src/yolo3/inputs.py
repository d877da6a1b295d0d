"""Batches that a network takes: of the right shape, type and size. Said before a convolution says it less clearly."""

from torch import Tensor

from yolo3.scale_output import check_image_size


def check_images(images: Tensor, stride: int, channels: int | None) -> None:
    """Refuse what is no batch of images for a network.

    Args:
        images: Input of the network, which should be (B, C, H, W) in [0, 1].
        stride: Pixels. H and W must be multiples of it.
        channels: Number of channels that the network takes; None where it does not say.

    Raises:
        ValueError: Another number of axes or channels, integers, a height or width that is not a multiple of the
            stride.
    """
    if images.ndim != 4:
        hint = "; a single image needs a batch axis: images[None]" if images.ndim == 3 else ""
        raise ValueError(f"images are (B, C, H, W), not {tuple(images.shape)}{hint}")
    if not images.is_floating_point():
        raise ValueError(f"images are floats in [0, 1], not {images.dtype}; divide them by 255: images.float() / 255")
    if channels is not None and images.shape[1] != channels:
        raise ValueError(f"the images have {images.shape[1]} channels, and the network takes {channels}")
    check_image_size((images.shape[2], images.shape[3]), stride)
