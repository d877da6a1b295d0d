"""Items of a data set, and how they become a batch."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data._utils.collate import default_collate_fn_map

from yolo3.structures import GroundTruth


class LabelledImage(NamedTuple):
    """An image of the network's size and its objects."""

    image: Tensor
    """(C, H, W) uint8, or float32 in [0, 1] for images of more than 8 bits."""
    boxes: Tensor
    """(N, 4) float32 xyxy, pixels of the network input."""
    labels: Tensor
    """(N,) int64."""
    weights: Tensor
    """(N,) float32."""


class EncodedImage(NamedTuple):
    """An image of the network's size and its dense targets."""

    image: Tensor
    """(C, H, W) float32 in [0, 1]."""
    targets: tuple[Tensor, ...]
    """Dense targets (A, S, S, 6) per scale, coarse to fine."""


Batch = tuple[Tensor, GroundTruth]
"""(B, C, H, W) uint8 images, or float32, and their objects; `unit_range` makes the images what a network takes."""


def collate(items: Sequence[LabelledImage]) -> Batch:
    """Join images, see `stack`, and their objects."""
    truth = GroundTruth.collate([(item.boxes, item.labels) for item in items])
    weights = torch.cat([item.weights for item in items])
    images = stack([item.image for item in items])
    return images, GroundTruth(truth.boxes, truth.labels, truth.image, weights)


def _collate_by_torch(items: Sequence[LabelledImage], *, collate_fn_map: object = None) -> Batch:
    return collate(items)


# a plain `DataLoader` looks here, so that it makes the same batches: images have different numbers of boxes
default_collate_fn_map[LabelledImage] = _collate_by_torch


def stack(images: Sequence[Tensor]) -> Tensor:
    """Images of one size as a batch.

    The batch is stored channels last, as the images are, so that nothing needs to be transposed. Where some images are
    bytes and some are not, all become float32.

    Args:
        images: Images (C, H, W), uint8 or float32 in [0, 1].

    Returns:
        (B, C, H, W) batch; `unit_range` makes it what a network takes.
    """
    if len({image.dtype for image in images}) > 1:
        images = [unit_range(image) for image in images]
    return torch.stack([image.permute(1, 2, 0) for image in images]).permute(0, 3, 1, 2)


def unit_range(images: Tensor) -> Tensor:
    """(..., H, W) bytes -> float32 in [0, 1], on their device; floats stay as they are.

    It is a true division everywhere, so that CUDA gives the numbers of a CPU, to the last bit.
    """
    if images.is_floating_point():
        return images
    floats = images.float()
    # a tensor: by a plain number CUDA does not divide but multiplies with the inverse, which is rounded
    return floats.div_(floats.new_full((), 255.0))
