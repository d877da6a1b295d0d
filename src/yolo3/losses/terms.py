"""The terms that recipes are made of. A term of your own is anything that fits a protocol here.

Terms give one value a positive (or a slot); the recipe says whether they are summed or averaged, and their weight.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from yolo3.boxes import Overlap, box_iou, cxcywh_to_xyxy
from yolo3.structures import ScaleOutput, Targets


class BoxTerm(Protocol):
    """How far a predicted box is from its object."""

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        """(P,) values, from the predictions at the positive slots."""
        ...


class LogitTerm(Protocol):
    """How far logits are from probabilities."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """(...,) values of (...,) logits and (...,) targets in [0, 1]."""
        ...


class ClassTerm(Protocol):
    """How far the class logits are from an object's label."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(P,) values of (P, C) logits and (P,) class numbers or (P, C) multi-hot labels."""
        ...


@dataclass(frozen=True)
class SquaredErrorBox:
    """Mean squared error of the offsets (σx, σy, tw, th). Source: YOLOv3, arXiv 1804.02767 §2.1."""

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        """(P,) values."""
        size = (targets.boxes[:, 2:] / positives.anchors).log()
        truth = torch.cat([targets.offsets(positives.stride), size], dim=1)
        return (positives.offsets - truth).square().mean(dim=1)


@dataclass(frozen=True)
class IoUBox:
    """1 - overlap of the decoded box and its object; `kind` as in `box_iou`."""

    kind: Overlap = "giou"

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        """(P,) values."""
        return 1 - overlap(positives, targets, self.kind)


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """Binary cross-entropy of logits.

    Args:
        pos_weight: multiplies the part of the target.
    """

    pos_weight: float = 1.0

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values of the logits' shape."""
        pos_weight = None if self.pos_weight == 1 else logits.new_tensor(self.pos_weight)
        return F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight, reduction="none")


@dataclass(frozen=True)
class CrossEntropyClasses:
    """Softmax cross-entropy: the classes exclude each other.

    Args:
        label_smoothing: share of the label that is spread over all classes.
    """

    label_smoothing: float = 0.0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(P,) values."""
        target = labels if labels.ndim == 1 else labels / labels.sum(dim=1, keepdim=True)
        return F.cross_entropy(logits, target, reduction="none", label_smoothing=self.label_smoothing)


def overlap(positives: ScaleOutput, targets: Targets, kind: Overlap = "iou") -> Tensor:
    """(P,) overlap of each decoded box and its object."""
    return box_iou(positives.xyxy, cxcywh_to_xyxy(targets.boxes), kind)


def average(values: Tensor, count: Tensor | int) -> Tensor:
    """The mean of values, of which `count` are members; 0, with a gradient path, when there are none."""
    return values.sum() / torch.as_tensor(count, dtype=values.dtype, device=values.device).clamp(min=1)
