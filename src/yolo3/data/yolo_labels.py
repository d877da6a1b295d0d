"""The label files of a YOLO data set: how they are found and read."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from yolo3.data.building import SampleSetBuilder
from yolo3.data.faults import DataError
from yolo3.data.listing import visible
from yolo3.data.locating import Locator
from yolo3.data.reading import read_text

_SUFFIXES = (".txt", ".TXT")


@dataclass(frozen=True)
class LabelFiles:
    """Finds the label files of images.

    The label file of an image has ``labels`` in place of ``images`` in its path, or is beside the image. Otherwise it
    may be in a folder ``labels`` beside the image's folder, where one file may belong to images of several folders.
    """

    locator: Locator
    images: Callable[[], Collection[str]]
    """Gives every image of the data set; called only if needed."""

    def of(self, image: str) -> str | None:
        """The label file of an image; None if it has none.

        Raises:
            DataError: A label file that may belong to another image.
        """
        if found := self._own(image):
            return found
        found = self._common(image)
        if found is None or len(self._claims[found]) < 2:
            return found
        first, second = sorted(self._claims[found])[:2]
        raise DataError(f"its label file may belong to {first} or {second}; put label files beside their images")

    def _own(self, image: str) -> str | None:
        """The label file that the path of an image implies."""
        folder, name = os.path.split(image)
        stem = os.path.splitext(name)[0]
        folders = [folder]
        parts = folder.split(os.sep)
        if "images" in parts:
            last = len(parts) - 1 - parts[::-1].index("images")
            replaced = os.sep.join([*parts[:last], "labels", *parts[last + 1 :]])
            if self.locator.holds_folder(replaced):
                folders.insert(0, replaced)
        return self._first(folders, stem)

    def _common(self, image: str) -> str | None:
        folder, name = os.path.split(image)
        beside = os.path.join(os.path.dirname(folder), "labels")
        return self._first([beside] if self.locator.holds_folder(beside) else [], os.path.splitext(name)[0])

    def _first(self, folders: Sequence[str], stem: str) -> str | None:
        paths = (os.path.join(folder, stem + suffix) for folder in folders for suffix in _SUFFIXES)
        return next((path for path in paths if self.locator.listing.is_file(path)), None)

    @cached_property
    def _claims(self) -> dict[str, set[str]]:
        """The images that each label file beside several folders may belong to."""
        claims: dict[str, set[str]] = defaultdict(set)
        for image in self.images():
            if self._own(image) is None and (found := self._common(image)) is not None:
                claims[found].add(image)
        return claims


def count_label_files(builder: SampleSetBuilder, labels: Sequence[str | None], empty: int, first_bare: str) -> None:
    """Record how many images have a label file, an empty one, or none: it may have been forgotten."""
    missing = labels.count(None)
    if missing:
        found = len(labels) - missing
        builder.remark(
            f"label files: {found:,} found, {empty:,} of them empty; {missing:,} missing, for example {first_bare}: "
            "such an image counts as having no objects"
        )
    shared = [path for path, times in Counter(path for path in labels if path is not None).items() if times > 1]
    if shared:
        builder.remark(
            f"{len(shared):,} label files are read for several images with the same name, for example {shared[0]}"
        )


def holds_class_zero(labels: Sequence[str | None]) -> bool:
    """Whether any line of any label file is of class 0."""
    for path in labels:
        try:
            lines = [] if path is None else read_text(Path(path)).splitlines()
        except DataError:
            continue
        if any(line.split()[:1] and _is_zero(line.split()[0]) for line in lines):
            return True
    return False


def unused_labels(used: Iterable[Path], images: Iterable[Path]) -> list[Path]:
    """Label files whose image is missing, in folders of a path with ``labels``.

    Args:
        used: Label files that were read.
        images: Images of the data set.
    """
    stems = {"classes", *(image.stem for image in images)}
    folders = sorted({path.parent for path in used if "labels" in path.parent.parts})
    return [path for folder in folders for path in visible(folder, "*.txt") if path.stem not in stems]


def read_labels(builder: SampleSetBuilder, path: Path, size: tuple[int, int], lowest: float | None = None) -> bool:
    """Add the objects of a label file.

    Args:
        builder: Receives the objects.
        path: Path of the file.
        size: (height, width) of the image, which the fractions in the file refer to.
        lowest: Lowest score of an object that is read, if every line ends in a score.

    Returns:
        Whether the file has any line.
    """
    height, width = size
    try:
        lines = read_text(path).splitlines()
    except DataError as error:
        builder.refuse_object("syntax", str(path), str(error).removeprefix(f"{path}: "))
        return True
    has_lines = False
    for number, line in enumerate(lines, start=1):
        place = f"{path}:{number}"
        fields = line.split()
        if not fields:
            continue
        has_lines = True
        try:
            label, cx, cy, w, h, *score = map(float, fields)
            if len(score) != (lowest is not None):
                raise ValueError
        except ValueError:
            text = f"{line.strip()[:60]!r} is not {_expected(fields, lowest)}"
            builder.refuse_object("syntax", place, text, int(fields[0]) if fields[0].isdecimal() else None)
            continue
        if lowest is not None and not score[0] >= lowest:
            continue
        if not label.is_integer():
            builder.refuse_object("class", place, f"class {fields[0]} is not a whole number")
        elif max(cx, cy, w, h) > 2:
            text = f"{line.strip()!r}: are these pixels? YOLO files have fractions of the image, 0 to 1"
            builder.refuse_object("outside", place, text, int(label))
        else:
            box = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
            builder.add_object(place, int(label), box)
    return has_lines


def _expected(fields: Sequence[str], lowest: float | None) -> str:
    """The expected form of a line, with a hint at the likely mistake."""
    if lowest is not None:
        return "class cx cy w h score, as min_score in the description says"
    if len(fields) == 6:
        return "class cx cy w h; if the sixth number is a score, set min_score in the data.yaml, such as min_score: 0.5"
    return "class cx cy w h; boxes are read, polygons and scores are not"


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False
