"""Precision, recall and F1 over the score from which on detections are taken."""

import math
from dataclasses import dataclass

import numpy as np

from yolo3.data.sample import BoolArray, IntArray
from yolo3.metrics.comparison import Comparison, Float64Array
from yolo3.metrics.matching import Matches


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """What one gets for every score one may draw the line at, from the highest down; K may be 0."""

    scores: Float64Array
    """(K,) the distinct scores, falling: the lowest that is still taken."""
    precision: Float64Array
    """(K,) the share of detections taken that are right."""
    recall: Float64Array
    """(K,) the share of objects that are found."""
    num_objects: int

    @classmethod
    def of(cls, scores: Float64Array, right: BoolArray, num_objects: int) -> "ScoreCurve":
        """The curve of detections that are right or wrong.

        Args:
            scores: (D,) in any order.
            right: (D,).
            num_objects: that there are to find, at least 1.
        """
        order = np.argsort(-scores, kind="stable")
        scores, hits = scores[order], right[order].cumsum()
        last = np.append(scores[1:] != scores[:-1], True)[: len(scores)].nonzero()[0]  # equal scores come together
        return cls(scores[last], hits[last] / (last + 1), hits[last] / num_objects, num_objects)

    @property
    def f1(self) -> Float64Array:
        """(K,) 2 · precision · recall / (precision + recall)."""
        both = self.precision + self.recall
        return np.divide(2 * self.precision * self.recall, both, out=np.zeros_like(both), where=both > 0)

    def best(self) -> "OperatingPoint":
        """Where F1 is highest; of equal ones, at the highest score."""
        if not len(self.scores):
            return OperatingPoint(score=0.0, precision=0.0, recall=0.0, f1=0.0)
        index = int(self.f1.argmax())
        lowest, *lower = self.scores[index : index + 2].tolist()
        # between two scores, so that it makes no difference whether a score must reach it or be above it
        line = lowest / 2 + lower[0] / 2 if lower else math.nextafter(lowest, -math.inf)
        return OperatingPoint(
            score=line if line < lowest else lower[0],  # nothing lies between two neighbours
            precision=float(self.precision[index]),
            recall=float(self.recall[index]),
            f1=float(self.f1[index]),
        )

    def at(self, scores: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Precision and recall when the line is drawn at any scores; precision is NaN where nothing is taken.

        Args:
            scores: (L,).

        Returns:
            (L,) and (L,).
        """
        taken = np.searchsorted(-self.scores, -scores, side="right")  # of the distinct scores
        return np.append(np.nan, self.precision)[taken], np.append(0.0, self.recall)[taken]


@dataclass(frozen=True)
class OperatingPoint:
    """One place to draw the line at."""

    score: float
    """Detections above it are taken."""
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
    """The curve of all detections in one heap: what a single score for all classes gives.

    Recall is 0 where there is no object at all.
    """
    scores, _, right = _counted(comparison, matches)
    return ScoreCurve.of(scores, right, max(1, int(comparison.num_objects.sum())))


def _counted(comparison: Comparison, matches: Matches) -> tuple[Float64Array, IntArray, BoolArray]:
    found, counted = comparison.found, matches.counts
    return found.scores[counted], found.labels[counted], matches.right[counted]
