"""Errors at one confidence threshold: confusion matrix, and the images with most errors."""

from dataclasses import dataclass

import numpy as np

from yolo3.data.sample import IntArray
from yolo3.metrics.comparison import Comparison
from yolo3.metrics.matching import Matches, overlaps


@dataclass(frozen=True)
class ImageErrors:
    """Missed objects and false detections in one image."""

    number: int
    """Number of the image."""
    missed: tuple[int, ...]
    """Objects without a detection (false negatives), by their index in `Truth`."""
    false: tuple[int, ...]
    """False detections (false positives), by their index in `DetectionSet`, best first."""
    right: tuple[int, ...]
    """Right detections (true positives), best first."""

    @property
    def count(self) -> int:
        """Number of missed objects and false detections."""
        return len(self.missed) + len(self.false)


def confusion_matrix(comparison: Comparison, matches: Matches, threshold: float, min_iou: float = 0.5) -> IntArray:
    """Confusion matrix.

    Detections and objects of one class are paired as in ``matches``. The others are paired across classes, the best
    score first, each detection with the object it overlaps most.

    Args:
        comparison: Detections and ground truth.
        matches: Matches of the comparison at the same IoU threshold.
        threshold: Confidence threshold.
        min_iou: Least IoU of a detection and its object.

    Returns:
        (C + 1, C + 1) counts, at [i, j] the objects of class i that are detected as class j. The last column
        holds missed objects, the last row detections without an object.
    """
    truth, found = comparison.truth, comparison.found
    background = len(comparison.names)
    right = found.labels[matches.right & (found.scores > threshold)]
    matrix = np.diag(np.bincount(right, minlength=background + 1))
    for errors in image_errors(comparison, matches, threshold):
        missed, false = np.array(errors.missed, np.int64), np.array(errors.false, np.int64)
        overlap = overlaps(found.xywh[false], truth.xywh[missed])  # (false, missed)
        for row, detection in enumerate(false):
            column = int(overlap[row].argmax()) if len(missed) else -1
            if column >= 0 and overlap[row, column] >= min_iou:
                matrix[truth.labels[missed[column]], found.labels[detection]] += 1
                overlap[:, column] = -1
                missed[column] = -1
            else:
                matrix[background, found.labels[detection]] += 1
        matrix[:-1, background] += np.bincount(truth.labels[missed[missed >= 0]], minlength=background)
    return matrix


def image_errors(comparison: Comparison, matches: Matches, threshold: float) -> list[ImageErrors]:
    """Missed objects, false and right detections of each image at a confidence threshold."""
    truth, found = comparison.truth, comparison.found
    taken = found.scores > threshold
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


def worst_images(errors: list[ImageErrors], count: int = 12) -> list[ImageErrors]:
    """The images with most errors, on a tie in their order; images without an error are left out."""
    wrong = [each for each in errors if each.count]
    return sorted(wrong, key=lambda each: -each.count)[:count]


def _by_image(indices: IntArray, images: IntArray, num_images: int) -> list[tuple[int, ...]]:
    """Indices of objects, sorted by their image."""
    if num_images == 0:
        return []
    order = indices[np.argsort(images[indices], kind="stable")]
    ends = np.bincount(images[indices], minlength=num_images).cumsum()
    return [tuple(part.tolist()) for part in np.split(order, ends[:-1])]
