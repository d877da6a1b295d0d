"""Objects and predictions to try parts on."""

import torch
from torch import Tensor

from yolo3.boxes import Anchors
from yolo3.structures import GroundTruth

NUM_CLASSES = 3


def scene(size: tuple[int, int]) -> GroundTruth:
    """Objects of three images of (height, width): a large and two small ones, none, and one that fills the image."""
    height, width = size
    boxes = torch.tensor(
        [[0.1, 0.2, 0.8, 0.9], [0.5, 0.5, 0.56, 0.58], [0.02, 0.9, 0.05, 0.97], [0.0, 0.0, 1.0, 1.0]]
    ) * torch.tensor([width, height, width, height])
    return GroundTruth(boxes, torch.tensor([0, 2, 1, 1]), torch.tensor([0, 0, 0, 2]))


def one_small(size: tuple[int, int]) -> GroundTruth:
    """One object of one cell of the finest scale, in the first of three images: coarse scales hold none."""
    height, width = size
    box = torch.tensor([[width / 2, height / 2, width / 2 + 6, height / 2 + 6]])
    return GroundTruth(box, torch.tensor([1]), torch.tensor([0]))


def nothing() -> GroundTruth:
    """No object in any image."""
    return GroundTruth(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))


def random_predictions(anchors: Anchors, size: tuple[int, int], num_classes: int = NUM_CLASSES) -> tuple[Tensor, ...]:
    """(3, A, H/stride, W/stride, 5 + C) random logits per scale."""
    return tuple(
        torch.randn(3, len(sizes), size[0] // stride, size[1] // stride, 5 + num_classes) / 2
        for sizes, stride in anchors
    )
