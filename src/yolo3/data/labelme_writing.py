"""Writing LabelMe: a JSON file beside each image."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from yolo3.choices import Placement
from yolo3.data.writing import Album

_VERSION = "5.5.0"
"""Version of LabelMe whose files these are."""


def write_labelme(folder: Path, album: Album, images: Placement = "copy") -> list[str]:
    """Write a data set into an empty folder: images and JSON files in ``images``, lists for the splits beside it.

    Returns:
        Descriptions of what the format cannot hold.
    """
    inner = folder / "images"
    album.place(inner, images)
    for file_name, sample in album.images.items():
        marks = [_marks(*both) for both in zip(sample.difficult.tolist(), sample.crowd.tolist(), strict=True)]
        labels = [album.names[label] for label in sample.labels.tolist()]
        shapes = rectangles(sample.boxes.astype(float).round(4).tolist(), labels, marks)
        text = json.dumps(labelme_file(file_name, sample.size, shapes), ensure_ascii=False, indent=2)
        (inner / f"{Path(file_name).stem}.json").write_text(text, encoding="utf-8")
    for split, file_names in album.splits.items():
        listed = "".join(f"images/{file_name}\n" for file_name in file_names)
        (folder / f"{split}.txt").write_text(listed, encoding="utf-8")
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in album.names), encoding="utf-8")
    return []


def _marks(difficult: bool, crowd: bool) -> dict[str, bool]:
    """Flags of a shape: ``difficult`` alone for an object that is both."""
    if difficult:
        return {"difficult": True}
    return {"crowd": True} if crowd else {}


def rectangles(
    boxes: Iterable[Sequence[float]],
    labels: Iterable[str],
    flags: Iterable[Mapping[str, bool]],
    descriptions: Iterable[str] | None = None,
) -> list[dict[str, Any]]:
    """LabelMe's shapes of boxes (left, top, right, bottom).

    Args:
        boxes: Corners in pixels.
        labels: Class name of each box.
        flags: Marks of each box.
        descriptions: Text of each box. None leaves it empty.
    """
    boxes = list(boxes)
    said = [""] * len(boxes) if descriptions is None else descriptions
    return [
        {
            "label": label,
            "points": [[left, top], [right, bottom]],
            "group_id": None,
            "description": description,
            "shape_type": "rectangle",
            "flags": dict(marks),
            "mask": None,
        }
        for (left, top, right, bottom), label, marks, description in zip(boxes, labels, flags, said, strict=True)
    ]


def labelme_file(image: str, size: tuple[int, int], shapes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The content of a JSON file of LabelMe.

    Args:
        image: Path of the image, relative to the file.
        size: (height, width) of the image.
        shapes: Shapes, see `rectangles`.
    """
    height, width = size
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": list(shapes),
        "imagePath": image,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
