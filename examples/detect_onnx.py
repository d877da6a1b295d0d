"""Detect objects with onnxruntime and numpy alone: python detect_onnx.py model.onnx picture.jpg.

The model is one of ``yolo3 export --kind detections``, which tells its names and size in its metadata.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

AFFINE, LINEAR = Image.Transform.AFFINE, Image.Resampling.BILINEAR


def detect(model: str, picture: str) -> list[tuple[str, float, list[float]]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    names = json.loads(about["names"]) or [str(label) for label in range(int(about["num_classes"]))]
    height, width = json.loads(about["image_size"])

    image = ImageOps.exif_transpose(Image.open(picture)).convert("RGB")  # as a person sees it
    size, fit = np.array([width, height]), about["letterbox"]
    if fit != "stretch":  # keep its proportions; the rest of the input stays grey
        size = (np.multiply(image.size, (size / image.size).min()) + 1e-6).clip(1)
    size = tuple(np.rint(size).astype(int) if fit == "default" else size.astype(int))
    across, down = np.subtract(image.size, 1) / np.subtract(size, 1).clip(1)  # Darknet resizes corner to corner
    where = across, 0, 0.5 - across / 2, 0, down, 0.5 - down / 2
    content = image.resize(size, LINEAR) if fit == "default" else image.transform(size, AFFINE, where, LINEAR)
    left, top = (width - content.width) // 2, (height - content.height) // 2
    canvas = Image.new("RGB", (width, height), (128, 128, 128))
    canvas.paste(content, (left, top))
    images = np.asarray(canvas, np.float32).transpose(2, 0, 1)[None] / 255  # (1, 3, H, W)

    (rows,) = session.run(None, {"images": images})  # (M, 7) image, left, top, right, bottom, score, label
    boxes = (rows[:, 1:5] - [left, top, left, top]) * np.tile(np.divide(image.size, content.size), 2)
    boxes = boxes.clip(0, [image.width, image.height] * 2)  # pixels of the picture
    return [(names[int(row[6])], float(row[5]), box.tolist()) for row, box in zip(rows, boxes, strict=True)]


if __name__ == "__main__":
    for name, score, box in detect(*sys.argv[1:]):
        print(f"{name} {score:.2f}", *(f"{edge:.0f}" for edge in box))
