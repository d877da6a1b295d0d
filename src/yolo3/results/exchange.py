"""Formats of other programs: COCO results, YOLO's label files, and LabelMe's JSON files."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from yolo3.data.labelme_writing import labelme_file, rectangles
from yolo3.results.text import json_array
from yolo3.results.writer import Add
from yolo3.sources import Frame
from yolo3.structures import Detections


@contextmanager
def coco_results(path: str | os.PathLike[str], category_ids: Sequence[int] | None = None) -> Iterator[Add]:
    """A JSON array as COCO's evaluation reads it, one object per line.

    ``image_id`` is the number in the name of the file, such as ``000000000139.jpg``; without one, the stem of the
    frame. ``file_name`` is the name of the frame, which COCO's evaluation ignores; ``bbox`` is left, top, width,
    height.

    Args:
        path: File to write.
        category_ids: The ``category_id`` of each label. Default: the label itself, from 0.

    Source: https://cocodataset.org/#format-results
    """
    with json_array(path) as append:
        taken: set[int] = set()

        def add(frame: Frame, found: Detections) -> None:
            image: int | str = frame.stem
            if frame.stem.isdecimal() and (number := int(frame.stem)) not in taken:  # 7.jpg may lie beside 007.jpg
                taken.add(number)
                image = number
            for item in found.to_dict()["detections"]:
                left, top, right, bottom = item["box"]
                label = item["label"]
                append(
                    {
                        "image_id": image,
                        "category_id": label if category_ids is None else category_ids[label],
                        "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
                        "score": item["score"],
                        "file_name": frame.name,
                    }
                )

        yield add


@contextmanager
def yolo_labels(folder: str | os.PathLike[str], scores: bool = True) -> Iterator[Add]:
    """A text file per image, ``stem.txt``, with a line per object: class cx cy w h score, in fractions of the image.

    An image without detections has an empty file.

    Args:
        folder: Folder to write the files to.
        scores: Whether lines end in the score. Training takes lines without; with scores the ``data.yaml`` of the data
            set must say so, see `yolo3.data.yolo`.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)

    def add(frame: Frame, found: Detections) -> None:
        height, width = frame.size
        lines = []
        for (left, top, right, bottom), label, score in zip(
            found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True
        ):
            centre = (left + right) / 2 / width, (top + bottom) / 2 / height
            size = (right - left) / width, (bottom - top) / height
            values = (*centre, *size, score) if scores else (*centre, *size)
            lines.append(" ".join([str(label), *(f"{value:.6f}" for value in values)]) + "\n")
        file = root / f"{frame.stem}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(lines), encoding="utf-8")

    yield add


@contextmanager
def labelme_files(folder: str | os.PathLike[str]) -> Iterator[Add]:
    """A JSON file per image, ``stem.json``, to be corrected in LabelMe: rectangles, with their scores as descriptions.

    The files name the images where they are, and do not have them inside. Frames of videos are left out.

    Args:
        folder: Folder to write the files to.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)

    def add(frame: Frame, found: Detections) -> None:
        if frame.video is not None:
            return
        scores = [f"score {score:.3f}" for score in found.scores.tolist()]
        boxes = [[round(edge, 2) for edge in box] for box in found.boxes.tolist()]
        content = labelme_file(
            os.path.abspath(frame.name), frame.size, rectangles(boxes, found.names, [{}] * len(boxes), scores)
        )
        file = root / f"{frame.stem}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8", errors="backslashreplace")

    yield add
