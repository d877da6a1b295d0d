"""Average precision and recall as COCO measures them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from yolo3.data import Sample
from yolo3.metrics.coco_classes import accumulate
from yolo3.metrics.comparison import Comparison, Float64Array
from yolo3.structures import Detections
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
    names = comparison.names
    precision, recall = accumulate(comparison)
    of_all = precision[..., 0, -1]  # (10 IoUs, 101 recalls, C) of all sizes
    with_truth = [number for number in range(len(names)) if of_all[0, 0, number] > -1]
    averages = [of_all, of_all[0], of_all[5], *(precision[..., size, -1] for size in (1, 2, 3))]
    recalls = [*(recall[..., 0, limit] for limit in range(3)), *(recall[..., size, -1] for size in (1, 2, 3))]
    return CocoMetrics(
        **dict(zip(_NUMBERS, map(_mean, [*averages, *recalls]), strict=True)),
        per_class={
            names[number]: ClassAP(float(of_all[..., number].mean()), float(of_all[0, :, number].mean()))
            for number in with_truth
        },
        without_truth=tuple(name for number, name in enumerate(names) if number not in with_truth),
    )


def _mean(values: Float64Array) -> float:
    """Mean of the values of classes with ground truth; -1, as in pycocotools, without any."""
    known = values[values > -1]
    return float(known.mean()) if len(known) else -1.0


def _shown(value: float) -> str:
    return f"{value:.3f}" if value >= 0 else "-"
