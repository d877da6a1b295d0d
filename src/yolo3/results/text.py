"""JSON, JSON lines and CSV. Every line is written at once: an interrupted run leaves its results so far."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from yolo3.results.lines import Lines
from yolo3.results.writer import Add, Writer
from yolo3.sources import Frame
from yolo3.structures import Detections

Path = str | os.PathLike[str]
Results = Iterable[tuple[str, Detections]]
"""Pairs of image and detections, as `Predictor.stream` gives them; written as they come."""

_COLUMNS = ("image", "name", "label", "score", "left", "top", "right", "bottom", "time")


def to_dict(image: str, found: Detections, time: float | None = None) -> dict[str, Any]:
    """The objects of one image in plain types: ``{"image": …, "detections": [{"name", "label", "score", "box"}]}``.

    A box is [left, top, right, bottom] in pixels, to a hundredth; a score is rounded to six digits. A frame of a video
    also has a ``time`` in seconds, and ``limit_reached`` is true if ``max_detections`` left objects out.
    """
    moment = {} if time is None else {"time": round(time, 3)}
    limit = {"limit_reached": True} if found.limit_reached else {}
    return {"image": image, **moment, **limit, **found.to_dict()}


@contextmanager
def json_file(path: Path) -> Iterator[Add]:
    """One JSON array with the `to_dict` of every image, one per line."""
    with json_array(path) as append:

        def add(frame: Frame, found: Detections) -> None:
            append(to_dict(frame.name, found, frame.time))

        yield add


@contextmanager
def json_array(path: Path) -> Iterator[Callable[[Any], None]]:
    """One JSON array of the values appended to it, one per line; valid, too, when an error ends it early."""
    with Lines(path) as file:
        separator = "[\n"

        def append(value: Any) -> None:
            nonlocal separator
            file.write(separator + json.dumps(value, ensure_ascii=False))
            separator = ",\n"

        try:
            yield append
        finally:
            file.write("\n]\n" if separator == ",\n" else "[]\n")


@contextmanager
def json_lines(path: Path) -> Iterator[Add]:
    """The `to_dict` of every image as a JSON document of its own, one per line."""
    with Lines(path) as file:

        def add(frame: Frame, found: Detections) -> None:
            file.write(json.dumps(to_dict(frame.name, found, frame.time), ensure_ascii=False) + "\n")

        yield add


@contextmanager
def csv_file(path: Path) -> Iterator[Add]:
    """One row per object: image, name, label, score, left, top, right, bottom, and the time of a video's frame."""
    with Lines(path) as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)

        def add(frame: Frame, found: Detections) -> None:
            plain = to_dict(frame.name, found, frame.time)
            for item in plain["detections"]:
                time = plain.get("time", "")
                rows.writerow([frame.name, item["name"], item["label"], item["score"], *item["box"], time])

        yield add


def write_json(path: Path, results: Results) -> None:
    """All results as a `json_file`."""
    _write(json_file(path), results)


def write_json_lines(path: Path, results: Results) -> None:
    """All results as `json_lines`."""
    _write(json_lines(path), results)


def write_csv(path: Path, results: Results) -> None:
    """All results as a `csv_file`."""
    _write(csv_file(path), results)


def _write(writer: Writer, results: Results) -> None:
    with writer as add:
        for name, found in results:
            add(Frame.of_file(name), found)
