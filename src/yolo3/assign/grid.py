"""What every policy needs: which cell a box is in, and whether the objects are sound."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from yolo3.boxes import xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput


def centre_cells(cxcywh: Tensor, scale: ScaleOutput) -> tuple[Tensor, Tensor]:
    """(N,) row and (N,) column of the cell that holds each box's centre; the far edges belong to the last cell."""
    rows, columns = scale.logits.shape[2:4]
    column, row = (cxcywh[:, :2] / scale.stride).long().unbind(1)
    return row.clamp(0, rows - 1), column.clamp(0, columns - 1)


def last_in_slot(slots: Tensor, grid: Sequence[int]) -> Tensor:
    """(P,) for each of (P, 4) slots, the index of the last one that is the same slot: itself, where none follows.

    Args:
        slots: image, anchor, row, column.
        grid: (B, A, S, S) that they lie in.
    """
    _, num_anchors, rows, columns = grid
    image, anchor, row, column = slots.unbind(1)
    key = ((image * num_anchors + anchor) * rows + row) * columns + column
    order = torch.arange(len(slots), device=slots.device)
    last = torch.zeros(math.prod(grid), dtype=torch.long, device=slots.device)
    return last.scatter_reduce_(0, key, order, "amax")[key]


def image_size(scale: ScaleOutput) -> tuple[int, int]:
    """(height, width) in pixels of the network input that a scale was predicted from."""
    return scale.logits.shape[2] * int(scale.stride), scale.logits.shape[3] * int(scale.stride)


def check_truth(truth: GroundTruth, image_size: tuple[int, int], num_classes: int | None = None) -> None:
    """Refuse objects that no target can be made of.

    Args:
        truth: the objects of a batch.
        image_size: (height, width) of the network input, pixels.
        num_classes: labels must be below it; None leaves the upper end open.

    Raises:
        ValueError: a coordinate that is not finite, a width or height that is not positive, a centre outside the
            image, a label out of range; it names the box.
    """
    boxes, labels = truth.boxes, truth.labels
    size, centre = boxes[:, 2:] - boxes[:, :2], xyxy_to_cxcywh(boxes)[:, :2]
    edge = boxes.new_tensor([image_size[1], image_size[0]])
    height, width = image_size
    checks = [
        (boxes.isfinite().all(1), "has a coordinate that is not finite"),
        ((size > 0).all(1), "has no area: give left < right and top < bottom in pixels, or leave it out"),
        (
            ((centre >= 0) & (centre <= edge)).all(1),
            f"has its centre outside the {height} x {width} image: clip it first",
        ),
    ]
    if labels.ndim == 1:
        upper = torch.inf if num_classes is None else num_classes
        said = "0 or more" if num_classes is None else f"in 0..{num_classes - 1}; are the labels 1-based?"
        checks.append(((labels >= 0) & (labels < upper), f"has a label that is not {said}"))
    elif num_classes is not None and labels.shape[1] != num_classes:
        raise ValueError(f"multi-hot labels of {labels.shape[1]} classes for a detector of {num_classes}")
    if all(sound.all() for sound, _ in checks):
        return
    for sound, complaint in checks:
        for index in (~sound).nonzero().flatten().tolist()[:1]:
            which = f"image {int(truth.image[index])}, label {labels[index].tolist()}, xyxy {boxes[index].tolist()}"
            raise ValueError(f"box {index} ({which}) {complaint}")
