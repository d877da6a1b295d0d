"""Detect objects with onnxruntime and numpy alone: python detect_onnx.py model.onnx picture.jpg.

The model is one of ``yolo3 export --kind detections``, which tells its names and size in its metadata.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def detect(model: str, picture: str) -> list[tuple[str, float, list[float]]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    names = json.loads(about["names"]) or [str(label) for label in range(int(about["num_classes"]))]
    height, width = json.loads(about["image_size"])

    image = ImageOps.exif_transpose(Image.open(picture)).convert("RGB")  # as a person sees it
    scale = np.array([width / image.width, height / image.height])
    if about["letterbox"] != "stretch":
        scale[:] = scale.min()  # keeps its proportions; the rest of the input stays grey
    content = image.resize(np.rint(image.size * scale).astype(int).tolist(), Image.Resampling.BILINEAR)
    left, top = (width - content.width) // 2, (height - content.height) // 2
    canvas = Image.new("RGB", (width, height), (128, 128, 128))
    canvas.paste(content, (left, top))
    images = np.asarray(canvas, np.float32).transpose(2, 0, 1)[None] / 255  # (1, 3, H, W)

    (rows,) = session.run(None, {"images": images})  # (M, 7) image, left, top, right, bottom, score, label
    boxes = (rows[:, 1:5] - [left, top, left, top]) / np.tile(scale, 2)  # pixels of the picture
    boxes = boxes.clip(0, [image.width, image.height] * 2)
    return [(names[int(row[6])], float(row[5]), box.tolist()) for row, box in zip(rows, boxes, strict=True)]


if __name__ == "__main__":
    for name, score, box in detect(*sys.argv[1:]):
        print(f"{name} {score:.2f}", *(f"{edge:.0f}" for edge in box))
