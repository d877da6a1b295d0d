"""The files of a data set, listed once."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from yolo3.checks.names import first_few
from yolo3.data.images import IMAGE_SUFFIXES, without_copies
from yolo3.data.listing import files_below
from yolo3.data.work import QUIETLY, Work

_MOST_PLACES = 3


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything in the folder of a data set, and in the folder of its images if that is another one."""

    path: Path
    """Data set as given: a folder, or one annotation file."""
    root: Path
    """Folder of the annotations."""
    files: dict[str, list[str]]
    """Files below the root by suffix, in lower case."""
    images: list[str]
    """Image files, sorted by folder."""
    images_root: Path
    """Folder of the images."""
    allow_outside: bool = False
    """Whether images that annotations name outside these folders are read too."""
    work: Work = QUIETLY
    """Reading of many files: quietly, or with a progress bar and several processes."""

    @classmethod
    def of(
        cls, path: Path, images: Path | None = None, allow_outside: bool = False, work: Work = QUIETLY
    ) -> "Contents":
        """List a data set.

        Args:
            path: Folder, or annotation file.
            images: Folder of the images. None looks for them in the folder of the annotations.
            allow_outside: Whether images that annotations name outside these folders are read too.
            work: Reading of many files: quietly, or with a progress bar and several processes.
        """
        root = path if path.is_dir() else path.parent
        files = _by_suffix(root)
        listed = files if images is None else _by_suffix(images)
        found = sorted(file for suffix in IMAGE_SUFFIXES for file in listed.get(suffix, ()))
        if listed.get(".npy"):  # arrays may be copies of images
            found = list(map(str, without_copies(map(Path, found))))
        return cls(path, root, files, found, images or root, allow_outside, work)

    @property
    def is_pair(self) -> bool:
        """Whether the images are in a folder that the user named."""
        return self.images_root != self.root

    def annotations(self, *suffixes: str) -> list[str]:
        """Files that may be annotations: those with a suffix, or the one that the user gave."""
        found = sorted(file for suffix in suffixes for file in self.files.get(suffix, ()))
        return [file for file in found if file == str(self.path)] if self.path.is_file() else found

    @cached_property
    def image_index(self) -> "ImageIndex":
        """The images by stem."""
        return ImageIndex.of(self.images)


@dataclass(frozen=True, eq=False)
class ImageIndex:
    """Images by their file names, whatever the case of the letters."""

    by_stem: dict[str, list[str]]
    by_name: dict[str, list[str]]

    @classmethod
    def of(cls, images: Iterable[str]) -> "ImageIndex":
        """Index images by stem and by file name."""
        by_stem: dict[str, list[str]] = {}
        by_name: dict[str, list[str]] = {}
        for image in images:
            name = os.path.basename(image)
            by_name.setdefault(_key(name), []).append(image)
            by_stem.setdefault(_key(os.path.splitext(name)[0]), []).append(image)
        return cls(by_stem, by_name)

    def of_stem(self, stem: str) -> list[str]:
        """Images with a stem; those with the same case of letters, if there are any."""
        found = self.by_stem.get(_key(stem), [])
        return [image for image in found if stem_of(image) == stem] or found

    def named(self, name: str) -> list[str]:
        """Images with a file name; those with the same case of letters, if there are any."""
        found = self.by_name.get(_key(name), [])
        return [image for image in found if os.path.basename(image) == name] or found


def _by_suffix(folder: Path) -> dict[str, list[str]]:
    """All files below a folder by suffix, in lower case; spelled as `Path` spells them."""
    files: dict[str, list[str]] = {}
    for file in files_below(folder):
        files.setdefault(os.path.splitext(file)[1].lower(), []).append(file.removeprefix(f".{os.sep}"))
    return files


def stem_of(path: str) -> str:
    """The file name without its last suffix."""
    return os.path.splitext(os.path.basename(path))[0]


def _key(name: str) -> str:
    """A name without regard to case, and to whether accents are letters of their own, as macOS writes them."""
    return unicodedata.normalize("NFC", name).casefold()


def places(files: Iterable[str]) -> str:
    """Folders and numbers of files: ``427 in data/annots, 3 in data/more``."""
    counts = Counter(os.path.dirname(file) or os.curdir for file in files)
    return first_few((f"{count:,} in {folder}" for folder, count in counts.most_common()), _MOST_PLACES)


def some_of(files: list[str], most: int = 64) -> list[str]:
    """At most so many files, evenly spread."""
    return files if len(files) <= most else [files[index * len(files) // most] for index in range(most)]
