"""Part files as detections to measure."""

from pathlib import Path

import numpy as np

from yolo3.bulk.folder import part_files
from yolo3.bulk.formats import FORMATS
from yolo3.bulk.rows import Row
from yolo3.data import DataError
from yolo3.data.sample import joined
from yolo3.metrics import Annotated, DetectionSet
from yolo3.metrics.named_images import NamedImages


def read_parts(folder: Path, annotated: Annotated) -> tuple[DetectionSet, int]:
    """Read the detections of a folder of part files, one file at a time.

    An image is found by its file name, and a class by its name.

    Args:
        folder: Folder of part files; of each part the first format that is there is read.
        annotated: Annotated images.

    Returns:
        The detections, and the number of annotated images that no part has or that could not be read.

    Raises:
        DataError: A folder without parts, a damaged file, an image that is unknown or that two rows have, an unknown
            class.
    """
    files = part_files(folder)
    if not files:
        raise DataError(f"{folder}: no part files there; yolo3 detect --formats parquet --part-size 1000 writes them")
    images = NamedImages(annotated)
    classes = {name: label for label, name in enumerate(annotated.names)}
    readable = np.zeros(len(annotated.images), np.bool_)
    read: list[tuple[int, Row]] = []
    sets: list[DetectionSet] = []
    for file in files:
        read.clear()
        for row in _rows(file):
            called = images.called(row.path)
            number = None if called is None else images.numbers.get(called)
            if number is None:
                raise DataError(f"{file}: image {row.path} is not among the images of {annotated.origin}")
            if readable[number]:
                raise DataError(f"{file}: image {row.path} is there twice")
            if row.error is None:
                readable[number] = True
                read.append((number, row))
        sets.append(_detections(read, classes, file, annotated))
    return _together(sets), int((~readable).sum())


def _rows(file: Path) -> list[Row]:
    try:
        return list(FORMATS[file.suffix[1:]].read(file))  # type: ignore[index]  # `part_files` gives no others
    except ValueError as error:
        raise DataError(str(error)) from error


def _detections(read: list[tuple[int, Row]], classes: dict[str, int], file: Path, annotated: Annotated) -> DetectionSet:
    labels = []
    for _, row in read:
        for name in row.names:
            if name not in classes:
                raise DataError(f"{file}: class {name!r} is not among those of {annotated.origin}")
            labels.append(classes[name])
    boxes = joined([np.array(row.boxes, np.float64).reshape(-1, 4) for _, row in read], np.float64, width=4)
    return DetectionSet(
        image=np.repeat([number for number, _ in read], [len(row.scores) for _, row in read]).astype(np.int64),
        labels=np.array(labels, np.int64),
        xywh=np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1),
        scores=joined([np.array(row.scores, np.float64) for _, row in read], np.float64),
    )


def _together(sets: list[DetectionSet]) -> DetectionSet:
    return DetectionSet(
        image=np.concatenate([each.image for each in sets]),
        labels=np.concatenate([each.labels for each in sets]),
        xywh=np.concatenate([each.xywh for each in sets]),
        scores=np.concatenate([each.scores for each in sets]),
    )
