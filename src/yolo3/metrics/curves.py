"""Precision, recall and F1 against the confidence threshold."""

import math
from dataclasses import dataclass

import numpy as np

from yolo3.data.sample import BoolArray, IntArray
from yolo3.metrics.comparison import Comparison, Float64Array
from yolo3.metrics.matching import Matches


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """Precision and recall at every confidence threshold, from the highest down; K may be 0."""

    scores: Float64Array
    """(K,) distinct scores, falling: the lowest score that passes."""
    precision: Float64Array
    """(K,) share of the detections that are right."""
    recall: Float64Array
    """(K,) share of the objects that are detected."""
    num_objects: int

    @classmethod
    def of(cls, scores: Float64Array, right: BoolArray, num_objects: int) -> "ScoreCurve":
        """The curve of detections that are right or wrong.

        Args:
            scores: (D,) scores in any order.
            right: (D,) True for right detections.
            num_objects: Number of objects in the ground truth, at least 1.
        """
        order = np.argsort(-scores, kind="stable")
        scores, hits = scores[order], right[order].cumsum()
        last = np.append(scores[1:] != scores[:-1], True)[: len(scores)].nonzero()[0]  # equal scores pass together
        return cls(scores[last], hits[last] / (last + 1), hits[last] / num_objects, num_objects)

    @property
    def f1(self) -> Float64Array:
        """(K,) 2 · precision · recall / (precision + recall)."""
        both = self.precision + self.recall
        return np.divide(2 * self.precision * self.recall, both, out=np.zeros_like(both), where=both > 0)

    def best(self) -> "OperatingPoint":
        """The point of highest F1; on a tie, the one of highest score."""
        if not len(self.scores):
            return OperatingPoint(score=0.0, precision=0.0, recall=0.0, f1=0.0)
        index = int(self.f1.argmax())
        lowest, *lower = self.scores[index : index + 2].tolist()
        # between two scores, so that "above" and "at least" make no difference
        threshold = lowest / 2 + lower[0] / 2 if lower else math.nextafter(lowest, -math.inf)
        if threshold >= lowest:  # nothing lies between two neighbouring floats
            threshold = lower[0]
        return OperatingPoint(
            score=threshold,
            precision=float(self.precision[index]),
            recall=float(self.recall[index]),
            f1=float(self.f1[index]),
        )

    def at(self, scores: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Precision and recall at any confidence thresholds; precision is NaN where nothing is detected.

        Args:
            scores: (L,) confidence thresholds.

        Returns:
            (L,) precision and (L,) recall.
        """
        taken = np.searchsorted(-self.scores, -scores, side="right")  # of the distinct scores
        return np.append(np.nan, self.precision)[taken], np.append(0.0, self.recall)[taken]


@dataclass(frozen=True)
class OperatingPoint:
    """Precision, recall and F1 at one confidence threshold."""

    score: float
    """Confidence threshold: detections above it count."""
    precision: float
    recall: float
    f1: float


def class_curves(comparison: Comparison, matches: Matches) -> dict[str, ScoreCurve]:
    """The curve of each class that has objects, by its name."""
    scores, labels, right = _counted(comparison, matches)
    return {
        name: ScoreCurve.of(scores[labels == label], right[labels == label], num_objects)
        for label, (name, num_objects) in enumerate(zip(comparison.names, comparison.num_objects.tolist(), strict=True))
        if num_objects
    }


def pooled_curve(comparison: Comparison, matches: Matches) -> ScoreCurve:
    """The curve of all detections together, with one confidence threshold for all classes.

    Recall is 0 if there is no object at all.
    """
    scores, _, right = _counted(comparison, matches)
    return ScoreCurve.of(scores, right, max(1, int(comparison.num_objects.sum())))


def _counted(comparison: Comparison, matches: Matches) -> tuple[Float64Array, IntArray, BoolArray]:
    found, counted = comparison.found, matches.counts
    return found.scores[counted], found.labels[counted], matches.right[counted]
