"""COCO annotation files, read as is: nothing is corrected or left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from yolo3.data import DataError, SampleSet
from yolo3.data.coco import read_lists
from yolo3.data.coco_images import find_listed_images
from yolo3.data.json_files import is_marked, whole
from yolo3.data.reading import check_names
from yolo3.data.sample import IntArray
from yolo3.metrics.comparison import Comparison, DetectionSet, Truth, of_images


@dataclass(frozen=True, eq=False)
class Annotated:
    """Ground truth of some images, and the ids of images and classes in a file of detections."""

    names: tuple[str, ...]
    """Names of the C classes."""
    category_ids: tuple[int | None, ...]
    """(C,) id of each class in a file; None if the file does not have the class."""
    images: tuple[str, ...]
    """Files of the M images, in order of the ids of a COCO file; they need not exist."""
    image_ids: tuple[int, ...]
    """(M,) id of each image in a file."""
    truth: Truth
    origin: str
    """Origin of the annotations, in words."""
    are_coco: bool = True
    """Whether the ids are those of a COCO file. Otherwise images and classes may be given by name too."""

    @classmethod
    def of(cls, samples: SampleSet) -> "Annotated":
        """Ground truth of samples of any format.

        The id of an image is the number in its file name, such as ``000139.jpg``; if not all names are distinct
        numbers, images are counted from 0. Classes are counted from 0.
        """
        paths = [samples.path(index) for index in range(len(samples))]
        numbers = {int(path.stem): None for path in paths if path.stem.isdecimal()}
        ids = numbers if len(numbers) == len(paths) else range(len(paths))
        return cls(
            names=samples.names,
            category_ids=tuple(range(len(samples.names))),
            images=tuple(map(str, paths)),
            image_ids=tuple(ids),
            truth=Truth.of(samples),
            origin=samples.origin,
            are_coco=False,
        )

    def compare(self, found: DetectionSet) -> Comparison:
        """Compare detections with the ground truth."""
        return Comparison(self.names, self.images, self.truth, found)

    def numbers_of(self, samples: SampleSet) -> IntArray:
        """(M,) index in ``images`` of each sample."""
        if not self.are_coco or samples.image_ids is None:
            return np.arange(len(samples))
        return np.searchsorted(self.image_ids, samples.image_ids)

    def summary(self) -> str:
        """One line about images and objects."""
        ignored = int(self.truth.ignored.sum())
        crowds = f", {ignored:,} of them ignored" if ignored else ""
        return f"{self.origin}: {len(self.images):,} images, {len(self.truth):,} objects{crowds}"

    def only(self, image_ids: Sequence[int]) -> "Annotated":
        """The same with only some of the images."""
        wanted = set(image_ids)
        numbers = [number for number, image_id in enumerate(self.image_ids) if image_id in wanted]
        return replace(
            self,
            images=tuple(self.images[number] for number in numbers),
            image_ids=tuple(self.image_ids[number] for number in numbers),
            truth=of_images(self.truth, numbers, len(self.images)),
        )


def read_annotations(path: Path, names: Sequence[str] | None = None) -> Annotated:
    """Read a COCO file as pycocotools does: nothing is clipped, corrected or left out.

    An annotation without ``area`` has that of its box. Besides ``iscrowd``, the ``difficult`` that `write_dataset` adds
    is respected.

    Args:
        path: JSON file. The images need not exist; those that exist are located.
        names: Class names in the order of a detector. Default: the order of the category ids.

    Raises:
        DataError: A file that is missing or damaged, a duplicate id, an annotation of an image or category that is not
            listed, or of a class that is not in ``names``.

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
        images=_image_files(path, images),
        image_ids=tuple(images),
        truth=Truth(
            image=values[:, 0].astype(np.int64),
            labels=values[:, 1].astype(np.int64),
            xywh=values[:, 2:6],
            area=values[:, 6],
            ignored=values[:, 7] > 0,
            ids=_annotation_ids(path, annotations),
        ),
        origin=str(path),
    )


_LISTED = (("image", "images"), ("category", "categories"))
_BEYOND = 1e150
"""Largest number that is taken for a coordinate or score."""


def _by_id(path: Path, kind: str, entries: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Entries by id, in rising order."""
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
    """(N,) ids in the order of the file; counted from 1 if there are none."""
    if not any("id" in entry for entry in annotations):
        return np.arange(1, len(annotations) + 1)
    _by_id(path, "annotation", annotations)
    return np.array([whole(entry["id"]) for entry in annotations], np.int64)


def _image_files(path: Path, images: Mapping[int, dict[str, Any]]) -> tuple[str, ...]:
    """Path of each image, or its name if there is no such file."""
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
    """Image, label, left, top, width, height, area, ignored."""
    place = f"{path}: annotation {entry.get('id')}"
    image_id, category_id = whole(entry.get("image_id")), whole(entry.get("category_id"))
    if image_id is None or image_id not in numbers:
        text = f"its image_id {entry.get('image_id')!r:.80} is not among the images; fix it or remove it"
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
        DataError: A value that is not four numbers, or a negative width or height.
    """
    sides = entry.get("bbox")
    if not isinstance(sides, list) or len(sides) != 4 or not all(map(is_number, sides)) or min(sides[2:]) < 0:
        raise DataError(f"{place}: needs a 'bbox' [left, top, width, height] in pixels, not {sides!s:.80}")
    left, top, width, height = map(float, sides)
    return left, top, width, height


def is_number(value: object) -> bool:
    """Whether a value of a JSON file is a number whose square is finite too."""
    return isinstance(value, int | float) and abs(value) < _BEYOND
