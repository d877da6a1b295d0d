"""Average precision and recall as COCO measures them."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolo3.data import Sample
from yolo3.metrics.comparison import Comparison, DetectionSet, Truth
from yolo3.structures import Detections
from yolo3.system.extras import not_installed
from yolo3.text_table import text_table

_NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""Names of the numbers in the order of pycocotools' ``stats``."""


@dataclass(frozen=True)
class ClassAP:
    """Average precision of one class."""

    AP: float
    """Mean over the IoU thresholds 0.50, 0.55, …, 0.95."""
    AP50: float
    """Average precision at IoU 0.50."""


@dataclass(frozen=True)
class CocoMetrics:
    """The twelve numbers of COCO, in [0, 1]; -1, as in pycocotools, where there is no ground truth.

    The size of an object is its area: small below 32² pixels of the image, large above 96².
    """

    AP: float
    """Average precision, mean over IoU 0.50 to 0.95 and over the classes with ground truth (mAP)."""
    AP50: float
    AP75: float
    APs: float
    """Average precision of small objects; APm of medium and APl of large ones."""
    APm: float
    APl: float
    AR1: float
    """Average recall with at most one detection per image and class; AR10 and AR100 with 10 and 100."""
    AR10: float
    AR100: float
    ARs: float
    ARm: float
    ARl: float
    per_class: dict[str, ClassAP]
    """Numbers of each class with ground truth, by name."""
    without_truth: tuple[str, ...] = ()
    """Classes without ground truth, which are left out of every mean."""

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, as ``metrics.json`` holds them."""
        return asdict(self) | {"without_truth": list(self.without_truth)}

    def scores(self) -> dict[str, float]:
        """The twelve numbers alone."""
        return {name: getattr(self, name) for name in _NUMBERS}

    def __str__(self) -> str:
        """A table: a row per class, then all classes, then the other numbers."""
        rows = [("class", "AP", "AP50")]
        rows += [(name, _shown(each.AP), _shown(each.AP50)) for name, each in self.per_class.items()]
        rows += [("all classes", _shown(self.AP), _shown(self.AP50))]
        others = {name: _shown(value) for name, value in self.scores().items() if name not in ("AP", "AP50")}
        below = text_table([list(others), list(others.values())], left=(), min_width=6)
        lines = [*text_table(rows, min_width=6), "", *below]
        if self.without_truth:
            lines.append(f"classes without ground truth, left out of the means: {', '.join(self.without_truth)}")
        return "\n".join(lines)


def coco_metrics(samples: Sequence[Sample], found: Sequence[Detections], names: Sequence[str]) -> CocoMetrics:
    """Evaluate detections as COCO does; the numbers are those of pycocotools.

    A detection on a crowd is neither right nor wrong, and likewise on an object that VOC calls difficult.

    Args:
        samples: Images with their annotations.
        found: Detections of each image in its pixels; the best 100 per image and class count.
        names: Class names, by class number.

    Raises:
        ValueError: Detections of another number of images.
        ModuleNotFoundError: faster-coco-eval is not installed.

    Source:
        https://cocodataset.org/#detection-eval
    """
    return measure_coco(Comparison.of(samples, found, names))


def measure_coco(comparison: Comparison) -> CocoMetrics:
    """`coco_metrics` of a comparison, whose images and classes are in the order of their ids in a COCO file.

    Raises:
        ModuleNotFoundError: faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ModuleNotFoundError as missing:
        raise not_installed("COCO metrics need", "faster-coco-eval", "train") from missing
    names = comparison.names
    content = {
        "images": [{"id": number} for number in range(len(comparison.images))],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
        "annotations": _annotations(comparison.truth),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found annotation id 0")  # pycocotools does the same
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
    """Ground truth in COCO's format."""
    ids = np.where(truth.ids == 0, 0, np.arange(1, len(truth) + 1))  # only 0 makes a difference: see `Truth.ids`
    columns = (truth.image, truth.labels, truth.xywh, truth.area, truth.ignored, ids)
    return [
        {"image_id": image, "category_id": label, "bbox": box, "area": area, "iscrowd": int(ignored), "id": number}
        for image, label, box, area, ignored, number in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _results(found: DetectionSet) -> list[dict[str, Any]]:
    """Detections in COCO's format."""
    columns = (found.image, found.labels, found.xywh, found.scores)
    return [
        {"image_id": image, "category_id": label, "bbox": box, "score": score}
        for image, label, box, score in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _shown(value: float) -> str:
    return f"{value:.3f}" if value >= 0 else "-"
