"""Which detections are right: the rules of COCO and of Pascal VOC."""

from dataclasses import dataclass

import numpy as np

from yolo3.data.sample import BoolArray, IntArray
from yolo3.metrics.comparison import Comparison, Float64Array


@dataclass(frozen=True, eq=False)
class Matches:
    """Pairs of N objects and D detections."""

    partner: IntArray
    """(D,) object of each detection, -1 without one; it may be one that is ignored."""
    counts: BoolArray
    """(D,) True for detections that are right or wrong; the others are neither."""
    found_by: IntArray
    """(N,) detection of each object, -1 for objects that were missed or are ignored."""

    @property
    def right(self) -> BoolArray:
        """(D,) True for detections of an object (true positives)."""
        return self.counts & (self.partner >= 0)

    @property
    def wrong(self) -> BoolArray:
        """(D,) True for detections without an object of their own (false positives)."""
        return self.counts & (self.partner < 0)


def match_coco(comparison: Comparison, min_iou: float = 0.5, limit: int = 100) -> Matches:
    """COCO's rule: in order of score, each detection takes the object it overlaps most among those that are left.

    A crowd can be taken any number of times; its overlap with a detection is the share of the detection's area.

    Args:
        comparison: Detections and ground truth.
        min_iou: Least IoU of a detection and its object.
        limit: Most detections per image and class that count, the best first.

    Source:
        ``COCOeval.evaluateImg`` of pycocotools.
    """
    truth, found = comparison.truth, comparison.found
    matches = _unmatched(comparison)
    least = min(min_iou, 1 - 1e-10)
    for objects, detections in comparison.groups():
        matches.counts[detections[limit:]] = False
        detections = detections[:limit]
        if not len(objects):
            continue
        crowd = truth.ignored[objects]
        overlap = overlaps(found.xywh[detections], truth.xywh[objects], crowd)
        taken = np.zeros(len(objects), dtype=bool)
        for row in np.flatnonzero(overlap.max(axis=1) >= least):
            single = np.where(crowd | taken, -1.0, overlap[row])
            # on a tie, COCO takes the last
            best = len(objects) - 1 - int(single[::-1].argmax())
            if single[best] >= least:
                taken[best] = True
                matches.partner[detections[row]] = objects[best]
                matches.found_by[objects[best]] = detections[row]
            elif (around := np.where(crowd, overlap[row], -1.0)).max() >= least:
                matches.partner[detections[row]] = objects[around.argmax()]
                matches.counts[detections[row]] = False
    return matches


def match_voc(comparison: Comparison, min_iou: float = 0.5) -> Matches:
    """Pascal VOC's rule: a detection belongs to the object it overlaps most, and the best one of each object is right.

    A detection that belongs to a difficult object is neither right nor wrong.

    Args:
        comparison: Detections and ground truth.
        min_iou: Least IoU of a detection and its object.

    Source:
        ``VOCevaldet.m`` of the Pascal VOC development kit.
    """
    truth, found = comparison.truth, comparison.found
    matches = _unmatched(comparison)
    # VOC counts pixels, corners included: a box from 3 to 5 is 3 wide
    pixel = np.array([0.0, 0.0, 1.0, 1.0])
    for objects, detections in comparison.groups():
        if not len(objects):
            continue
        overlap = overlaps(found.xywh[detections] + pixel, truth.xywh[objects] + pixel)
        nearest = overlap.argmax(axis=1)
        for row in np.flatnonzero(overlap.max(axis=1) >= min_iou):
            target, detection = objects[nearest[row]], detections[row]
            if truth.ignored[target]:
                matches.partner[detection] = target
                matches.counts[detection] = False
            elif matches.found_by[target] < 0:
                matches.partner[detection] = target
                matches.found_by[target] = detection
    return matches


def overlaps(found: Float64Array, truth: Float64Array, crowd: BoolArray | None = None) -> Float64Array:
    """(D, N) IoU of (D, 4) with (N, 4) boxes, xywh; for crowds (N,), the share of the first box that lies on them."""
    low = np.maximum(found[:, None, :2], truth[None, :, :2])
    high = np.minimum((found[:, :2] + found[:, 2:])[:, None], (truth[:, :2] + truth[:, 2:])[None])
    both = (high - low).clip(min=0).prod(axis=2)
    own, other = found[:, 2:].prod(axis=1)[:, None], truth[:, 2:].prod(axis=1)[None]
    either = own + other - both
    if crowd is not None:
        either = np.where(crowd[None], own, either)
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def _unmatched(comparison: Comparison) -> Matches:
    num_found, num_objects = len(comparison.found), len(comparison.truth)
    return Matches(np.full(num_found, -1), np.ones(num_found, dtype=bool), np.full(num_objects, -1))
