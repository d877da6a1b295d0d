"""Shared by all writers of annotations: images with unique names, and a folder that is complete or absent."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo3.choices import Placement
from yolo3.data.faults import DataError
from yolo3.data.images import IMAGE_SUFFIXES, checked_content, image_size
from yolo3.data.sample import Sample, SampleSet
from yolo3.images import is_there
from yolo3.images.header import suffix_of
from yolo3.system.folders import contents, new_folder


@dataclass(frozen=True)
class Album:
    """The images of a data set to be written, each once, and its splits."""

    names: tuple[str, ...]
    """Class names, in order."""
    images: dict[str, Sample]
    """Samples by their file name in the new set; the stems of the names are unique."""
    splits: dict[str, list[str]]
    """File names of the images in each split."""

    @classmethod
    def of(cls, splits: Mapping[str, SampleSet]) -> "Album":
        """Gather the splits of a data set. An image may be in several.

        Raises:
            ValueError: Splits with different classes; a split whose name cannot be a file name; no split.
        """
        if not splits:
            raise ValueError("nothing to write: give at least one split")
        names = next(iter(splits.values())).names
        album = _FileNames()
        listed: dict[str, list[str]] = {}
        for split, samples in splits.items():
            if samples.names != names:
                raise ValueError(f"split {split!r} has the classes {samples.names}, the first split {names}")
            if not split or Path(split).name != split:
                raise ValueError(f"split {split!r} cannot be a file name; use letters and digits")
            listed[split] = [album.file_name(sample) for sample in samples]
        return cls(names, album.images, listed)

    def place(self, folder: Path, images: Placement) -> None:
        """Put the image files into a new folder. An image in a row of a Parquet file is always copied.

        Raises:
            DataError: An image that is missing, or a file that is not an image: a data set may name any file.
        """
        folder.mkdir()
        for file_name, sample in self.images.items():
            if not is_there(sample.image):
                raise DataError(f"{sample.image}: no such image; a data set is written with its images")
            if not sample.image.is_file():
                (folder / file_name).write_bytes(checked_content(sample.image))
                continue
            image_size(sample.image)  # raises if the file is not an image
            if images == "link":
                (folder / file_name).symlink_to(sample.image.resolve())
            else:
                shutil.copyfile(sample.image, folder / file_name)


class _FileNames:
    """Gives every image a unique name, also on file systems that ignore case."""

    def __init__(self) -> None:
        self.images: dict[str, Sample] = {}
        self._given: dict[Path, list[str]] = {}
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def file_name(self, sample: Sample) -> str:
        """The file name of a sample's image: its own, with a number if the name is taken.

        An image with different annotations in two splits becomes two images.
        """
        for name in self._given.get(sample.image, ()):
            if _same_objects(self.images[name], sample):
                return name
        own = sample.image.stem
        stem = own
        number = self._next.get(own.casefold(), 2)
        while stem.casefold() in self._taken:
            stem = f"{own}-{number}"
            number = number + 1
        self._next[own.casefold()] = number
        self._taken.add(stem.casefold())
        name = stem + _suffix(sample.image)
        self.images[name] = sample
        self._given.setdefault(sample.image, []).append(name)
        return name


def _suffix(image: Path) -> str:
    """The suffix of an image file; for an image in a Parquet file that has none, one of its format."""
    if image.suffix.lower() in IMAGE_SUFFIXES or image.is_file() or not is_there(image):
        return image.suffix
    return suffix_of(checked_content(image))


def _same_objects(one: Sample, other: Sample) -> bool:
    return all(
        np.array_equal(getattr(one, column), getattr(other, column))
        for column in ("boxes", "labels", "difficult", "crowd", "area")
    )


@contextmanager
def new_dataset(folder: Path) -> Iterator[Path]:
    """A folder to fill. Its contents appear when all is written, and not at all if anything fails.

    Raises:
        DataError: A folder that has content.
        OSError: Contents that cannot be moved there.
    """
    if os.path.lexists(folder) and not (folder.is_dir() and not contents(folder)):
        raise DataError(f"{folder}: exists already; choose a new folder, so that nothing is overwritten")
    with new_folder(folder) as making:
        yield making.path
