"""Charts of an evaluation, as PNG: readable with one class and with eighty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolo3.data.sample import IntArray
from yolo3.draw import line_styles, new_figure
from yolo3.metrics import ScoreCurve
from yolo3.metrics.comparison import Float64Array
from yolo3.system.fonts import save_figure

_COLOURS = 10
"""Most curves that have colours; of more, the best and the worst do and the rest are grey."""
_WITH_NUMBERS = 20
"""Most classes for which every cell of a matrix has room for a number."""
_CONFUSED = 40
"""Most classes of a confusion matrix that are drawn; of more, those that are confused most often."""
_LONGEST = 24
"""Most letters of a class name."""


@dataclass(frozen=True, eq=False)
class _Line:
    """The curve of one class."""

    name: str
    value: float
    """Value in the legend, which ranks the curves."""
    x: Float64Array
    y: Float64Array
    remark: str = ""
    """Text after the value."""


def draw_precision_recall(path: Path, curves: Mapping[str, ScoreCurve], average: Mapping[str, float]) -> None:
    """Precision of each class against recall, where precision is the best one at no less recall.

    Args:
        path: PNG file to write.
        curves: Curve of each class by name, at IoU 0.5.
        average: Average precision of each class, for the legend.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    grid = np.linspace(0, 1, 1001)
    lines, heights = [], []
    for name, curve in curves.items():
        best = np.maximum.accumulate(np.append(curve.precision, 0.0)[::-1])[::-1]
        heights.append(best[np.searchsorted(curve.recall, grid)])
        end = curve.recall[-1] if len(curve.recall) else 0.0
        recall, precision = np.concatenate([[0.0], curve.recall, [end]]), np.append(best[0], best)
        lines.append(_Line(name, average[name], recall, precision))
    figure, axes = _square()
    _draw_lines(axes, lines, drawstyle="steps-pre")
    if len(lines) > 1:
        label = f"mean  {np.mean([line.value for line in lines]):.3f}"
        axes.plot(grid, np.mean(heights, axis=0), color="black", linewidth=2.5, label=label)
    axes.set(title="Precision against recall at IoU 0.5", xlabel="recall", ylabel="precision")
    _save(figure, axes, path, "AP50")


def draw_scores(path: Path, curves: Mapping[str, ScoreCurve], pooled: ScoreCurve) -> None:
    """F1 of each class, and precision, recall and F1 of all together, against the confidence threshold.

    Args:
        path: PNG file to write.
        curves: Curve of each class by name.
        pooled: Curve of all detections together.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    highest = max([1.0, *pooled.scores[:1].tolist()])  # scores of another program may be percent,
    lowest = min([0.0, *pooled.scores[-1:].tolist()])  # or logits
    if lowest == 0 and len(pooled.scores):
        highest = min(highest, _end_of_scores(pooled))
    scores = np.linspace(lowest, highest, 501)
    lines = []
    for name, curve in curves.items():
        point = curve.best()
        lines.append(_Line(name, point.f1, scores, _f1(*curve.at(scores)), f" at {_score(point.score)}"))
    figure, axes = _square()
    if len(lines) > 1:  # one class is all of them
        _draw_lines(axes, lines)
    (precision, recall), best = pooled.at(scores), pooled.best()
    axes.plot(scores, precision, color="black", linestyle="--", label="precision, all")
    axes.plot(scores, recall, color="black", linestyle=":", label="recall, all")
    label = f"F1, all  {best.f1:.3f} at {_score(best.score)}"
    axes.plot(scores, _f1(precision, recall), color="black", linewidth=2.5, label=label)
    axes.plot([best.score], [best.f1], "o", color="black")
    axes.set_xlim(lowest, highest)
    axes.set(title="F1 against confidence threshold", xlabel="confidence threshold", ylabel="F1, precision, recall")
    if highest < min(1.0, pooled.scores[0] if len(pooled.scores) else 1.0):
        axes.set_xlabel(f"confidence threshold (the highest score is {_score(pooled.scores[0])})")
    _save(figure, axes, path, "best F1")


def draw_confusion(path: Path, counts: IntArray, names: Sequence[str], threshold: float) -> None:
    """Confusion matrix with a row per true class; the colour is the share of the row.

    The last row counts detections without an object, by their class. It has no colours: they are no share of anything.

    Of more than 40 classes those are drawn that are confused most often, and the rest together.

    Args:
        path: PNG file to write.
        counts: (C + 1, C + 1) counts from `confusion_matrix`.
        names: Names of the C classes.
        threshold: Confidence threshold of the counts, for the title.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    counts, labels = _most_confused(counts, list(map(_short, names)))
    size = len(counts)
    has_numbers = size <= _WITH_NUMBERS + 1
    edge = max(3.0, 0.55 * size) if has_numbers else 0.17 * size
    figure = new_figure((edge + 3.5, edge + 2.5))
    axes = figure.subplots()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # false detections have no true class that they could be a share of: a grey of their own
    is_share = np.broadcast_to(np.arange(size)[:, None] < size - 1, share.shape)
    image = axes.imshow(np.ma.masked_array(share, ~is_share), cmap="Blues", vmin=0, vmax=1)
    axes.axhspan(size - 1.5, size - 0.5, color="0.93", zorder=0)
    ticks = [*labels, "background"]
    letters = 10 if has_numbers else 7
    axes.set_xticks(range(size), ticks, rotation=90, fontsize=letters)
    axes.set_yticks(range(size), ticks, fontsize=letters)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(f"Confusion matrix\n(IoU 0.5, score above {_score(threshold)})", fontsize=11)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    for draw_line in (axes.axhline, axes.axvline):
        draw_line(size - 1.5, color="grey", linewidth=1)
    if has_numbers:
        for row, column in zip(*counts.nonzero(), strict=True):
            text = str(counts[row, column])
            colour = "white" if share[row, column] > 0.6 and row < size - 1 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=min(10, 40 / len(text)))
    figure.colorbar(image, ax=axes, label="share of the row", shrink=min(1.0, 8 / edge))
    save_figure(figure, path)


def _most_confused(counts: IntArray, labels: list[str]) -> tuple[IntArray, list[str]]:
    """A matrix that fits on a chart, and its labels but the last: the classes left out are summed up."""
    num_classes = len(labels)
    if num_classes <= _CONFUSED:
        return counts, labels
    among = counts[:-1, :-1] * (1 - np.eye(num_classes, dtype=counts.dtype))
    missed_or_false = counts[:-1, -1] + counts[-1, :-1]
    order = np.lexsort((missed_or_false, among.sum(axis=0) + among.sum(axis=1)))[
        ::-1
    ]  # on a tie the class with more errors
    shown = np.sort(order[:_CONFUSED])
    place = np.full(num_classes + 1, _CONFUSED)  # row of each class on the chart
    place[shown] = np.arange(_CONFUSED)
    place[-1] = _CONFUSED + 1
    together = np.zeros((_CONFUSED + 2, _CONFUSED + 2), counts.dtype)
    np.add.at(together, (place[:, None], place[None, :]), counts)
    return together, [*(labels[number] for number in shown), f"{num_classes - _CONFUSED:,} others"]


def _draw_lines(axes: Any, lines: Sequence[_Line], **style: Any) -> None:
    """Few lines have a colour each; of many, the best and the worst do, and the others are grey."""
    ranked = sorted(lines, key=lambda line: -line.value)
    named = ranked if len(ranked) <= _COLOURS else [*ranked[: _COLOURS // 2], *ranked[-_COLOURS // 2 :]]
    others = [line for line in ranked if line not in named]
    for number, line in enumerate(others):
        label = f"{len(others)} others" if number == 0 else None
        axes.plot(line.x, line.y, color="0.75", linewidth=0.8, label=label, **style)
    for line, (colour, dashes) in zip(named, line_styles(len(named)), strict=True):
        label = f"{_short(line.name)}  {line.value:.3f}{line.remark}"
        axes.plot(line.x, line.y, color=colour, linestyle=dashes, linewidth=1.5, label=label, **style)


def _end_of_scores(pooled: ScoreCurve) -> float:
    """The end of the axis of scores: 1, or less where all that is to be seen lies in a small part before it.

    Where recall is below a hundredth of its best, there is nothing to choose any more.
    """
    best = float(pooled.recall[-1])
    told = pooled.scores[pooled.recall >= best / 100]
    highest = float(told[0]) if len(told) else 0.0
    needed = 1.25 * max(highest, 1e-3)
    return next((end for end in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if needed <= end), np.inf)


def _f1(precision: Float64Array, recall: Float64Array) -> Float64Array:
    """F1; NaN where nothing is detected."""
    both = precision + recall
    return np.divide(2 * precision * recall, both, out=both * 0, where=both > 0)


def _short(name: str) -> str:
    """A class name as matplotlib writes it literally; a long one is cut in the middle."""
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 9]}…{name[-8:]}"
    name = name.replace("$", r"\$")  # which would begin a formula
    return f" {name}" if name.startswith("_") else name  # which would keep it out of a legend


def _score(score: float) -> str:
    return f"{score:.2f}" if 0.01 <= abs(score) < 1000 else f"{score:.2g}"


def _square() -> tuple[Any, Any]:
    figure = new_figure((9, 6))
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    return figure, axes


def _save(figure: Any, axes: Any, path: Path, title: str) -> None:
    """Write a figure with the legend beside the curves."""
    if axes.get_lines():
        axes.legend(title=title, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, fontsize=9)
    save_figure(figure, path)
