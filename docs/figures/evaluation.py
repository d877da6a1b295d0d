"""Chapter 8: precision, recall and AP of ten detections."""

import numpy as np

from figures.svg import Axes, Colour, Panel
from yolo3.metrics import ScoreCurve, average_precision
from yolo3.metrics.comparison import Float64Array

RIGHT = np.array([1, 1, 0, 1, 0, 0, 1, 0, 1, 0], dtype=bool)
SCORES = np.array([0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
OBJECTS = 6


def curve() -> list[Panel]:
    """Precision against recall, with both ways to take the area."""
    points = ScoreCurve.of(SCORES, RIGHT, OBJECTS)
    area = average_precision(points.recall, points.precision)
    sampled = average_precision(points.recall, points.precision, "11-point")
    best = np.maximum.accumulate(points.precision[::-1])[::-1]
    panels = []
    for title, marks in ((f"area: AP {area:.3f}", False), (f"11 points: AP {sampled:.3f}", True)):
        panel = Panel(f"Precision against recall of ten detections, {title}", 350, 290)
        panel.text(175, 16, title, bold=True)
        axes = Axes(panel, (0, 1), (0, 1), top=46)
        axes.frame("recall", "precision", (0, 0.2, 0.4, 0.6, 0.8, 1), (0, 0.25, 0.5, 0.75, 1))
        stairs, start = [axes.at(0, best[0])], 0.0
        for recall, height in zip(points.recall, best, strict=True):
            stairs += [axes.at(start, height), axes.at(recall, height)]
            start = recall
        stairs.append(axes.at(start, 0))
        if marks:
            for tenth in range(11):
                reached = best[points.recall >= tenth / 10 - 1e-9]
                panel.dot(*axes.at(tenth / 10, reached[0] if len(reached) else 0), "orange", 4.5)
        else:
            panel.area([axes.at(0, 0), *stairs], "blue", 0.2)
        panel.curve(stairs, "blue")
        raw = [axes.at(r, p) for r, p in zip(points.recall, points.precision, strict=True)]
        panel.curve(raw, "muted", 1.2, "3 3")
        for number, place in enumerate(raw):
            panel.dot(*place, "muted", 3, hollow=not RIGHT[number])
        panels.append(panel)
    return panels


def thresholds() -> list[Panel]:
    """Precision, recall and F1 against the confidence threshold."""
    points = ScoreCurve.of(SCORES, RIGHT, OBJECTS)
    panel = Panel("Precision, recall and F1 of the ten detections against the confidence threshold", 384, 280)
    panel.text(192, 16, "what a threshold costs", bold=True)
    axes = Axes(panel, (0, 1), (0, 1), top=46, right=74)
    axes.frame("confidence threshold", "share", (0, 0.2, 0.4, 0.6, 0.8, 1), (0, 0.25, 0.5, 0.75, 1))
    lines: tuple[tuple[str, Float64Array, Colour, str, float], ...] = (
        ("precision", points.precision, "blue", "", 142),
        ("recall", points.recall, "orange", "6 3", 82),
        ("F1", points.f1, "green", "2 2", 120),
    )
    for words, values, colour, dash, label_at in lines:
        ends = [*points.scores[1:], 0.0]  # the next lower score, where one more detection passes
        line = []
        for score, end, value in zip(points.scores, ends, values, strict=True):
            line += [axes.at(score, value), axes.at(end, value)]
        panel.curve(line, colour, 2, dash)
        panel.text(panel.width - 68, label_at, words, anchor="start", colour=colour)
    best = points.best()
    panel.line(*axes.at(best.score, 0), *axes.at(best.score, 1), "muted", 1, "3 3")
    panel.text(*axes.at(best.score + 0.01, 0.06), f"best F1 {best.f1:.2f}", size=12, anchor="start")
    return [panel]
