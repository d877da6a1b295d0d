"""COCO's annotation files as they stand, down to the ids and the last digit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from yolo3.data import DataError, SampleSet
from yolo3.data.coco import read_lists
from yolo3.data.coco_layout import find_listed_images
from yolo3.data.json_files import is_marked, whole
from yolo3.data.reading import check_names
from yolo3.metrics.comparison import Comparison, Found, IntArray, Truth, of_pictures


@dataclass(frozen=True, eq=False)
class Annotated:
    """What there is to find in some pictures, and how a file of detections calls the pictures and classes."""

    names: tuple[str, ...]
    """Of the C classes."""
    category_ids: tuple[int | None, ...]
    """(C,) the number that a file has for each class; None where it does not have the class."""
    pictures: tuple[str, ...]
    """The M pictures' files, in order of the ids of a COCO file; they need not exist."""
    image_ids: tuple[int, ...]
    """(M,) the number that a file has for each picture."""
    truth: Truth
    origin: str
    """Where it comes from, in words."""
    are_coco: bool = True
    """The ids are those of a COCO file. Else files and classes may be called by name too."""

    @classmethod
    def of(cls, samples: SampleSet) -> "Annotated":
        """Samples of any format.

        Pictures have the numbers that their files are called by, as in ``000139.jpg``, or where some are not called by
        a number of their own, they are counted from 0 in their order. Classes are counted from 0.
        """
        paths = [samples.path(index) for index in range(len(samples))]
        numbers = {int(path.stem): None for path in paths if path.stem.isdecimal()}
        return cls(
            names=samples.names,
            category_ids=tuple(range(len(samples.names))),
            pictures=tuple(map(str, paths)),
            image_ids=tuple(numbers) if len(numbers) == len(paths) else tuple(range(len(paths))),
            truth=Truth.of(samples),
            origin=samples.origin,
            are_coco=False,
        )

    def compare(self, found: Found) -> Comparison:
        """Put detections beside it."""
        return Comparison(self.names, self.pictures, self.truth, found)

    def numbers_of(self, samples: SampleSet) -> IntArray:
        """(M,) the number here of each sample, which is of these pictures."""
        if not self.are_coco or samples.image_ids is None:
            return np.arange(len(samples))
        return np.searchsorted(self.image_ids, samples.image_ids)

    def summary(self) -> str:
        """What there is, in a line."""
        ignored = int(self.truth.ignored.sum())
        crowds = f", {ignored:,} of them ignored" if ignored else ""
        return f"{self.origin}: {len(self.pictures):,} pictures, {len(self.truth):,} objects{crowds}"

    def only(self, image_ids: Sequence[int]) -> "Annotated":
        """Some of the pictures alone."""
        wanted = set(image_ids)
        numbers = [number for number, image_id in enumerate(self.image_ids) if image_id in wanted]
        return replace(
            self,
            pictures=tuple(self.pictures[number] for number in numbers),
            image_ids=tuple(self.image_ids[number] for number in numbers),
            truth=of_pictures(self.truth, numbers, len(self.pictures)),
        )


def read_annotations(path: Path, names: Sequence[str] | None = None) -> Annotated:
    """Read a COCO file as pycocotools does: nothing is cut, corrected or left out.

    An annotation without ``area`` has that of its box. Besides ``iscrowd``, the ``difficult`` that `write_dataset` adds
    is honoured.

    Args:
        path: the JSON file. The pictures need not exist; those that do are pointed at.
        names: of the classes, in the order of a detector's; None is the order of the category ids.

    Raises:
        DataError: a file that is missing or damaged, an id that stands twice, an annotation of something that is not
            listed, or of a class that is not among the names.

    Source:
        https://cocodataset.org/#format-data
    """
    content = read_lists(path)
    images, categories = (_by_id(path, kind, content[key]) for kind, key in _LISTED)
    own_names = {number: str(entry.get("name", number)) for number, entry in categories.items()}
    check_names(list(own_names.values()), f"{path}: categories")
    names = tuple(own_names.values()) if names is None else tuple(names)
    labels = {number: names.index(name) for number, name in own_names.items() if name in names}
    id_of = {label: number for number, label in labels.items()}
    numbers = {image_id: number for number, image_id in enumerate(images)}

    annotations = content["annotations"]
    values = np.array([_row(path, entry, numbers, labels, own_names) for entry in annotations], np.float64)
    values = values.reshape(-1, 8)
    return Annotated(
        names=names,
        category_ids=tuple(id_of.get(label) for label in range(len(names))),
        pictures=_pictures(path, images),
        image_ids=tuple(images),
        truth=Truth(
            picture=values[:, 0].astype(np.int64),
            labels=values[:, 1].astype(np.int64),
            ltwh=values[:, 2:6],
            area=values[:, 6],
            ignored=values[:, 7] > 0,
            ids=_annotation_ids(path, annotations),
        ),
        origin=str(path),
    )


_LISTED = (("image", "images"), ("category", "categories"))
_BEYOND = 1e150
"""No detector means such a number."""


def _by_id(path: Path, kind: str, entries: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Entries by their ids, which rise."""
    found: dict[int, dict[str, Any]] = {}
    for index, entry in enumerate(entries):
        number = whole(entry.get("id"))
        if number is None:
            raise DataError(f"{path}: {kind} {index} of the list needs a whole 'id', not {entry.get('id')!r:.80}")
        if number in found:
            raise DataError(f"{path}: two entries of kind {kind} have id {number}; give each its own")
        found[number] = entry
    return dict(sorted(found.items()))


def _annotation_ids(path: Path, annotations: Sequence[dict[str, Any]]) -> Any:
    """(N,) ids, in order of the file; counted from 1 where there are none."""
    if not any("id" in entry for entry in annotations):
        return np.arange(1, len(annotations) + 1)
    _by_id(path, "annotation", annotations)
    return np.array([whole(entry["id"]) for entry in annotations], np.int64)


def _pictures(path: Path, images: Mapping[int, dict[str, Any]]) -> tuple[str, ...]:
    """Where each picture is, or at least what it is called."""
    file_names = [str(entry.get("file_name", f"image {number}")) for number, entry in images.items()]
    places = find_listed_images(path, file_names)
    return tuple(str(place or file_name) for place, file_name in zip(places, file_names, strict=True))


def _row(
    path: Path,
    entry: Mapping[str, Any],
    numbers: Mapping[int, int],
    labels: Mapping[int, int],
    own_names: Mapping[int, str],
) -> tuple[float, ...]:
    """Picture, label, left, top, width, height, area, ignored."""
    place = f"{path}: annotation {entry.get('id')}"
    image_id, category_id = whole(entry.get("image_id")), whole(entry.get("category_id"))
    if image_id is None or image_id not in numbers:
        text = f"its image_id {entry.get('image_id')!r:.80} is not among the images; mend it or take it out"
        raise DataError(f"{place}: {text}")
    if category_id is None or category_id not in own_names:
        text = f"its category_id {entry.get('category_id')!r:.80} is not among the categories {sorted(own_names)}"
        raise DataError(f"{place}: {text}")
    if category_id not in labels:
        raise DataError(f"{place}: class {own_names[category_id]!r} is not among those of the detector")
    left, top, width, height = box(place, entry)
    area = width * height if entry.get("area") is None else entry["area"]
    if not is_number(area):
        raise DataError(f"{place}: 'area' is a number of square pixels, not {area!r:.80}")
    try:
        ignored = is_marked(entry.get("iscrowd")) or is_marked(entry.get("difficult"))
    except ValueError as error:
        raise DataError(f"{place}: 'iscrowd' and 'difficult' are 0 or 1, but {error}") from error
    return numbers[image_id], labels[category_id], left, top, width, height, area, ignored


def box(place: str, entry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """The ``bbox`` of an entry.

    Raises:
        DataError: it is not four numbers, or ends before it begins.
    """
    sides = entry.get("bbox")
    if not isinstance(sides, list) or len(sides) != 4 or not all(map(is_number, sides)) or min(sides[2:]) < 0:
        raise DataError(f"{place}: needs a 'bbox' [left, top, width, height] in pixels, not {sides!s:.80}")
    left, top, width, height = map(float, sides)
    return left, top, width, height


def is_number(value: object) -> bool:
    """Whether a value of a JSON file can be reckoned with: its square is finite too."""
    return isinstance(value, int | float) and abs(value) < _BEYOND
