"""Images with bounding boxes, and crops of the objects. Both may be called from several threads."""

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from yolo3.draw import Style
from yolo3.images import to_view
from yolo3.results.writer import Add
from yolo3.sources import Frame
from yolo3.structures import Detections

_KEPT_SUFFIXES = (".jpg", ".jpeg", ".png")  # the others are drawn as PNG


@contextmanager
def drawings(folder: str | os.PathLike[str], style: Style = Style()) -> Iterator[Add]:
    """Every image with its bounding boxes, as ``stem`` with its own suffix; frames of videos are left out."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)

    def add(frame: Frame, found: Detections) -> None:
        if frame.video is None:
            suffix = Path(frame.name).suffix
            _save(
                found.draw(frame.pixels(), style),
                root,
                frame.stem,
                suffix if suffix.lower() in _KEPT_SUFFIXES else ".png",
            )

    yield add


@contextmanager
def crops(folder: str | os.PathLike[str]) -> Iterator[Add]:
    """Every object cropped from its image: ``class/stem-1.jpg``, ``stem-2.jpg`` …, numbered best first."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)

    def add(frame: Frame, found: Detections) -> None:
        pixels = frame.pixels() if len(found) else None  # once: a frame need not hold them
        for number, (name, box) in enumerate(zip(found.names, found.boxes.tolist(), strict=True), start=1):
            assert pixels is not None
            top, bottom = _span(box[1], box[3], pixels.shape[0])
            left, right = _span(box[0], box[2], pixels.shape[1])
            cut = Image.fromarray(to_view(pixels[top:bottom, left:right]))
            _save(cut, root / _folder(name), f"{frame.stem}-{number}", ".jpg")

    yield add


def _span(low: float, high: float, length: int) -> tuple[int, int]:
    """The whole pixels that an edge-to-edge interval touches, at least one of them."""
    first = min(max(0, math.floor(low)), length - 1)
    return first, min(max(first + 1, math.ceil(high)), length)


def _folder(name: str) -> str:
    """A class name that is valid as the name of a folder."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "-", name).strip(". ") or "-"


def _save(image: Image.Image, folder: Path, stem: str, suffix: str) -> None:
    file = folder / f"{stem}{suffix}"
    file.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"compress_level": 1} if suffix.lower() == ".png" else {"quality": 90}
    image.save(file, **options)
