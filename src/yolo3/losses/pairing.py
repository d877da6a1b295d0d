"""What every recipe begins with: predictions beside the targets they are compared with."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor

from yolo3.assign.grid import image_size
from yolo3.assign.truth import check_targets, check_truth
from yolo3.boxes import Anchors
from yolo3.protocols import Assigner, Predictions
from yolo3.structures import GroundTruth, ScaleOutput, Targets

AnyTargets = GroundTruth | Sequence[Targets] | Sequence[Tensor]
"""What a loss takes: the objects themselves, their targets a scale, or dense (B, A, S, S, 6) targets a scale."""


def assign(assigner: Assigner, scales: Sequence[ScaleOutput], truth: GroundTruth) -> list[Targets]:
    """The targets of every scale, on the device of the predictions.

    Raises:
        ValueError: an object that no target can be made of; it names the box.
    """
    finest = scales[-1].logits
    batch_size, num_classes = len(finest), scales[-1].classes.shape[-1]
    truth = truth.to(finest.device)
    truth = check_truth(truth, image_size(scales[-1]), num_classes, batch_size, finest.dtype)
    return assigner(truth, scales)


def pair(
    predictions: Predictions, targets: AnyTargets, anchors: Anchors, assigner: Assigner
) -> list[tuple[ScaleOutput, Targets]]:
    """(predictions, targets) of every scale, coarse to fine.

    Raises:
        ValueError: targets of other scales or grids than the predictions, or that are not sound; see `check_targets`.
    """
    scales = ScaleOutput.from_predictions(predictions, anchors)
    if isinstance(targets, GroundTruth):
        return list(zip(scales, assign(assigner, scales, targets), strict=True))
    if len(targets) != len(scales):
        raise ValueError(f"targets of {len(targets)} scales for predictions of {len(scales)}")
    pairs = []
    for scale, target in zip(scales, targets, strict=True):
        if isinstance(target, Tensor):
            target = Targets.from_dense(target.to(scale.logits), scale.stride)
        pairs.append((scale, check_targets(cast(Targets, target), scale)))
    return pairs
