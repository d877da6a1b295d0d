"""What became of an object or a class, and why, in one sentence with the numbers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from yolo3.boxes import box_iou
from yolo3.explain.slots import Reader
from yolo3.explain.suppressing import Trace
from yolo3.explain.values import ExplainedDetection, SlotPrediction, Verdict
from yolo3.suppression import Suppression

MIN_IOU = 0.5
"""IoU with an object from which a box counts as a detection of it."""
_NEAR = 0.1  # IoU from which a detection is taken for a badly placed one of an object


def threshold_of(suppression: Suppression, label: int) -> float:
    """Confidence threshold of a class; infinite where it is not looked for."""
    threshold = suppression.min_score
    if not isinstance(threshold, Tensor):
        return threshold
    return threshold[label].item() if threshold.ndim else threshold.item()


def class_verdict(
    reader: Reader, traced: Trace, suppression: Suppression, label: int, detections: Sequence[ExplainedDetection]
) -> Verdict:
    """Why a class is found in the image, or where the network came closest to it."""
    own = [each.prediction for each in detections if each.prediction.of_class.label == label]
    name = reader.class_name(label)
    threshold = threshold_of(suppression, label)
    if own:
        best = own[0]
        several = f"{len(own)} detections; the best scores" if len(own) > 1 else "one detection, which scores"
        return Verdict("found", f"{several} {_product(best)}.", best)
    closest = _closest(reader, label, torch.ones(reader.num_candidates, dtype=torch.bool))
    assert closest is not None
    if threshold == float("inf"):
        reason = f"{name} is none of the classes that are looked for; its highest score is {_product(closest)}."
        return Verdict("not looked for", reason, closest)
    if (dropped := _dropped(reader, traced, label, None)) is not None:
        return dropped
    reason = f"The highest score of {name} is {_product(closest)}, {_below(threshold)}.{_instead(closest)}"
    return Verdict("below threshold", reason, closest)


def object_verdict(
    reader: Reader,
    traced: Trace,
    suppression: Suppression,
    box: Tensor,
    label: int,
    detections: Sequence[ExplainedDetection],
    number: int,
    has_slot: bool,
) -> Verdict:
    """Why an object was found or missed.

    Args:
        reader: Reader of the predictions.
        traced: Result of suppression.
        suppression: Thresholds and limits.
        box: (4,) xyxy of the object, pixels of the image.
        label: Class of the object.
        detections: Detections, each with the index of the object that it found.
        number: Index of this object.
        has_slot: Whether any slot is responsible for it.
    """
    name = reader.class_name(label)
    overlap = _iou(box, [each.prediction for each in detections])
    for each, iou in zip(detections, overlap, strict=True):
        if each.finds == number:
            return Verdict(
                "found", f"Detected at IoU {iou:.2f}, with score {_product(each.prediction)}.", each.prediction
            )
    threshold = threshold_of(suppression, label)
    overlaps = box_iou(box, reader.letterbox.invert(reader.boxes))
    if threshold == float("inf"):
        closest = _closest(reader, label, overlaps >= MIN_IOU)
        return Verdict("not looked for", f"{name} is none of the classes that are looked for.", closest)
    if (dropped := _dropped(reader, traced, label, overlaps)) is not None:
        return dropped
    near = [(iou, each.prediction) for each, iou in zip(detections, overlap, strict=True) if each.finds is None]
    others = [(iou, each) for iou, each in near if each.of_class.label != label and iou >= MIN_IOU]
    if others:
        iou, other = others[0]
        said = f"Detected as {other.of_class.name} at IoU {iou:.2f}, with score {other.score:.3f}"
        (own,) = reader.predictions([reader.candidate_of(other.slot)], [label])
        return Verdict("wrong class", f"{said}; the same slot gives {name} {_product(own)}.", own)
    misplaced = [(iou, each) for iou, each in near if each.of_class.label == label and iou >= _NEAR]
    if misplaced:
        iou, other = max(misplaced, key=lambda pair: pair[0])
        reason = f"A {name} is detected with score {other.score:.3f}, but its box overlaps the object by IoU {iou:.2f}"
        return Verdict("badly placed", f"{reason} only; {MIN_IOU:g} is needed.", other)
    closest = _closest(reader, label, (overlaps >= MIN_IOU) & (reader.scores[:, label] <= threshold))
    nearest = f"The closest box scores {_product(closest)}.{_instead(closest)}" if closest else ""
    if not has_slot:
        reason = "Other objects have taken every slot that could be responsible for it."
        return Verdict("no slot", f"{reason} {nearest}".strip(), closest)
    if closest is None:
        reason = f"No slot predicts a box that overlaps it by IoU {MIN_IOU:g}; the best overlaps it by "
        best = int(overlaps.argmax())
        return Verdict("no box", f"{reason}{overlaps[best].item():.2f}.", reader.predictions([best], [label])[0])
    reason = f"The best box at IoU {MIN_IOU:g} or more scores {_product(closest)}, {_below(threshold)}."
    return Verdict("below threshold", reason + _instead(closest), closest)


def found_objects(boxes: Tensor, labels: Sequence[int], detections: Sequence[ExplainedDetection]) -> dict[int, int]:
    """The object that each detection finds, by index of the detection.

    In order of score, each detection takes the object of its class that it overlaps most among those that are left, as
    in COCO's evaluation.
    """
    taken: dict[int, int] = {}
    for number, each in enumerate(detections):
        own = each.prediction
        overlap = box_iou(torch.tensor(own.box), boxes).tolist()
        free = [
            (iou, index)
            for index, iou in enumerate(overlap)
            if iou >= MIN_IOU and labels[index] == own.of_class.label and index not in taken.values()
        ]
        if free:
            taken[number] = max(free)[1]
    return taken


def _dropped(reader: Reader, traced: Trace, label: int, overlaps: Tensor | None) -> Verdict | None:
    """The best box of a class that passed the threshold and was not kept, among those that overlap an object."""
    choice = traced.choice
    lost = choice.labels == label
    lost[choice.kept] = False
    if overlaps is not None:
        lost &= overlaps[choice.candidates] >= MIN_IOU
    pairs = lost.nonzero()[:, 0]
    if not len(pairs):
        return None
    best = int(pairs[choice.scores[pairs].argmax()])
    (own,) = reader.predictions([int(choice.candidates[best])], [label])
    winner = int(traced.dropped_for[best])
    if winner < 0:
        reason = f"A box of score {_product(own)} came after the {len(choice.kept)} best, which are all that are kept."
        return Verdict("beyond the limit", reason, own)
    (kept,) = reader.predictions([int(choice.candidates[winner])], [int(choice.labels[winner])])
    reason = (
        f"A box of score {_product(own)} was dropped for the {kept.of_class.name} of score {kept.score:.3f}, which it "
        f"overlaps by IoU {traced.iou[best].item():.2f}."
    )
    return Verdict("dropped by NMS", reason, own)


def _closest(reader: Reader, label: int, among: Tensor) -> SlotPrediction | None:
    """The candidate of highest score for a class, among those of a mask; None where it is empty."""
    if not among.any():
        return None
    scores = reader.scores[:, label].masked_fill(~among, -1)
    return reader.predictions([int(scores.argmax())], [label])[0]


def _iou(box: Tensor, predictions: Sequence[SlotPrediction]) -> list[float]:
    if not predictions:
        return []
    return box_iou(box, torch.tensor([each.box for each in predictions])).tolist()


def _product(prediction: SlotPrediction) -> str:
    """``0.107 = objectness 0.590 x P(cat) 0.182``."""
    own = prediction.of_class
    return f"{own.score:.3f} = objectness {prediction.objectness:.3f} x P({own.name}) {own.probability:.3f}"


def _below(threshold: float) -> str:
    return f"not above the threshold of {threshold:g}"


def _instead(prediction: SlotPrediction) -> str:
    """What the same slot takes it for, if for something else."""
    best = prediction.best_classes[0]
    if best.label == prediction.of_class.label:
        return ""
    return f" The same slot scores {best.score:.3f} for {best.name}."
