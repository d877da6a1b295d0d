"""What every writer of annotations needs: pictures under names of their own, and a folder that is whole or absent."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo3.choices import Placement
from yolo3.data.faults import DataError
from yolo3.data.images import image_size
from yolo3.data.sample import Sample, SampleSet
from yolo3.system.folders import contents, new_folder


@dataclass(frozen=True)
class Album:
    """The pictures of a data set about to be written, each once, and the splits they are in."""

    names: tuple[str, ...]
    """The name of every class."""
    pictures: dict[str, Sample]
    """By file name in the new set; no two share the part before the suffix."""
    splits: dict[str, list[str]]
    """The file names of each split."""

    @classmethod
    def of(cls, splits: Mapping[str, SampleSet]) -> "Album":
        """Gather the splits of a data set; a picture may be in several.

        Raises:
            ValueError: splits of different classes, a split whose name cannot be a file's, no split.
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
                raise ValueError(f"split {split!r} cannot be a file's name; use letters and digits")
            listed[split] = [album.file_name(sample) for sample in samples]
        return cls(names, album.pictures, listed)

    def place(self, folder: Path, pictures: Placement) -> None:
        """Put the pictures' files into a new folder.

        Raises:
            DataError: a picture that is missing, or a file that is none: a data set may name any.
        """
        folder.mkdir()
        for file_name, sample in self.pictures.items():
            if not sample.image.is_file():
                raise DataError(f"{sample.image}: no such picture; a data set is written with its pictures")
            image_size(sample.image)  # complains of what is no image
            if pictures == "link":
                (folder / file_name).symlink_to(sample.image.resolve())
            else:
                shutil.copyfile(sample.image, folder / file_name)


class _FileNames:
    """Gives every picture a name of its own, also where a file system does not tell A from a."""

    def __init__(self) -> None:
        self.pictures: dict[str, Sample] = {}
        self._given: dict[Path, list[str]] = {}
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def file_name(self, sample: Sample) -> str:
        """The name of a sample's picture: its own, or that with a number where another had it first.

        A picture that is annotated in two ways, as in two splits, becomes two.
        """
        for name in self._given.get(sample.image, ()):
            if _same_objects(self.pictures[name], sample):
                return name
        own = sample.image.stem
        stem, number = own, self._next.get(own.casefold(), 2)
        while stem.casefold() in self._taken:
            stem, number = f"{own}-{number}", number + 1
        self._next[own.casefold()] = number
        self._taken.add(stem.casefold())
        name = stem + sample.image.suffix
        self.pictures[name] = sample
        self._given.setdefault(sample.image, []).append(name)
        return name


def _same_objects(one: Sample, other: Sample) -> bool:
    return all(
        np.array_equal(getattr(one, column), getattr(other, column))
        for column in ("boxes", "labels", "difficult", "crowd", "area")
    )


@contextmanager
def new_dataset(folder: Path) -> Iterator[Path]:
    """A folder to fill, whose contents appear in it when all is written, and not at all if anything fails.

    Raises:
        DataError: There is something in the folder.
        OSError: The contents cannot be put there.
    """
    if os.path.lexists(folder) and not (folder.is_dir() and not contents(folder)):
        raise DataError(f"{folder}: exists already; choose a folder that does not, so that nothing is overwritten")
    with new_folder(folder) as making:
        yield making.path
