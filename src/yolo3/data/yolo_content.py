"""YOLO data sets as people have them: label files in any folders, or a description in a folder below."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from yolo3.data.faults import DataError, OnFault
from yolo3.data.layout.annotations import AnnotationFiles
from yolo3.data.layout.contents import Contents, some_of, stem_of
from yolo3.data.layout.found import FoundLayout
from yolo3.data.reading import read_text
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, SampleSetBuilder
from yolo3.data.split_names import is_split_word
from yolo3.data.work import Work
from yolo3.data.yolo_description import DESCRIPTION_SUFFIXES, may_describe
from yolo3.data.yolo_labels import read_labels

_LEAST_FIELDS = 5
_LOOKED_AT = 20  # lines of a file


@dataclass(frozen=True)
class LabelFile:
    """The label file of one image, which is read when its objects are needed."""

    path: Path
    image: str = ""
    height: int | None = None
    width: int | None = None
    split: str = ""
    remarks: tuple[str, ...] = ()
    is_inside: bool = False

    @property
    def unread(self) -> Counter[str]:
        """Nothing."""
        return Counter()

    @property
    def place(self) -> str:
        """The file itself."""
        return str(self.path)

    def labels(self) -> Iterator[int]:
        """The class numbers of the lines that have one."""
        try:
            lines = read_text(self.path).splitlines()
        except DataError:
            return
        for line in lines:
            first = line.split()[:1]
            if first and _is_whole(first[0]):
                yield int(float(first[0]))

    def add(self, builder: SampleSetBuilder, size: tuple[int, int]) -> None:
        """Add the objects to the last image of a builder, which has this (height, width)."""
        read_labels(builder, self.path, size)

    def miss(self, builder: SampleSetBuilder) -> None:
        """Do nothing: without an image the objects have no boxes."""


class _Read(Protocol):
    def __call__(
        self,
        path: Path,
        split: str | None,
        names: Sequence[str] | None,
        on_fault: OnFault,
        on_object: OnObject,
        allow_outside: bool,
        work: Work,
        /,
    ) -> SampleSet: ...


@dataclass(frozen=True)
class DescribedBelow:
    """A data set whose description is in a folder below the one that was given."""

    description: Path
    allow_outside: bool
    work: Work
    read_yolo: _Read
    yolo_splits: Callable[[Path], tuple[str, ...]]

    def splits(self) -> tuple[str, ...]:
        """The splits that the description names."""
        return self.yolo_splits(self.description)

    def seen(self) -> str:
        """What was found, in words."""
        return f"the description {self.description}"

    def read(self, split: str | None, names: Sequence[str] | None, on_fault: OnFault, on_object: OnObject) -> SampleSet:
        """The samples of a split, or of the whole data set; see `read_yolo`."""
        return self.read_yolo(self.description, split, names, on_fault, on_object, self.allow_outside, self.work)


def described_below(
    contents: Contents, read_yolo: _Read, yolo_splits: Callable[[Path], tuple[str, ...]]
) -> DescribedBelow | None:
    """The description in a folder below; None if there is none.

    Raises:
        DataError: Several descriptions.
    """
    if contents.is_pair or contents.path.is_file():
        return None
    files = sorted(file for suffix in DESCRIPTION_SUFFIXES for file in contents.files.get(suffix, ()))
    found = [file for file in files if may_describe(Path(file))]
    if len(found) > 1:
        raise DataError(f"{contents.path}: {found[0]} and {found[1]} describe data sets; give the path of one")
    if not found:
        return None
    return DescribedBelow(Path(found[0]), contents.allow_outside, contents.work, read_yolo, yolo_splits)


def find_labels(contents: Contents) -> FoundLayout | None:
    """Text files of numbers that pair with images by stem; None if there are none."""
    index = contents.image_index
    texts = [file for file in contents.annotations(".txt") if not _has_other_purpose(file)]
    paired = [file for file in texts if index.of_stem(stem_of(file))]
    if not contents.is_pair and not paired:
        return None
    by_folder: dict[str, list[str]] = {}
    for file in texts:
        by_folder.setdefault(os.path.dirname(file), []).append(file)
    members = set(paired)
    files = []
    for inside in by_folder.values():
        ours = [file for file in inside if file in members]
        if any(_is_label_file(Path(file)) for file in some_of(ours)):
            files += ours
        if ours or contents.is_pair:
            files += [file for file in inside if file not in members and _is_label_file(Path(file))]
    return FoundLayout("yolo", "YOLO", _FILES, sorted(files), contents) if files else None


def _read(path: Path, on_fault: OnFault) -> list[LabelFile]:
    return [LabelFile(path)]


def _has_other_purpose(file: str) -> bool:
    """Whether the name of a text file says that it holds class names or a list of images."""
    stem = stem_of(file).casefold()
    return stem in ("classes", "names", "labels", "readme") or is_split_word(stem)


def _is_label_file(path: Path) -> bool:
    """Whether at least half of the first rows are a whole number and four further ones or more."""
    try:
        lines = [line.split() for line in read_text(path).splitlines()[:_LOOKED_AT] if line.strip()]
    except DataError:
        return False
    fitting = [
        fields
        for fields in lines
        if len(fields) >= _LEAST_FIELDS and _is_whole(fields[0]) and all(map(_is_number, fields))
    ]
    return bool(fitting) and 2 * len(fitting) >= len(lines)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_whole(text: str) -> bool:
    return _is_number(text) and float(text).is_integer()


_FILES = AnnotationFiles((".txt",), _is_label_file, _read, is_stated=False, unlisted_are_empty=True)
