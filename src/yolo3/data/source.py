"""Where a data set is, and what it is found to be."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from yolo3.data.data_format import DataFormat, Layout
from yolo3.data.faults import DataError, OnFault
from yolo3.data.layout.contents import Contents
from yolo3.data.listing import Folders, remembering
from yolo3.data.reading import read_names
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject
from yolo3.data.work import QUIETLY, Work


@dataclass(frozen=True)
class DataSource(os.PathLike[str]):
    """The place of a data set. Its folders are listed once, however often it is opened.

    As a path it is that of the annotations.
    """

    path: Path
    """Folder of the data set or of its annotations, or the file that describes it."""
    images: Path | None = None
    """Folder of the images. None looks for them in the folder of the annotations."""
    names: Path | None = None
    """File of class names, one per line. None takes the data set's own."""
    allow_outside: bool = False
    """Whether images that the data set names outside its folder are read too."""
    work: Work = field(default=QUIETLY, compare=False, repr=False)
    """Reading of many files: quietly, or with a progress bar and several processes."""
    _found: dict[str | None, "FoundDataSet"] = field(default_factory=dict, compare=False, repr=False)
    _folders: Folders = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, place: "DataPlace", allow_outside: bool = False) -> "DataSource":
        """The source at a path; a source as it is, unless more is allowed."""
        if not isinstance(place, DataSource):
            return cls(Path(place), allow_outside=allow_outside)
        return place if place.allow_outside >= allow_outside else replace(place, allow_outside=True, _found={})

    def done_by(self, work: Work) -> "DataSource":
        """The same source, its files read in another way."""
        return replace(self, work=work, _found={})

    def listed(self) -> AbstractContextManager[None]:
        """Context in which each folder is read once, over all openings of this source."""
        return remembering(self._folders)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return str(self.path) if self.images is None else f"{self.path} with the images of {self.images}"

    @cached_property
    def contents(self) -> Contents:
        """All files.

        Raises:
            DataError: A path that does not exist, or a folder of images that is none.
        """
        self._check()
        if self.images is not None and not self.images.is_dir():
            raise DataError(f"{self.images}: no such folder of images; give one with --images (images=)")
        return Contents.of(self.path, self.images, self.allow_outside, self.work)

    def class_names(self, names: Sequence[str] | None) -> Sequence[str] | None:
        """The names that the user gave, directly or by a file; None if there are none."""
        return names if names is not None or self.names is None else read_names(self.names)

    def found(self, formats: Sequence[DataFormat], format: DataFormat | None = None) -> "FoundDataSet":
        """What the source holds.

        Args:
            formats: Formats that it may have.
            format: Format that the user chose. None recognises it.

        Raises:
            DataError: A path that does not exist; no matching format, or several.
        """
        asked = None if format is None else format.name
        if asked not in self._found:
            with self.listed():
                self._found[asked] = self._chosen(format) if format is not None else self._recognised(formats)
            self._found.setdefault(self._found[asked].format.name, self._found[asked])
        return self._found[asked]

    def _chosen(self, format: DataFormat) -> "FoundDataSet":
        if self.images is None and self.path.exists() and format.recognise(self.path):
            return FoundDataSet(self, format)
        layout = format.find(self.contents, True) if self.path.exists() or self.images is not None else None
        if layout is None and self.images is not None:
            raise DataError(f"{self.path}: no annotations in the format {format.name}; expected {format.expected}")
        return FoundDataSet(self, format, layout)

    def _check(self) -> None:
        """Raise a DataError if the path does not exist."""
        if not self.path.exists():
            text = "no such data set; give the path of its folder or of the file that describes it"
            raise DataError(f"{self.path}: {text}")

    def _recognised(self, formats: Sequence[DataFormat]) -> "FoundDataSet":
        self._check()
        if self.images is None and self.path.is_file():
            formats = [format for format in formats if format.holds(self.path)] or formats
            own = [format for format in formats if format.recognise(self.path)]
            if len(own) == 1:  # a file is one thing: what is around it need not be listed
                return FoundDataSet(self, own[0])
        contents = self.contents
        fitting = []
        for format in formats:
            if self.images is None and format.recognise(self.path):
                fitting.append(FoundDataSet(self, format))
            elif (layout := format.find(contents, False)) is not None:
                fitting.append(FoundDataSet(self, format, layout))
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = [found.format.name for found in fitting]
            options = " or ".join(f"--format {name}" for name in names)
            seen = "; ".join(f"{found.format.name}: {found.seen()}" for found in fitting)
            raise DataError(
                f"{self.path}: the format may be {' or '.join(names)}; choose one with format ({options}), or "
                f"give the path of one. Found {seen}"
            )
        raise NoKnownFormat(self.path)


class NoKnownFormat(DataError):
    """A place that holds no data set of a known format."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: no known format")


@dataclass(frozen=True)
class FoundDataSet:
    """A data set whose format is known."""

    source: DataSource
    format: DataFormat
    layout: Layout | None = None
    """Data set found by what its files hold; None for a data set in the format's own folders."""

    @property
    def splits_are_lists(self) -> bool:
        """Whether reading the whole data set gives annotations that no split has."""
        return self.layout is not None or self.format.splits_are_lists

    def seen(self) -> str:
        """What was found, in words."""
        return self.format.expected if self.layout is None else self.layout.seen()

    @cached_property
    def split_names(self) -> tuple[str, ...]:
        """The names of the splits, looked up once."""
        with self.source.listed():
            return self.format.splits(self.source.path) if self.layout is None else self.layout.splits()

    def read(self, split: str | None, names: Sequence[str] | None, on_fault: OnFault, on_object: OnObject) -> SampleSet:
        """The samples of a split, or of the whole data set; see `open_dataset`."""
        source = self.source
        names = source.class_names(names)
        with source.listed():
            if self.layout is not None:
                return self.layout.read(split, names, on_fault, on_object)
            return self.format.read(source.path, split, names, on_fault, on_object, source.allow_outside, source.work)


DataPlace = str | os.PathLike[str]
"""The place of a data set: a path, or a `DataSource`."""
