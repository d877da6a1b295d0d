"""Mistakes at one score: what is taken for what, and the images that go wrong most."""

from dataclasses import dataclass

import numpy as np

from yolo3.data.sample import IntArray
from yolo3.metrics.comparison import Comparison
from yolo3.metrics.matching import Matches, overlaps


@dataclass(frozen=True)
class ImageErrors:
    """What is wrong in one image."""

    number: int
    """Of the image."""
    missed: tuple[int, ...]
    """Objects that nothing found, by their index in `Truth`."""
    false: tuple[int, ...]
    """Detections that found nothing new, by their index in `DetectionSet`, best first."""
    right: tuple[int, ...]
    """Detections that found an object, best first."""

    @property
    def count(self) -> int:
        """Missed and false together."""
        return len(self.missed) + len(self.false)


def confusion_matrix(
    comparison: Comparison, matches: Matches, min_score: float, iou_threshold: float = 0.5
) -> IntArray:
    """Count what objects are taken for.

    An object and a detection of its class that found it belong together, as ``matches`` say. What is then left of both
    is put together across classes, the best score first, each with the object it overlaps most.

    Args:
        comparison: to count in.
        matches: of its detections, at the same IoU threshold.
        min_score: detections above it are taken.
        iou_threshold: detections and objects belong together from this overlap on.

    Returns:
        (C + 1, C + 1): [i, j] objects of class i that are taken for class j. The last column holds objects that were
        missed, the last row detections where there is no object.
    """
    truth, found = comparison.truth, comparison.found
    background = len(comparison.names)
    right = found.labels[matches.right & (found.scores > min_score)]
    matrix = np.diag(np.bincount(right, minlength=background + 1))
    for mistakes in image_errors(comparison, matches, min_score):
        missed, false = np.array(mistakes.missed, np.int64), np.array(mistakes.false, np.int64)
        overlap = overlaps(found.xywh[false], truth.xywh[missed])  # (false, missed)
        for row, detection in enumerate(false):
            column = int(overlap[row].argmax()) if len(missed) else -1
            if column >= 0 and overlap[row, column] >= iou_threshold:
                matrix[truth.labels[missed[column]], found.labels[detection]] += 1
                overlap[:, column] = -1
                missed[column] = -1
            else:
                matrix[background, found.labels[detection]] += 1
        matrix[:-1, background] += np.bincount(truth.labels[missed[missed >= 0]], minlength=background)
    return matrix


def image_errors(comparison: Comparison, matches: Matches, min_score: float) -> list[ImageErrors]:
    """What is missed, false and right in each image when detections above a score are taken."""
    truth, found = comparison.truth, comparison.found
    taken = found.scores > min_score
    by_score = np.argsort(-found.scores, kind="stable")
    was_found = (matches.found_by >= 0) & np.append(taken, False)[matches.found_by]
    parts = [
        _by_image((~was_found & ~truth.ignored).nonzero()[0], truth.image, len(comparison.images)),
        *(
            _by_image(by_score[(chosen & taken)[by_score]], found.image, len(comparison.images))
            for chosen in (matches.wrong, matches.right)
        ),
    ]
    return [ImageErrors(number, *each) for number, each in enumerate(zip(*parts, strict=True))]


def worst_images(mistakes: list[ImageErrors], count: int = 12) -> list[ImageErrors]:
    """The images with most mistakes, and of those with as many the first; none without a mistake."""
    wrong = [each for each in mistakes if each.count]
    return sorted(wrong, key=lambda each: -each.count)[:count]


def _by_image(indices: IntArray, images: IntArray, num_images: int) -> list[tuple[int, ...]]:
    """Indices of objects, sorted by the image they are in."""
    order = indices[np.argsort(images[indices], kind="stable")]
    ends = np.bincount(images[indices], minlength=num_images).cumsum()
    return [tuple(part.tolist()) for part in np.split(order, ends[:-1])] if num_images else []
