"""Detections as COCO's result files: a list of image_id, category_id, bbox and score."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from yolo3.checks.names import first_few
from yolo3.data import DataError
from yolo3.data.json_files import read_json
from yolo3.metrics.coco_files import Annotated, box, is_number
from yolo3.metrics.comparison import DetectionSet
from yolo3.metrics.named_images import NamedImages


def read_results(path: Path, annotated: Annotated) -> DetectionSet:
    """Read detections of annotated images.

    Args:
        path: JSON file. The ids are those of the COCO file. In other data sets an image is given by its number, see
            `Annotated.of`, or by its file name with or without suffix, and a class by its number or name. A
            ``file_name`` takes precedence over the ``image_id``: `coco_results`, which writes it, can only guess the
            id. Where several files have the same name, the folders above tell them apart.
        annotated: Annotated images.

    Raises:
        DataError: A file that is missing or damaged, a detection of an unknown image or class, or an incomplete one.
            The message counts detections from 0.

    Source:
        https://cocodataset.org/#format-results
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataError(
            f"{path}: detections are a list of {{image_id, category_id, bbox, score}}, not a {type(entries).__name__}"
        )
    named = NamedImages(annotated)
    files = named.numbers
    classes = _labels(annotated)
    ids: dict[int | str, int | None] = {image_id: number for number, image_id in enumerate(annotated.image_ids)}
    images = ids if annotated.are_coco else ids | files
    among = f"the {len(annotated.images)} images of {annotated.origin}"

    rows = []
    for index, entry in enumerate(entries):
        place = f"{path}: detection {index}"
        if not isinstance(entry, dict):
            raise DataError(f"{place}: is an object with image_id, category_id, bbox and score, not {entry!r:.80}")
        file_name = entry.get("file_name")
        told = named.called(file_name) if isinstance(file_name, str) else None
        if told is None:
            image = _known(place, "image_id", entry.get("image_id"), images, among)
        else:
            image = _known(place, "file_name", told, files, among)
        label = _known(place, "category_id", entry.get("category_id"), classes, f"the categories of {annotated.origin}")
        score = entry.get("score")
        if not is_number(score):
            raise DataError(f"{place}: needs a 'score' that is a number, not {score!r:.80}")
        rows.append((image, label, *box(place, entry), score))
    values = np.array(rows, np.float64).reshape(-1, 7)
    return DetectionSet(
        image=values[:, 0].astype(np.int64),
        labels=values[:, 1].astype(np.int64),
        xywh=values[:, 2:6],
        scores=values[:, 6],
    )


def write_results(path: Path, annotated: Annotated, found: DetectionSet) -> int:
    """Write detections, one per line, with all digits, so that reading gives the same values.

    Returns:
        Number of detections left out because the COCO file does not have their class.
    """
    columns = (found.image.tolist(), found.labels.tolist(), found.xywh.tolist(), found.scores.tolist())
    left_out, separator = 0, "[\n"
    with path.open("w", encoding="utf-8") as file:
        for image, label, xywh, score in zip(*columns, strict=True):
            category_id = annotated.category_ids[label]
            if category_id is None:
                left_out += 1
                continue
            entry = {"image_id": annotated.image_ids[image], "category_id": category_id, "bbox": xywh, "score": score}
            file.write(separator + json.dumps(entry))
            separator = ",\n"
        file.write("\n]\n" if separator == ",\n" else "[]\n")
    return left_out


def _labels(annotated: Annotated) -> dict[int | str, int | None]:
    """Class number by id, and by name where allowed."""
    ids = enumerate(annotated.category_ids)
    labels: dict[int | str, int | None] = {number: label for label, number in ids if number is not None}
    return labels if annotated.are_coco else {**labels, **{name: label for label, name in enumerate(annotated.names)}}


def _known(place: str, key: str, value: object, known: Mapping[int | str, int | None], among: str) -> int:
    """Number that an id or name stands for."""
    number = known.get(value) if isinstance(value, int | float | str) else None  # type: ignore[arg-type]  # 3.0 is 3
    if number is None:
        raise DataError(f"{place}: {key} {value!r:.80} is not among {among} ({first_few(map(repr, known), 5)})")
    return number
