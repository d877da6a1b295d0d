"""Detections as files: JSON, JSON lines and CSV."""

import csv
import json
import os
from collections.abc import Iterable
from typing import Any

from yolo3.structures import Detections

Found = Iterable[tuple[str, Detections]]
"""(picture, its objects) one after another, as `Predictor.stream` gives them; written as they come."""


def to_dict(picture: str, found: Detections) -> dict[str, Any]:
    """The objects of one picture in plain types: ``{"image": …, "detections": [{"name", "label", "score", "box"}]}``.

    A box is [left, top, right, bottom] in pixels, to a hundredth; a score is rounded to six digits.
    """
    objects = [
        {"name": name, "label": label, "score": round(score, 6), "box": [round(edge, 2) for edge in box]}
        for name, label, score, box in zip(
            found.names, found.labels.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True
        )
    ]
    return {"image": picture, "detections": objects}


def write_json(path: str | os.PathLike[str], results: Found) -> None:
    """One JSON array with the `to_dict` of every picture, a line each."""
    with open(path, "w", encoding="utf-8") as file:
        separator = "[\n"
        for picture, found in results:
            file.write(separator + json.dumps(to_dict(picture, found), ensure_ascii=False))
            separator = ",\n"
        file.write("\n]\n" if separator == ",\n" else "[]\n")


def write_json_lines(path: str | os.PathLike[str], results: Found) -> None:
    """The `to_dict` of every picture as a JSON document of its own, a line each."""
    with open(path, "w", encoding="utf-8") as file:
        for picture, found in results:
            file.write(json.dumps(to_dict(picture, found), ensure_ascii=False) + "\n")


def write_csv(path: str | os.PathLike[str], results: Found) -> None:
    """One row an object: image, name, label, score, left, top, right, bottom."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "name", "label", "score", "left", "top", "right", "bottom"])
        for picture, found in results:
            for item in to_dict(picture, found)["detections"]:
                rows.writerow([picture, item["name"], item["label"], item["score"], *item["box"]])
