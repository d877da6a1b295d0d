"""What every recipe begins with: predictions beside the targets they are compared with."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor

from yolo3.assign.grid import check_truth, image_size
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
    finest = scales[-1]
    truth = truth.to(finest.logits.device)
    check_truth(truth, image_size(finest), finest.classes.shape[-1])
    return assigner(truth, scales)


def pair(
    predictions: Predictions, targets: AnyTargets, anchors: Anchors, assigner: Assigner
) -> list[tuple[ScaleOutput, Targets]]:
    """(predictions, targets) of every scale, coarse to fine.

    Raises:
        ValueError: targets of other scales or grids than the predictions.
    """
    scales = ScaleOutput.from_predictions(predictions, anchors)
    if isinstance(targets, GroundTruth):
        return list(zip(scales, assign(assigner, scales, targets), strict=True))
    if len(targets) != len(scales):
        raise ValueError(f"targets of {len(targets)} scales for predictions of {len(scales)}")
    pairs = []
    for scale, target in zip(scales, targets, strict=True):
        target = Targets.from_dense(target, scale.stride) if isinstance(target, Tensor) else cast(Targets, target)
        if target.ignore.shape != scale.logits.shape[:-1]:
            said = f"{tuple(target.ignore.shape)} targets for {tuple(scale.logits.shape[:-1])} predictions"
            raise ValueError(f"{said} (B, A, S, S); were both made for the same image size and anchors?")
        pairs.append((scale, target))
    return pairs
