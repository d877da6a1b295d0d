"""Average precision as Pascal VOC measures it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from yolo3.data import Sample
from yolo3.metrics.comparison import Comparison, Float64Array
from yolo3.metrics.matching import Matches, match_voc
from yolo3.structures import Detections

Interpolation = Literal["all-point", "11-point"]


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
        samples: the images with their annotations.
        found: in each image, pixels of the image.
        names: of the classes, by number.
        iou_threshold: a detection is right from this IoU on.
        interpolation: ``all-point``, the area under the curve, since 2010; ``11-point``, the mean at 11 recalls, 2007.

    Raises:
        ValueError: detections of another number of images, an unknown interpolation.

    Source:
        ``VOCevaldet.m`` of the Pascal VOC development kit.
    """
    comparison = Comparison.of(samples, found, names)
    return measure_voc(comparison, match_voc(comparison, iou_threshold), interpolation)


def measure_voc(
    comparison: Comparison, matches: Matches, interpolation: Interpolation = "all-point"
) -> dict[str, float]:
    """The same of a comparison, and of what `match_voc` says of it.

    Raises:
        ValueError: an unknown interpolation.
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
