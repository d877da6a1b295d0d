"""Which detections are right: the rules of COCO and of Pascal VOC."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from yolo3.data.sample import BoolArray, IntArray
from yolo3.metrics.comparison import Comparison, Float64Array

_CHUNK = 100_000  # detections whose overlaps are computed at a time


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
    truth = comparison.truth
    matches = _unmatched(comparison)
    least = min(min_iou, 1 - 1e-10)
    order, rank = comparison.found_by_group()
    matches.counts[order[rank >= limit]] = False
    taken = np.zeros(len(truth), dtype=bool)
    for detection, objects, overlap in _touching(comparison, order[rank < limit], least, crowds=True):
        crowd = truth.ignored[objects]
        single = np.where(crowd | taken[objects], -1.0, overlap)
        # on a tie, COCO takes the last
        best = len(objects) - 1 - int(single[::-1].argmax())
        if single[best] >= least:
            taken[objects[best]] = True
            matches.partner[detection] = objects[best]
            matches.found_by[objects[best]] = detection
        elif crowd.any():
            matches.partner[detection] = objects[np.where(crowd, overlap, -1.0).argmax()]
            matches.counts[detection] = False
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
    truth = comparison.truth
    matches = _unmatched(comparison)
    # VOC counts pixels, corners included: a box from 3 to 5 is 3 wide
    order, _ = comparison.found_by_group()
    for detection, objects, overlap in _touching(comparison, order, min_iou, pixel=1.0):
        target = objects[overlap.argmax()]
        if truth.ignored[target]:
            matches.partner[detection] = target
            matches.counts[detection] = False
        elif matches.found_by[target] < 0:
            matches.partner[detection] = target
            matches.found_by[target] = detection
    return matches


def overlaps(found: Float64Array, truth: Float64Array, crowd: BoolArray | None = None) -> Float64Array:
    """(D, N) IoU of (D, 4) with (N, 4) boxes, xywh; for crowds (N,), the share of the first box that lies on them."""
    if crowd is not None:
        crowd = crowd[None]
    return _overlap(found[:, None], truth[None], crowd)


def _touching(
    comparison: Comparison, detections: IntArray, least: float, crowds: bool = False, pixel: float = 0.0
) -> Iterator[tuple[int, IntArray, Float64Array]]:
    """Each detection that overlaps objects of its image and class, with those objects and the IoUs.

    Args:
        comparison: Detections and ground truth.
        detections: Indices of detections, in the order to go through.
        least: Least IoU.
        crowds: Whether the overlap with a crowd is the share of the detection's area.
        pixel: Number that is added to every width and height.
    """
    truth = comparison.truth
    found = comparison.found
    num_classes = len(comparison.names)
    keys = truth.image * num_classes + truth.labels
    by_key = np.argsort(keys, kind="stable")
    wider = np.array([0.0, 0.0, pixel, pixel])
    for chunk in np.array_split(detections, len(detections) // _CHUNK + 1):
        own = found.image[chunk] * num_classes + found.labels[chunk]
        begin = np.searchsorted(keys[by_key], own, side="left")
        counts = np.searchsorted(keys[by_key], own, side="right") - begin
        row = np.repeat(np.arange(len(chunk)), counts)
        place = np.arange(len(row)) - np.repeat(counts.cumsum() - counts, counts)  # within the objects of its group
        target = by_key[begin[row] + place]
        crowd = truth.ignored[target] if crowds else None
        overlap = _overlap(found.xywh[chunk[row]] + wider, truth.xywh[target] + wider, crowd)
        close = overlap >= least
        row = row[close]
        starts = np.flatnonzero(np.append(True, row[1:] != row[:-1])[: len(row)])
        pairs = zip(np.split(target[close], starts[1:]), np.split(overlap[close], starts[1:]), strict=True)
        for first, (objects, ious) in zip(starts, pairs, strict=False):  # without pairs np.split gives one empty array
            yield int(chunk[row[first]]), objects, ious


def _overlap(found: Float64Array, truth: Float64Array, crowd: BoolArray | None) -> Float64Array:
    """(...,) IoU of (..., 4) boxes that broadcast against each other, see `overlaps`."""
    low = np.maximum(found[..., :2], truth[..., :2])
    high = np.minimum(found[..., :2] + found[..., 2:], truth[..., :2] + truth[..., 2:])
    both = (high - low).clip(min=0).prod(axis=-1)
    own = found[..., 2:].prod(axis=-1)
    either = own + truth[..., 2:].prod(axis=-1) - both
    if crowd is not None:
        either = np.where(crowd, own, either)
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def _unmatched(comparison: Comparison) -> Matches:
    num_found, num_objects = len(comparison.found), len(comparison.truth)
    return Matches(np.full(num_found, -1), np.ones(num_found, dtype=bool), np.full(num_objects, -1))
