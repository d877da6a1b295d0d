"""COCO's evaluation, a class at a time: its memory is that of one class, its numbers are those of all together."""

import warnings
from typing import Any

import numpy as np

from yolo3.data.json_files import uncollected
from yolo3.data.sample import IntArray
from yolo3.metrics.comparison import Comparison, DetectionSet, Float64Array, Truth
from yolo3.system.extras import not_installed

LIMIT = 100
"""Most detections per image and class that count."""


def accumulate(comparison: Comparison) -> tuple[Float64Array, Float64Array]:
    """The precision and recall that COCO's evaluation accumulates.

    Args:
        comparison: Comparison whose images and classes are in the order of their ids in a COCO file.

    Returns:
        (10, 101, C, 4, 3) precision by IoU, recall, class, size and limit of detections; (10, C, 4, 3) recall.

    Raises:
        ModuleNotFoundError: faster-coco-eval is not installed.
    """
    found = comparison.found
    objects = _by_class(comparison.truth.labels, len(comparison.names))
    order, rank = comparison.found_by_group()
    best = np.sort(order[rank < LIMIT])
    detections = [best[each] for each in _by_class(found.labels[best], len(comparison.names))]
    parts = []
    for label, (own, other) in enumerate(zip(objects, detections, strict=True)):
        with uncollected():  # around all of it: its millions of objects are gone before the collector comes back
            parts.append(_evaluated(comparison.truth, found, own, other, label))
    if not parts:  # without classes
        return np.full((10, 101, 0, 4, 3), -1.0), np.full((10, 0, 4, 3), -1.0)
    return np.concatenate([each[0] for each in parts], axis=2), np.concatenate([each[1] for each in parts], axis=1)


def _evaluated(
    truth: Truth, found: DetectionSet, objects: IntArray, detections: IntArray, label: int
) -> tuple[Float64Array, Float64Array]:
    """Precision and recall of a class, from the images that have something of it."""
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ModuleNotFoundError as missing:
        raise not_installed("COCO metrics need", "faster-coco-eval", "train") from missing
    if not len(objects):  # nothing to find
        return np.full((10, 101, 1, 4, 3), -1.0), np.full((10, 1, 4, 3), -1.0)
    images = np.union1d(truth.image[objects], found.image[detections]).tolist()
    content = {
        "images": [{"id": number} for number in images],
        "categories": [{"id": label}],
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found annotation id 0")  # pycocotools does the same
        evaluation = COCOeval_faster(
            COCO(content | {"annotations": _annotations(truth, objects)}),
            COCO(content | {"annotations": _results(found, detections)}),
            iouType="bbox",
        )
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _annotations(truth: Truth, rows: IntArray) -> list[dict[str, Any]]:
    """Ground truth in COCO's format."""
    ids = np.where(truth.ids[rows] == 0, 0, rows + 1)  # only 0 makes a difference: see `Truth.ids`
    columns = (truth.image[rows], truth.labels[rows], truth.xywh[rows], truth.area[rows], truth.ignored[rows], ids)
    return [
        {"image_id": image, "category_id": label, "bbox": box, "area": area, "iscrowd": int(ignored), "id": number}
        for image, label, box, area, ignored, number in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _results(found: DetectionSet, rows: IntArray) -> list[dict[str, Any]]:
    """Detections in COCO's format, with what its reader of results adds."""
    boxes = found.xywh[rows]
    columns = (found.image[rows], found.labels[rows], boxes, found.scores[rows], boxes[:, 2] * boxes[:, 3])
    return [
        {"image_id": image, "category_id": label, "bbox": box, "score": score, "area": area, "iscrowd": 0, "id": number}
        for number, (image, label, box, score, area) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True), start=1
        )
    ]


def _by_class(labels: IntArray, num_classes: int) -> list[IntArray]:
    """Indices of each class, in order."""
    order = np.argsort(labels, kind="stable")
    ends = np.bincount(labels, minlength=num_classes).cumsum()
    return np.split(order, ends[:-1]) if num_classes else []
