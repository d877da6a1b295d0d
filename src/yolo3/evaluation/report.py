"""The report of an evaluation: a table, a JSON file and charts."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolo3.data.sample import IntArray
from yolo3.evaluation.charts import draw_confusion, draw_precision_recall, draw_scores
from yolo3.evaluation.metrics_file import write_metrics
from yolo3.evaluation.worst_images import draw_worst_images
from yolo3.metrics import (
    CocoMetrics,
    Comparison,
    ImageErrors,
    OperatingPoint,
    ScoreCurve,
    class_curves,
    confusion_matrix,
    image_errors,
    match_coco,
    match_voc,
    measure_coco,
    measure_voc,
    pooled_curve,
    worst_images,
)
from yolo3.text_table import text_table

_LISTED = 10
"""Most class names in a sentence."""


@dataclass(frozen=True, eq=False)
class Report:
    """An evaluation, from `measure_all`. Classes without ground truth are in no mean and no mapping."""

    comparison: Comparison
    coco: CocoMetrics
    voc: Mapping[str, float]
    """Average precision of each class by the rule of Pascal VOC since 2010, at IoU 0.5."""
    voc_11_point: Mapping[str, float]
    """Average precision of each class by the rule of Pascal VOC until 2009."""
    curves: Mapping[str, ScoreCurve]
    """Curve of each class, at IoU 0.5 by COCO's rule."""
    pooled: ScoreCurve
    """Curve of all detections together."""
    confusion: IntArray
    """(C + 1, C + 1) counts of `confusion_matrix`, at the confidence threshold of the best pooled F1."""
    worst: tuple[ImageErrors, ...]
    """Images with most errors at that threshold, worst first."""

    @property
    def best(self) -> OperatingPoint:
        """The confidence threshold for all classes where their F1 is best."""
        return self.pooled.best()

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, as ``metrics.json`` holds them."""
        content = self.coco.to_dict()
        for name, numbers in content["per_class"].items():
            curve = self.curves[name]
            numbers |= {"objects": curve.num_objects, "VOC": self.voc[name], "VOC_11_point": self.voc_11_point[name]}
            numbers |= {"best": asdict(curve.best())}
        worst = [
            {"image": self.comparison.images[each.number], "missed": len(each.missed), "false": len(each.false)}
            for each in self.worst
        ]
        means = {"VOC": _mean(self.voc), "VOC_11_point": _mean(self.voc_11_point)}
        return content | means | {"best": asdict(self.best), "worst": worst}

    def __str__(self) -> str:
        """A table: a row per class, then all classes, then COCO's other numbers."""
        rows: list[tuple[str, ...]] = [("class", "objects", "AP", "AP50", "VOC", "VOC11", "F1", "at score")]
        for name, numbers in self.coco.per_class.items():
            curve = self.curves[name]
            areas = (numbers.AP, numbers.AP50, self.voc[name], self.voc_11_point[name])
            rows.append((name, f"{curve.num_objects:,}", *map(_shown, areas), *_shown_point(curve.best())))
        areas = (self.coco.AP, self.coco.AP50, _mean(self.voc), _mean(self.voc_11_point))
        num_objects = sum(curve.num_objects for curve in self.curves.values())
        rows.append(("all classes", f"{num_objects:,}", *map(_shown, areas), *_shown_point(self.best)))
        others = [(name, value) for name, value in self.coco.scores().items() if name not in ("AP", "AP50")]
        numbers_below = [tuple(name for name, _ in others), tuple(_shown(value) for _, value in others)]
        lines = [*text_table(rows, min_width=6), "", *text_table([("", *row) for row in numbers_below], min_width=6)]
        if absent := self.coco.without_truth:
            some = ", ".join(absent[:_LISTED]) + (f" and {len(absent) - _LISTED} more" if len(absent) > _LISTED else "")
            lines.append(f"classes without ground truth, left out of the means: {some}")
        return "\n".join(lines)


def measure_all(comparison: Comparison) -> Report:
    """Evaluate detections by every metric.

    Raises:
        ModuleNotFoundError: faster-coco-eval is not installed.
    """
    matches = match_coco(comparison)
    voc_matches = match_voc(comparison)
    pooled = pooled_curve(comparison, matches)
    score = pooled.best().score
    coco = measure_coco(comparison)
    return Report(
        comparison=comparison,
        coco=coco,
        voc=measure_voc(comparison, voc_matches),
        voc_11_point=measure_voc(comparison, voc_matches, "11-point"),
        # to COCO, a class whose areas are below 0 or above 1e10 has no ground truth either
        curves={name: curve for name, curve in class_curves(comparison, matches).items() if name in coco.per_class},
        pooled=pooled,
        confusion=confusion_matrix(comparison, matches, score),
        worst=tuple(worst_images(image_errors(comparison, matches, score))),
    )


def write_report(folder: Path, report: Report, measured: Mapping[str, object]) -> None:
    """Write ``metrics.json``, ``confusion.csv``, three charts, and ``worst.png`` if the images exist.

    Args:
        folder: Existing folder.
        report: Report to write.
        measured: Further content of ``metrics.json``, usually a `Measured`.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    names = report.comparison.names
    write_metrics(folder, report.to_dict(), measured)
    with (folder / "confusion.csv").open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        table = csv.writer(file)
        table.writerow(["", *names, "background"])
        for name, row in zip([*names, "background"], report.confusion.tolist(), strict=True):
            table.writerow([name, *row])
    average = {name: each.AP50 for name, each in report.coco.per_class.items()}
    draw_precision_recall(folder / "precision_recall.png", report.curves, average)
    draw_scores(folder / "scores.png", report.curves, report.pooled)
    draw_confusion(folder / "confusion.png", report.confusion, names, report.best.score)
    draw_worst_images(folder / "worst.png", report.comparison, report.worst)


def _mean(values: Mapping[str, float]) -> float:
    """Mean of the values; -1, as COCO has it, of none."""
    return sum(values.values()) / len(values) if values else -1.0


def _shown(value: float) -> str:
    return f"{value:.3f}" if value >= 0 else "-"


def _shown_point(point: OperatingPoint) -> tuple[str, str]:
    f1 = f"{point.f1:.3f}"
    if not point.f1:
        return f1, "-"
    score = f"{point.score:.3f}" if 0.001 <= abs(point.score) < 1e4 else f"{point.score:.3g}"
    return f1, score
