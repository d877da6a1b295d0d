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
    """Stack images and join their objects.

    The batch is stored channels last, as the images are, so that nothing needs to be transposed. Where some images are
    bytes and some are not, all become float32.
    """
    truth = GroundTruth.collate([(item.boxes, item.labels) for item in items])
    weights = torch.cat([item.weights for item in items])
    pixels = [item.image for item in items]
    if len({image.dtype for image in pixels}) > 1:
        pixels = [unit_range(image) for image in pixels]
    images = torch.stack([image.permute(1, 2, 0) for image in pixels]).permute(0, 3, 1, 2)  # (B, C, H, W)
    return images, GroundTruth(truth.boxes, truth.labels, truth.image, weights)


def _collate_by_torch(items: Sequence[LabelledImage], *, collate_fn_map: object = None) -> Batch:
    return collate(items)


# a plain `DataLoader` looks here, so that it makes the same batches: images have different numbers of boxes
default_collate_fn_map[LabelledImage] = _collate_by_torch


def unit_range(images: Tensor) -> Tensor:
    """(..., H, W) bytes -> float32 in [0, 1], on their device; floats stay as they are."""
    return images if images.is_floating_point() else images.float().div_(255)
