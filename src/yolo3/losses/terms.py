"""The terms that recipes are made of. A term of your own is anything that fits a protocol here.

A term gives one value per positive or slot; the recipe sums or averages them, and weights the result.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from yolo3.boxes import Overlap, box_iou, cxcywh_to_xyxy
from yolo3.boxes.iou import check_overlap
from yolo3.losses.distributed import count_per_process
from yolo3.structures import ScaleOutput, Targets


class BoxTerm(Protocol):
    """Distance between a predicted box and its object."""

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        """(P,) values, from the predictions at the positive slots."""
        ...


class LogitTerm(Protocol):
    """Distance between logits and target probabilities."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """(...,) values of (...,) logits and (...,) targets in [0, 1]."""
        ...


class ClassTerm(Protocol):
    """Distance between class logits and the label of an object."""

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
    """1 - overlap of the decoded box and its object.

    Args:
        kind: Kind of overlap, see `box_iou`.
        power: Power of the IoU and of each penalty, see `box_iou`.

    Raises:
        ValueError: A kind or power that `box_iou` does not have.
    """

    kind: Overlap = "giou"
    power: float = 1.0

    def __post_init__(self) -> None:
        check_overlap(self.kind, self.power)

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        """(P,) values."""
        return 1 - overlap(positives, targets, self.kind, self.power)


@dataclass(frozen=True)
class DarknetBox:
    """Cross-entropy of the centre in its cell and half the squared error of the log sizes, summed over the four.

    Its gradient in the logits is Darknet's: σ(x) - offset and tw - log(w / anchor).
    """

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        """(P,) values."""
        offset = targets.offsets(positives.stride)
        wanted = (offset + (positives.xy_scale - 1) / 2) / positives.xy_scale  # the σ that decodes to this offset
        centre = F.binary_cross_entropy_with_logits(positives.centre_logits, wanted, reduction="none")
        size = (targets.boxes[:, 2:] / positives.anchors).log()
        return (centre + (positives.log_ratios - size).square() / 2).sum(dim=1)


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """Binary cross-entropy of logits.

    Args:
        pos_weight: Weight of the positive part.
    """

    pos_weight: float = 1.0

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values of the logits' shape."""
        pos_weight = None if self.pos_weight == 1 else logits.new_tensor(self.pos_weight)
        return F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight, reduction="none")


@dataclass(frozen=True)
class FocalCrossEntropy:
    """Binary cross-entropy times (1 - p_t)^gamma, so that easy examples count little.

    p_t = t·p + (1 - t)(1 - p), which holds for targets between 0 and 1 too.

    Args:
        gamma: Exponent; the larger, the less easy examples count.
        alpha: Balance of positives and background: a factor t·alpha + (1 - t)(1 - alpha). Default: none.
        pos_weight: Weight of the positive part of the cross-entropy.

    Source:
        Focal loss, arXiv 1708.02002 eq. 4 and 5.
    """

    gamma: float = 2.0
    alpha: float | None = None
    pos_weight: float = 1.0

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values of the logits' shape."""
        wrong = torch.addcmul(target, logits.sigmoid(), 1 - 2 * target)  # 1 - p_t
        if self.gamma < 1:
            wrong = wrong.clamp(min=1e-9)  # at exactly 0 the gradient of such a power would be infinite
        value = BinaryCrossEntropy(self.pos_weight)(logits, target) * wrong**self.gamma
        if self.alpha is None:
            return value
        return value * (1 - self.alpha + (2 * self.alpha - 1) * target)  # t·alpha + (1 - t)(1 - alpha)


@dataclass(frozen=True)
class SquaredErrorProbability:
    """Half the squared error of the probability. Source: YOLO, arXiv 1506.02640 eq. 3; YOLOv2 keeps it."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values of the logits' shape."""
        return (logits.sigmoid() - target).square() / 2


@dataclass(frozen=True)
class QualityFocal:
    """Binary cross-entropy times ``|t - p|^gamma``, so that predictions near any target count little.

    Args:
        gamma: Exponent.

    Source:
        Generalized focal loss, arXiv 2006.04388 eq. 6.
    """

    gamma: float = 2.0

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values of the logits' shape."""
        distance = (target - logits.sigmoid()).abs()
        if self.gamma < 1:
            distance = distance.clamp(min=1e-9)  # at exactly 0 the gradient of such a power would be infinite
        return BinaryCrossEntropy()(logits, target) * distance**self.gamma


@dataclass(frozen=True)
class Varifocal:
    """Cross-entropy weighted by the target at positives, and by alpha·p^gamma where the target is 0.

    Args:
        gamma: Exponent; the larger, the less easy background counts.
        alpha: Weight of background.

    Source:
        VarifocalNet, arXiv 2008.13367 eq. 2.
    """

    gamma: float = 2.0
    alpha: float = 0.75

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values of the logits' shape."""
        probability = logits.sigmoid()
        if self.gamma < 1:
            probability = probability.clamp(min=1e-9)
        weight = torch.where(target > 0, target, self.alpha * probability**self.gamma)
        return BinaryCrossEntropy()(logits, target) * weight


@dataclass(frozen=True)
class CrossEntropyClasses:
    """Softmax cross-entropy: the classes exclude each other.

    Args:
        label_smoothing: Label smoothing: share of the label that is spread over all classes.
    """

    label_smoothing: float = 0.0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(P,) values."""
        target = labels if labels.ndim == 1 else labels / labels.sum(dim=1, keepdim=True)
        return F.cross_entropy(logits, target, reduction="none", label_smoothing=self.label_smoothing)


@dataclass(frozen=True)
class MultiLabelClasses:
    """Binary cross-entropy of each class, summed over the classes: an object may belong to several.

    Args:
        entropy: Term of a class logit and its target.
        label_smoothing: Label smoothing ε: the targets are 1 - ε/2 and ε/2.
    """

    entropy: LogitTerm = BinaryCrossEntropy()
    label_smoothing: float = 0.0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(P,) values."""
        hot = F.one_hot(labels, logits.shape[1]) if labels.ndim == 1 else labels
        target = hot.to(logits.dtype) * (1 - self.label_smoothing) + self.label_smoothing / 2
        return self.entropy(logits, target).sum(dim=1)


def overlap(positives: ScaleOutput, targets: Targets, kind: Overlap = "iou", power: float = 1.0) -> Tensor:
    """(P,) overlap of each decoded box and its object; `kind` and `power` as in `box_iou`."""
    return box_iou(positives.xyxy, cxcywh_to_xyxy(targets.boxes), kind, power=power)


def average(values: Tensor, count: Tensor | int) -> Tensor:
    """The mean of values, `count` of which are members; 0, with a gradient path, if there are none.

    Within `global_batch` the members of all processes count.

    Args:
        values: Values, 0 for those that are no members.
        count: Number of members in this process.
    """
    return values.sum() / count_per_process(torch.as_tensor(count, dtype=values.dtype, device=values.device))


def total(terms: dict[str, Tensor]) -> Tensor:
    """The loss: the sum of its terms, a scalar."""
    return torch.stack(list(terms.values())).sum()
