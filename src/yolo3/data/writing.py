"""What every writer of annotations needs: pictures under names of their own, and a folder that is whole or absent."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolo3.data.faults import DataError
from yolo3.data.sample import Sample, SampleSet
from yolo3.folders import contents, new_folder

Placement = Literal["copy", "link"]
"""How the pictures come into a new data set: as copies, or as symbolic links."""


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
        pictures: dict[str, Sample] = {}
        taken: dict[str, Path] = {}  # stem -> the picture that has it
        listed: dict[str, list[str]] = {}
        for split, samples in splits.items():
            if samples.names != names:
                raise ValueError(f"split {split!r} has the classes {samples.names}, the first split {names}")
            if not split or Path(split).name != split:
                raise ValueError(f"split {split!r} cannot be a file's name; use letters and digits")
            listed[split] = []
            for sample in samples:
                stem = _free_stem(sample.image, taken)
                taken[stem] = sample.image
                file_name = stem + sample.image.suffix
                pictures.setdefault(file_name, sample)
                listed[split].append(file_name)
        return cls(names, pictures, listed)

    def place(self, folder: Path, pictures: Placement) -> None:
        """Put the pictures' files into a new folder.

        Raises:
            DataError: a picture that is missing.
        """
        folder.mkdir()
        for file_name, sample in self.pictures.items():
            if not sample.image.is_file():
                raise DataError(f"{sample.image}: no such picture; a data set is written with its pictures")
            if pictures == "link":
                (folder / file_name).symlink_to(sample.image.resolve())
            else:
                shutil.copyfile(sample.image, folder / file_name)


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


def _free_stem(image: Path, taken: Mapping[str, Path]) -> str:
    """The picture's own stem, or that with a number where another picture of that name came first."""
    stem, number = image.stem, 2
    while taken.get(stem, image) != image:
        stem, number = f"{image.stem}-{number}", number + 1
    return stem
