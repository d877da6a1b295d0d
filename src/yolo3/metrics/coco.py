"""Average precision and recall as COCO measures them."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolo3.data import Sample
from yolo3.metrics.comparison import Comparison, Found, Truth
from yolo3.structures import Detections
from yolo3.system.extras import not_installed

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
    return measure_coco(Comparison.of(samples, found, names))


def measure_coco(comparison: Comparison) -> CocoMetrics:
    """The same of a comparison, whose pictures and classes are in the order of their ids where a COCO file has some.

    Raises:
        ModuleNotFoundError: faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ModuleNotFoundError as missing:
        raise not_installed("COCO metrics need", "faster-coco-eval", "train") from missing
    names = comparison.names
    content = {
        "images": [{"id": number} for number in range(len(comparison.pictures))],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
        "annotations": _annotations(comparison.truth),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found annotation id 0")  # as pycocotools has it
        truth = COCO(content)
        evaluation = COCOeval_faster(truth, truth.loadRes(_results(comparison.found)), iouType="bbox")
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


def _annotations(truth: Truth) -> list[dict[str, Any]]:
    """The truth as COCO writes it."""
    ids = np.where(truth.ids == 0, 0, np.arange(1, len(truth) + 1))  # only 0 makes a difference: see `Truth.ids`
    columns = (truth.picture, truth.labels, truth.ltwh, truth.area, truth.ignored, ids)
    return [
        {"image_id": picture, "category_id": label, "bbox": box, "area": area, "iscrowd": int(ignored), "id": number}
        for picture, label, box, area, ignored, number in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _results(found: Found) -> list[dict[str, Any]]:
    """Detections as COCO writes them."""
    columns = (found.picture, found.labels, found.ltwh, found.scores)
    return [
        {"image_id": picture, "category_id": label, "bbox": box, "score": score}
        for picture, label, box, score in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _shown(value: float) -> str:
    return f"{value:>6.3f}" if value >= 0 else f"{'-':>6}"
