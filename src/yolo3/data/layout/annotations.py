"""The annotation of one image, as a file of any format states it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from yolo3.data.box_checks import BoxCorners
from yolo3.data.faults import Fault, FaultKind, OnFault
from yolo3.data.sample_builder import SampleSetBuilder

SOLE_CLASS = "object"
"""Name of the only class of a data set whose objects have none."""


class ImageAnnotation(Protocol):
    """The objects of one image, and what is known of the image."""

    @property
    def path(self) -> Path:
        """Annotation file."""
        ...

    @property
    def place(self) -> str:
        """Annotation file, with the line where it has several images."""
        ...

    @property
    def image(self) -> str:
        """Name or path of the image as stated; empty if it is not stated."""
        ...

    @property
    def is_inside(self) -> bool:
        """Whether the image is in the annotation file itself, at the stated address."""
        ...

    @property
    def height(self) -> int | None:
        """Height of the image, pixels; None if it is not stated."""
        ...

    @property
    def width(self) -> int | None:
        """Width of the image, pixels; None if it is not stated."""
        ...

    @property
    def split(self) -> str:
        """Name of the split as stated; empty if it is not stated."""
        ...

    @property
    def unread(self) -> Counter[str]:
        """Content that is not read, with the number of objects that have it."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """How the file was read, the same for all its images."""
        ...

    def labels(self) -> Iterable[int | str]:
        """Numbers or names of the classes of the readable objects."""
        ...

    def add(self, builder: SampleSetBuilder, size: tuple[int, int]) -> None:
        """Add the objects to the last image of a builder, which has this (height, width)."""
        ...

    def miss(self, builder: SampleSetBuilder) -> None:
        """Report the objects as ones whose image is not in the set."""
        ...


class StatedObject(NamedTuple):
    """An object as a file states it."""

    place: str
    """File, and line or record."""
    label: int | str | None
    """Number or name of the class; None if it cannot be read."""
    box: BoxCorners | None
    """Bounding box, xyxy; None if it cannot be read."""
    fault: str = ""
    """Reason why the object cannot be read; empty if it can."""
    kind: FaultKind = "syntax"
    """Kind of that fault."""
    difficult: bool = False
    crowd: bool = False
    area: float | None = None
    """Area of the object as stated, square pixels; None takes that of the box."""
    note: str = ""
    """Remark on how the object was read, for all such objects together."""


@dataclass(frozen=True)
class StatedImage:
    """An image and its objects, as a file states them."""

    path: Path
    place: str
    image: str
    height: int | None
    width: int | None
    objects: Sequence[StatedObject]
    split: str = ""
    in_fractions: bool = False
    """Whether boxes are fractions of the image's width and height; otherwise they are pixels."""
    unread: Counter[str] = field(default_factory=Counter)
    """Content that is not read, with the number of objects that have it."""
    remarks: tuple[str, ...] = ()
    """How the file was read, the same for all its images."""
    harmless: Fault | None = None
    """A fault that does not keep the image from being used."""
    is_inside: bool = False
    """Whether the image is in the annotation file itself, at the stated address."""

    def labels(self) -> Iterator[int | str]:
        """Numbers or names of the classes of the readable objects."""
        return (item.label for item in self.objects if item.box is not None and item.label is not None)

    def add(self, builder: SampleSetBuilder, size: tuple[int, int]) -> None:
        """Add the objects to the last image of a builder, which has this (height, width)."""
        height, width = size
        if self.harmless is not None:
            builder.skip(self.harmless)
        for item in self.objects:
            if item.box is None or item.label is None:
                builder.refuse_object(item.kind, item.place, item.fault, item.label)
                continue
            box = item.box
            if self.in_fractions:
                left, top, right, bottom = box
                box = (left * width, top * height, right * width, bottom * height)
            builder.add_object(item.place, item.label, box, difficult=item.difficult, crowd=item.crowd, area=item.area)
            if item.note:
                builder.note(item.note)

    def miss(self, builder: SampleSetBuilder) -> None:
        """Report the objects as ones whose image is not in the set."""
        for item in self.objects:
            builder.miss_object(item.place, item.label)


def no_own_names(path: Path) -> tuple[str, ...] | None:
    """None: the files of the format list no class names."""
    return None


@dataclass(frozen=True)
class AnnotationFiles:
    """How a format is told by its files, and how they are read one by one."""

    suffixes: tuple[str, ...]
    """Suffixes of the files, in lower case."""
    fits: Callable[[Path], bool]
    """Tells at a quick look whether a file is one."""
    read: Callable[[Path, OnFault], Sequence[ImageAnnotation]]
    """Reads the images that a file states. It reports faults of whole files; the result has the faulty objects."""
    is_stated: bool = True
    """Whether files name their images; otherwise they are paired by their own names."""
    by_folder: bool = False
    """Whether all files of a folder are annotations if some are; otherwise each is looked at."""
    unlisted_are_empty: bool = False
    """Whether an image without annotation, beside others that have one, counts as having no objects."""
    is_slow: bool = False
    """Whether reading a file takes so long that several processes are worth it where there are many."""
    names_files: tuple[str, ...] = ()
    """File names, in lower case, that hold class names in this format beside those known everywhere."""
    own_names: Callable[[Path], tuple[str, ...] | None] = no_own_names
    """Finds the class names that an annotation file itself lists, by number."""
