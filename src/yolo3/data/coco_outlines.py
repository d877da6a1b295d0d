"""Bounding boxes of COCO's outlines, for annotations without a ``bbox``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from yolo3.system.extras import not_installed

_LEAST = 6  # numbers of a polygon: three points


def outline_box(segmentation: object) -> tuple[float, float, float, float]:
    """The box (left, top, width, height) around polygons, or around the pixels of a run-length encoded mask.

    Raises:
        ValueError: Something else; the message says what.
        ModuleNotFoundError: A missing package: faster-coco-eval, which decodes masks.

    Source:
        https://cocodataset.org/#format-data
    """
    if isinstance(segmentation, dict):
        return _of_mask(segmentation)
    if not isinstance(segmentation, list) or not segmentation:
        raise ValueError("no 'bbox' and no 'segmentation'")
    corners = np.array([_corners(polygon) for polygon in segmentation])
    left, top = corners[:, :2].min(0).tolist()
    right, bottom = corners[:, 2:].max(0).tolist()
    return left, top, right - left, bottom - top


def _corners(polygon: object) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the points of a polygon, which are x and y in turn."""
    if not isinstance(polygon, list) or len(polygon) < _LEAST or len(polygon) % 2:
        raise ValueError(f"a polygon has the x and y of 3 points or more, not {polygon!r:.60}")
    try:
        points = np.array(polygon, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a polygon is numbers, not {polygon!r:.60}") from error
    left, top = points.min(0).tolist()
    right, bottom = points.max(0).tolist()
    return left, top, right, bottom


def _of_mask(mask: dict[str, Any]) -> tuple[float, float, float, float]:
    try:
        from faster_coco_eval.core import mask as masks
    except ModuleNotFoundError as error:
        raise not_installed("masks of COCO annotations need", "faster_coco_eval", "train") from error
    size = mask.get("size")
    counts = mask.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(edge, int) and edge > 0 for edge in size):
        raise ValueError(f"a mask has the 'size' [height, width], not {size!r:.60}")
    if isinstance(counts, list):
        if not _are_runs(counts) or sum(counts) != size[0] * size[1]:
            raise ValueError(f"the 'counts' of a mask add up to the {size[0]} x {size[1]} pixels of its size")
        encoded = masks.frPyObjects({"size": size, "counts": counts}, *size)
    elif isinstance(counts, str) and counts.isascii():
        encoded = {"size": size, "counts": counts}
    else:
        raise ValueError(f"the 'counts' of a mask are a list or text, not {counts!r:.60}")
    try:
        left, top, width, height = np.asarray(masks.toBbox(encoded), dtype=np.float64).reshape(4).tolist()
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"a mask that cannot be decoded ({error})") from error
    return left, top, width, height


def _are_runs(counts: Sequence[object]) -> bool:
    return all(isinstance(count, int) and count >= 0 for count in counts)
