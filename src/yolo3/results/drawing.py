"""Detections on an image, and as the objects of the library `supervision`."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from yolo3.draw import Drawable, Style, draw_boxes
from yolo3.structures import Detections

if TYPE_CHECKING:
    import supervision


def draw_detections(found: Detections, image: Drawable, style: Style | None = None) -> Image.Image:
    """A copy of an image with the bounding box, name and score of each object; see `draw_boxes`.

    Args:
        found: Detections in pixels of the image.
        image: The image they were found in.
        style: Width of lines, and whether captions are drawn. Default: ``Style()``.
    """
    captions = [f"{name} {score:.2f}" for name, score in zip(found.names, found.scores.tolist(), strict=True)]
    return draw_boxes(image, found.boxes.tolist(), captions, found.labels.tolist(), style or Style())


def to_supervision(found: Detections) -> "supervision.Detections":
    """Detections as the library `supervision` has them.

    Raises:
        ModuleNotFoundError: supervision is not installed.
    """
    try:
        import supervision
    except ModuleNotFoundError as missing:
        message = "to_supervision needs supervision: pip install supervision"
        raise ModuleNotFoundError(message, name=missing.name) from missing
    return supervision.Detections(
        xyxy=found.boxes.detach().float().cpu().numpy(),
        confidence=found.scores.detach().float().cpu().numpy(),
        class_id=found.labels.cpu().numpy(),
        data={"class_name": np.array(found.names, dtype=str)},
    )
