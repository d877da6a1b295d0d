"""Average precision by the rules of Pascal VOC."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from yolo3.data import Sample
from yolo3.metrics.comparison import Comparison, Float64Array
from yolo3.metrics.matching import Matches, match_voc
from yolo3.structures import Detections

Interpolation = Literal["all-point", "11-point"]
"""The area under the whole curve, as since VOC 2010, or the mean at eleven recalls, as until 2009."""


def voc_average_precision(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    names: Sequence[str],
    min_iou: float = 0.5,
    interpolation: Interpolation = "all-point",
) -> dict[str, float]:
    """Average precision of each class with ground truth by the rules of Pascal VOC; their mean is VOC's mAP.

    A detection belongs to the object it overlaps most. The best detection of an object is right and the others are
    wrong; a detection of a difficult object or a crowd is neither.

    Args:
        samples: Images with their annotations.
        found: Detections of each image in its pixels.
        names: Class names, by class number.
        min_iou: Least IoU of a right detection.
        interpolation: ``all-point``, the area under the curve, since 2010; ``11-point``, the mean at 11 recalls, 2007.

    Raises:
        ValueError: Detections of another number of images, or an unknown interpolation.

    Source:
        ``VOCevaldet.m`` of the Pascal VOC development kit.
    """
    comparison = Comparison.of(samples, found, names)
    return measure_voc(comparison, match_voc(comparison, min_iou), interpolation)


def measure_voc(
    comparison: Comparison, matches: Matches, interpolation: Interpolation = "all-point"
) -> dict[str, float]:
    """`voc_average_precision` of a comparison and its `match_voc`.

    Raises:
        ValueError: An unknown interpolation.
    """
    if interpolation not in ("all-point", "11-point"):
        raise ValueError(f"unknown interpolation {interpolation!r}; choose all-point or 11-point")
    found = comparison.found
    counted = matches.counts.nonzero()[0]
    order = counted[np.argsort(-found.scores[counted], kind="stable")]
    labels, right = found.labels[order], matches.right[order]
    measured = {}
    for label, (name, num_objects) in enumerate(zip(comparison.names, comparison.num_objects.tolist(), strict=True)):
        if num_objects:
            mine = right[labels == label]
            hits = mine.cumsum()
            recall, precision = hits / num_objects, hits / np.arange(1, len(mine) + 1)
            measured[name] = average_precision(recall, precision, interpolation)
    return measured


def average_precision(
    recall: Float64Array, precision: Float64Array, interpolation: Interpolation = "all-point"
) -> float:
    """Area under a curve of precision against recall, where precision is the best one at no less recall.

    Args:
        recall: (N,) recall, ascending.
        precision: (N,) precision.
        interpolation: Rule for the area, see `voc_average_precision`.
    """
    best = np.maximum.accumulate(np.append(precision, 0.0)[::-1])[::-1]
    if interpolation == "11-point":
        # a tenth as float may be a hair above the recall it equals
        return float(best[np.searchsorted(recall, np.linspace(0, 1, 11) - 1e-12)].mean())
    return float((np.diff(recall, prepend=0.0) * best[:-1]).sum())
