"""An annotation format as one value: what reads it, writes it and recognises it, and what its numbers mean."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from yolo3.choices import Placement
from yolo3.data.box_orders import ORDERS, BoxOrder
from yolo3.data.faults import OnFault
from yolo3.data.layout.contents import Contents
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject
from yolo3.data.work import Work
from yolo3.data.writing import Album


class Reader(Protocol):
    """Reads the annotations of a data set."""

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
    ) -> SampleSet:
        """The samples of a split, or of the whole data set; see `open_dataset`.

        Raises:
            DataError: An unknown split; a fault, unless ``on_fault`` returns.
        """
        ...


class Layout(Protocol):
    """A data set of one format, found by what its files hold."""

    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        ...

    def seen(self) -> str:
        """What was found, in words."""
        ...

    def read(
        self, split: str | None, names: Sequence[str] | None, on_fault: OnFault, on_object: OnObject, /
    ) -> SampleSet:
        """The samples of a split, or of the whole data set; see `open_dataset`.

        Raises:
            DataError: An unknown split; a fault, unless ``on_fault`` returns.
        """
        ...


class Writer(Protocol):
    """Writes the images and annotations of a data set into an empty folder."""

    def __call__(self, folder: Path, album: Album, images: Placement, /) -> list[str]:
        """Descriptions of what the format cannot hold."""
        ...


def no_unused_labels(used: Iterable[Path], images: Iterable[Path]) -> list[Path]:
    """No file: the reader itself reports annotations without an image."""
    return []


def no_layout(contents: Contents, is_chosen: bool) -> Layout | None:
    """No data set: the format is read from its own folders only."""
    return None


def no_own_folders(path: Path) -> bool:
    """False: the format has no folders of its own, and is found by what its files hold."""
    return False


def no_own_file(path: Path) -> bool:
    """False: no file belongs to the format by its content alone."""
    return False


def no_coco_file(path: Path, split: str | None) -> Path | None:
    """No file: the format is not COCO."""
    return None


@dataclass(frozen=True)
class DataFormat:
    """An annotation format. It is known everywhere once it is in `yolo3.data.formats.FORMATS`.

    Raises:
        ValueError: An unknown box order.
    """

    name: str
    """Name in ``format=``, on the command line and in reports."""
    read: Reader
    splits: Callable[[Path], tuple[str, ...]]
    """Lists the splits of a data set by name."""
    write: Writer
    recognise: Callable[[Path], bool]
    """Tells whether an existing file or folder may be a data set in this format's own folders. Of a file its name
    may do: a format that `holds` it comes first."""
    expected: str
    """Files that a data set of this format has, in words."""
    box_order: BoxOrder
    """Order of the numbers of a box."""
    in_fractions: bool = False
    """Whether the numbers of a box are fractions of the image's width and height; otherwise they are pixels."""
    states_size: bool = True
    """Whether annotations state the size of their image, so that a rotated image does not go unnoticed."""
    splits_are_lists: bool = False
    """Whether splits are lists of images beside one store of annotations: all splits then have the same classes, and
    annotations that no split lists are examined too."""
    unused_labels: Callable[[Iterable[Path], Iterable[Path]], list[Path]] = no_unused_labels
    """Finds annotation files whose image is missing, given the files that were read and the images."""
    coco_file: Callable[[Path, str | None], Path | None] = no_coco_file
    """Finds the one COCO file of a split, which COCO's own metrics read directly."""
    find: Callable[[Contents, bool], Layout | None] = no_layout
    """Finds a data set of this format by what its files hold, in any folders. The second argument tells whether the
    user chose the format. `recognise` comes first, unless the user named the folder of the images."""

    holds: Callable[[Path], bool] = no_own_file
    """Tells at a quick look whether an existing file holds annotations of this format, so that no other format whose
    files have the same suffix claims it."""

    def __post_init__(self) -> None:
        if self.box_order not in ORDERS:
            raise ValueError(f"box_order is {self.box_order!r}; choose {', '.join(ORDERS)}")
