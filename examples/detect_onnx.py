"""Detect objects with onnxruntime and numpy alone: python detect_onnx.py model.onnx photo.jpg.

The model is one of ``yolo3 export --kind detections``, which tells its names and size in its metadata.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def detect(model: str, path: str) -> list[tuple[str, float, list[float]]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    names = json.loads(about["names"]) or [str(label) for label in range(int(about["num_classes"]))]
    height, width = json.loads(about["image_size"])

    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")  # as a person sees it
    size, fit = np.array([width, height]), about["letterbox"]
    if fit != "stretch":  # keep its proportions; the rest of the input stays grey
        size = (np.multiply(image.size, (size / image.size).min()) + 1e-6).clip(1)
    size = tuple(np.rint(size).astype(int) if fit == "default" else size.astype(int))
    content = np.asarray(image.resize(size, Image.Resampling.BILINEAR) if fit == "default" else image, np.float32)
    if fit != "default":  # Darknet resizes between the outermost pixels, one axis after the other
        content = between(between(content, size[0], axis=1), size[1], axis=0)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    canvas = np.full((height, width, 3), 128 if fit == "default" else 127.5, np.float32)
    canvas[top : top + size[1], left : left + size[0]] = content
    images = canvas.transpose(2, 0, 1)[None] / 255  # (1, 3, H, W)

    (rows,) = session.run(None, {"images": images})  # (M, 7) image, left, top, right, bottom, score, label
    boxes = (rows[:, 1:5] - [left, top, left, top]) * np.tile(np.divide(image.size, size), 2)
    boxes = boxes.clip(0, [image.width, image.height] * 2)  # pixels of the image
    return [(names[int(row[6])], float(row[5]), box.tolist()) for row, box in zip(rows, boxes, strict=True)]


def between(pixels: np.ndarray, count: int, axis: int) -> np.ndarray:
    """So many rows or columns, spread evenly from the first of an image to the last."""
    where = np.linspace(0, pixels.shape[axis] - 1, count)
    before = where.astype(int)
    after = (before + 1).clip(max=pixels.shape[axis] - 1)
    share = np.expand_dims(where - before, [each for each in range(3) if each != axis]).astype(np.float32)
    first = pixels.take(before, axis)
    return first + (pixels.take(after, axis) - first) * share


if __name__ == "__main__":
    for name, score, box in detect(*sys.argv[1:]):
        print(f"{name} {score:.2f}", *(f"{edge:.0f}" for edge in box))
