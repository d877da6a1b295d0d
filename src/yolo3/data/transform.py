"""A transform of images: its call and its checked result."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch

from yolo3.assign.truth import are_fractions
from yolo3.data.annotated_image import AnnotatedImage, cut_boxes
from yolo3.data.sample import Float32Array

Transform: TypeAlias = Callable[..., Mapping[str, Any]]
"""Callable like an albumentations pipeline: ``transform(image=(H, W, C), bboxes=(N, 4) xyxy pixels,
labels=(N,))`` gives a mapping with the same names, in which ``labels`` matches the remaining ``bboxes``."""

_WRAP = (
    "wrap it as yolo3.data.transforms.pipeline([…]), or give "
    "Compose([…], bbox_params=BboxParams('pascal_voc', label_fields=['labels']))"
)


def check_transform(transform: Transform) -> None:
    """Refuse an albumentations transform that would leave the boxes unchanged or misread them.

    Without ``bbox_params``, and in a transform outside a ``Compose``, boxes in pixels are read as fractions of the
    image: the box of a mirrored object then lies outside the image and is dropped silently.

    Raises:
        ValueError: A bare transform; a ``Compose`` without ``bbox_params``, with another format, or without the labels.
    """
    bases = [base for base in type(transform).__mro__ if base.__module__.partition(".")[0] == "albumentations"]
    if not bases:
        return
    name = type(transform).__name__
    if not any(base.__name__ == "Compose" for base in bases):
        raise ValueError(f"albumentations' {name} by itself does not know that boxes are xyxy pixels; {_WRAP}")
    processors = transform.processors  # type: ignore[attr-defined]  # of a Compose
    if "bboxes" not in processors:
        raise ValueError(f"the {name} has no bbox_params, so it would not transform the boxes; {_WRAP}")
    params = processors["bboxes"].params
    if params.format != "pascal_voc":
        raise ValueError(
            f"the {name} expects boxes as {params.format!r}, but they are 'pascal_voc': xyxy pixels; {_WRAP}"
        )
    if "labels" not in (params.label_fields or ()):
        raise ValueError(f"the {name} does not keep the labels with the boxes; {_WRAP}")


def transformed(transform: Transform, before: AnnotatedImage) -> AnnotatedImage:
    """An image changed by a transform, its boxes clipped to the image.

    Raises:
        ValueError: A result that is not an image of the same size with boxes in pixels and their labels.
    """
    given = transform(image=before.image, bboxes=before.boxes, labels=before.labels)
    if not isinstance(given, Mapping) or not {"image", "bboxes", "labels"} <= given.keys():
        what = sorted(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
        raise ValueError(f"the transform gave {what}; it must give a mapping with image, bboxes and labels")
    image = np.require(given["image"], requirements=["C", "W"])
    if image.shape != before.image.shape or image.dtype != before.image.dtype:
        raise ValueError(
            f"the transform made a {image.dtype} image of {image.shape} out of a {before.image.dtype} one of "
            f"{before.image.shape}; leave out steps that change size or type: the letterbox and the loader do that"
        )
    boxes = _boxes(given["bboxes"], before)
    labels = np.asarray(given["labels"], np.int64).reshape(-1)
    if len(boxes) != len(labels):
        raise ValueError(
            f"the transform gave {len(boxes)} boxes and {len(labels)} labels; build it with "
            "bbox_params=BboxParams(format='pascal_voc', label_fields=['labels'])"
        )
    height, width = before.size
    boxes, kept = cut_boxes(boxes, (0, 0, width, height))
    return AnnotatedImage(image, boxes[kept], labels[kept], np.ones(int(kept.sum()), np.float32), before.files)


def _boxes(given: Any, before: AnnotatedImage) -> Float32Array:
    boxes = np.asarray(given, np.float32)
    if boxes.size == 0:
        return boxes.reshape(-1, 4)
    said = "it takes and gives (N, 4) left, top, right, bottom in pixels"
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"the transform gave boxes of shape {boxes.shape}; {said}")
    if not np.isfinite(boxes).all():
        raise ValueError(f"the transform gave a box that is not all numbers; {said}")
    wrong = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if wrong.any():
        raise ValueError(f"the transform gave a box that ends before it begins, {boxes[wrong][0].tolist()}; {said}")
    if are_fractions(torch.from_numpy(boxes)) and not are_fractions(torch.from_numpy(before.boxes)):
        raise ValueError(f"the transform gave boxes in fractions of the image, {boxes[0].tolist()}; {said}")
    return boxes
