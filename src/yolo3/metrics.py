"""Mean average precision: detections against the annotations, in the conventions of COCO and of Pascal VOC."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from yolo3.boxes import box_iou
from yolo3.data import Sample
from yolo3.structures import Detections

Interpolation = Literal["all-point", "11-point"]
_Array = npt.NDArray[np.float64]

_NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""In the order of pycocotools' ``stats``."""


@dataclass(frozen=True)
class ClassAP:
    """Average precision of one class."""

    AP: float
    """Mean over the IoU thresholds 0.50, 0.55, …, 0.95."""
    AP50: float
    """At IoU 0.50."""


@dataclass(frozen=True)
class CocoMetrics:
    """The twelve numbers of COCO, in [0, 1]; -1, as in pycocotools, where there is no truth to find.

    The size of an object is its area: small below 32² pixels of the picture, large above 96².
    """

    AP: float
    """Average precision, mean over IoU 0.50 to 0.95 and over the classes that have truth."""
    AP50: float
    AP75: float
    APs: float
    """Of small objects, as m of medium and l of large ones."""
    APm: float
    APl: float
    AR1: float
    """Average recall with at most one detection an image and class, as 10 and 100 with so many."""
    AR10: float
    AR100: float
    ARs: float
    ARm: float
    ARl: float
    per_class: dict[str, ClassAP]
    """Of each class that has truth, by its name."""
    without_truth: tuple[str, ...] = ()
    """The classes that do not occur in the annotations: they are left out of every mean."""

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, as ``metrics.json`` holds them."""
        return asdict(self) | {"without_truth": list(self.without_truth)}

    def scores(self) -> dict[str, float]:
        """The twelve numbers alone."""
        return {name: getattr(self, name) for name in _NUMBERS}

    def __str__(self) -> str:
        """A table: a row a class, then all of them, then the other numbers."""
        width = max([len("all classes"), *map(len, self.per_class)])
        lines = [f"{'class':<{width}}  {'AP':>6}  {'AP50':>6}"]
        lines += [f"{name:<{width}}  {_shown(each.AP)}  {_shown(each.AP50)}" for name, each in self.per_class.items()]
        lines += [f"{'all classes':<{width}}  {_shown(self.AP)}  {_shown(self.AP50)}", ""]
        others = [(name, value) for name, value in self.scores().items() if name not in ("AP", "AP50")]
        lines += ["  ".join(f"{name:>6}" for name, _ in others), "  ".join(_shown(value) for _, value in others)]
        if self.without_truth:
            lines.append(f"not in the annotations, so left out of the means: {', '.join(self.without_truth)}")
        return "\n".join(lines)


def coco_metrics(samples: Sequence[Sample], found: Sequence[Detections], names: Sequence[str]) -> CocoMetrics:
    """Measure detections as COCO does; the numbers are those of pycocotools.

    What lies on a crowd is neither right nor wrong, and on an object that VOC calls difficult likewise.

    Args:
        samples: the pictures with their annotations.
        found: in each picture, pixels of the picture; of each class the best 100 of a picture count.
        names: of the classes, by number.

    Raises:
        ValueError: detections of another number of pictures.
        ModuleNotFoundError: faster-coco-eval is not installed.

    Source:
        https://cocodataset.org/#detection-eval
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ModuleNotFoundError as missing:
        message = "COCO metrics need faster-coco-eval: pip install 'yolo3[train]'"
        raise ModuleNotFoundError(message, name=missing.name) from missing
    _check_lengths(samples, found)
    images = [
        {"id": number, "height": sample.size[0], "width": sample.size[1]} for number, sample in enumerate(samples)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    truth = COCO({"images": images, "categories": categories, "annotations": _annotations(samples)})
    evaluation = COCOeval_faster(truth, truth.loadRes(_results(found)), iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    precision = evaluation.eval["precision"][..., 0, -1]  # (10 IoUs, 101 recalls, C) of all sizes
    with_truth = [number for number in range(len(names)) if precision[0, 0, number] > -1]
    return CocoMetrics(
        **dict(zip(_NUMBERS, map(float, evaluation.stats), strict=True)),
        per_class={
            names[number]: ClassAP(float(precision[..., number].mean()), float(precision[0, :, number].mean()))
            for number in with_truth
        },
        without_truth=tuple(name for number, name in enumerate(names) if number not in with_truth),
    )


def voc_average_precision(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    names: Sequence[str],
    iou_threshold: float = 0.5,
    interpolation: Interpolation = "all-point",
) -> dict[str, float]:
    """Average precision of each class that has truth, as Pascal VOC measures it; their mean is VOC's mAP.

    A detection belongs to the object it overlaps most. The best one of an object is right and the others are wrong;
    what belongs to a difficult object or a crowd is neither.

    Args:
        samples: the pictures with their annotations.
        found: in each picture, pixels of the picture.
        names: of the classes, by number.
        iou_threshold: a detection is right from this IoU on.
        interpolation: ``all-point``, the area under the curve, since 2010; ``11-point``, the mean at 11 recalls, 2007.

    Raises:
        ValueError: detections of another number of pictures, an unknown interpolation.

    Source:
        ``VOCevaldet.m`` of the Pascal VOC development kit.
    """
    if interpolation not in ("all-point", "11-point"):
        raise ValueError(f"unknown interpolation {interpolation!r}; choose all-point or 11-point")
    _check_lengths(samples, found)
    measured = {}
    for label, name in enumerate(names):
        parts = [_judged(sample, each, label, iou_threshold) for sample, each in zip(samples, found, strict=True)]
        num_objects = sum(count for _, _, count in parts)
        if num_objects:
            scores = np.concatenate([scores for scores, _, _ in parts])
            right = np.concatenate([right for _, right, _ in parts])[np.argsort(-scores, kind="stable")]
            hits = right.cumsum()
            recall, precision = hits / num_objects, hits / np.arange(1, len(right) + 1)
            measured[name] = average_precision(recall, precision, interpolation)
    return measured


def average_precision(recall: _Array, precision: _Array, interpolation: Interpolation = "all-point") -> float:
    """The area under a curve of precision over recall, where precision counts as the best one at no less recall.

    Args:
        recall: (N,) ascending.
        precision: (N,).
        interpolation: see `voc_average_precision`.
    """
    best = np.maximum.accumulate(np.append(precision, 0.0)[::-1])[::-1]
    if interpolation == "11-point":
        # a tenth as float may be a hair above the recall it equals
        return float(best[np.searchsorted(recall, np.linspace(0, 1, 11) - 1e-12)].mean())
    return float((np.diff(recall, prepend=0.0) * best[:-1]).sum())


def _judged(
    sample: Sample, found: Detections, label: int, iou_threshold: float
) -> tuple[_Array, npt.NDArray[Any], int]:
    """Scores of the detections of a class in a picture, which are right, and how many objects there were to find.

    Detections that neither count nor harm are left out.
    """
    mine = found[found.labels == label]
    mine = mine[mine.scores.argsort(descending=True, stable=True)]
    is_object = sample.labels == label
    hard = torch.from_numpy((sample.difficult | sample.crowd)[is_object])
    truth = torch.from_numpy(sample.boxes[is_object])
    scores, right = mine.scores.double().numpy(), np.zeros(len(mine), dtype=bool)
    counts = np.ones(len(mine), dtype=bool)
    if len(truth) and len(mine):
        # VOC counts pixels, corners included: a box from 3 to 5 is 3 wide
        pixels = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=torch.float64)
        overlap, nearest = box_iou((mine.boxes + pixels)[:, None], truth + pixels).max(dim=1)
        matched: set[int] = set()
        for index in (overlap >= iou_threshold).nonzero().flatten().tolist():
            target = int(nearest[index])
            if hard[target]:
                counts[index] = False
            else:
                right[index] = target not in matched
                matched.add(target)
    return scores[counts], right[counts], int((~hard).sum())


def _annotations(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """The truth as COCO writes it."""
    annotations: list[dict[str, Any]] = []
    for number, sample in enumerate(samples):
        ignored = sample.crowd | sample.difficult
        boxes = _ltwh(sample.boxes)
        for box, label, area, ignore in zip(boxes, sample.labels, sample.area, ignored, strict=True):
            annotation = {"image_id": number, "category_id": int(label), "bbox": box, "area": float(area)}
            annotations.append(annotation | {"iscrowd": int(ignore), "id": len(annotations) + 1})
    return annotations


def _results(found: Iterable[Detections]) -> list[dict[str, Any]]:
    """Detections as COCO writes them."""
    return [
        {"image_id": number, "category_id": label, "bbox": box, "score": score}
        for number, each in enumerate(found)
        for box, label, score in zip(_ltwh(each.boxes.numpy()), each.labels.tolist(), each.scores.tolist(), strict=True)
    ]


def _ltwh(boxes: npt.NDArray[np.float32]) -> list[list[float]]:
    """Xyxy -> left, top, width, height, without rounding once more."""
    exact = boxes.astype(np.float64)
    return np.concatenate([exact[:, :2], exact[:, 2:] - exact[:, :2]], axis=1).tolist()


def _check_lengths(samples: Sequence[Sample], found: Sequence[Detections]) -> None:
    if len(samples) != len(found):
        raise ValueError(f"detections of {len(found)} pictures for annotations of {len(samples)}; give one each")


def _shown(value: float) -> str:
    return f"{value:>6.3f}" if value >= 0 else f"{'-':>6}"
