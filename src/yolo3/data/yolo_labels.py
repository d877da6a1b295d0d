"""The label files of a YOLO data set: how they are found and read."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from yolo3.data.faults import DataError
from yolo3.data.listing import visible
from yolo3.data.locating import Locator
from yolo3.data.reading import read_text
from yolo3.data.sample_builder import SampleSetBuilder
from yolo3.data.yolo_rows import RowFault, read_row

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
        if not self.locator.holds_folder(beside):
            return None
        return self._first([beside], os.path.splitext(name)[0])

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


def read_labels(
    builder: SampleSetBuilder,
    path: Path,
    size: tuple[int, int],
    lowest: float | None = None,
    keypoints: tuple[int, int] | None = None,
) -> bool:
    """Add the objects of a label file.

    Args:
        builder: Receives the objects.
        path: Path of the file.
        size: (height, width) of the image, which the fractions in the file refer to.
        lowest: Lowest score of an object that is read, if every line ends in a score.
        keypoints: Number of keypoints, and of numbers for each, if every line has a box and these.

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
        if not line.strip():
            continue
        has_lines = True
        place = f"{path}:{number}"
        row = read_row(line, lowest is not None, keypoints)
        if isinstance(row, RowFault):
            builder.refuse_object(row.kind, place, row.text, row.label)
            continue
        if lowest is not None and row.score is not None and not row.score >= lowest:
            continue
        left, top, right, bottom = row.box
        builder.add_object(place, row.label, (left * width, top * height, right * width, bottom * height))
        if row.note:
            builder.note(row.note)
    return has_lines


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False
