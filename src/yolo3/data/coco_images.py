"""The images of COCO's annotation files, and where they are."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from yolo3.data.coco_layout import candidates, split_name
from yolo3.data.faults import DataError
from yolo3.data.locating import ListedFile, Located, Locator, disagreements
from yolo3.data.split_names import same_split

_OF_FILES = re.compile(r"(?<![^\W_])(annotations?|instances|labels|coco)(?![^\W_])", re.IGNORECASE)


def find_listed_images(file: Path, file_names: Sequence[str]) -> list[Path | None]:
    """Paths of the images that an annotation file names; None for an image that is missing or ambiguous."""
    try:
        found = FileImages.of(file).locate(file_names)
    except DataError:
        return [None] * len(file_names)
    return [Path(place) if isinstance(place, str) else None for place in found]


class _Tiers(NamedTuple):
    """Folders that may hold the images of a file."""

    own: list[str]
    """Folders named after the split of the file; they are tried first."""
    usual: list[str]
    """The folder of the file, ``images`` and the data set itself, likeliest first."""
    others: list[str]
    """All other folders."""


@dataclass(frozen=True)
class FileImages:
    """The images of one annotation file: all in one folder, and never in the folder of another split."""

    file: Path
    split: str
    other_splits: tuple[str, ...]
    root: Path
    """Folder of the data set."""
    locator: Locator

    @classmethod
    def of(cls, file: Path, root: Path | None = None, allow_outside: bool = False) -> "FileImages":
        """The images of a file that stands alone, or of one among others in the folder of a data set."""
        if root is None:
            root = file.parent.parent if file.parent.name == "annotations" else file.parent
        return cls.among(file, [other for other in candidates(root) if other != file], root, allow_outside)

    @classmethod
    def among(cls, file: Path, others: Sequence[Path], root: Path, allow_outside: bool = False) -> "FileImages":
        """The images of a file, in a folder that has those of other files too."""
        splits = tuple(_core(split_name(other)) for other in others)
        return cls(file, _core(split_name(file)), splits, root, Locator(root, allow_outside))

    def locate(self, file_names: Sequence[str]) -> list[str | DataError | None]:
        """The path of each image, the reason why it cannot be read, or None if it is missing.

        Raises:
            DataError: Images that may be in several folders.
        """
        folder = self._folder(file_names)
        if folder is None:
            return self._shortened(file_names)
        return [self._whole(folder, name) or self._refused(name) for name in file_names]

    @property
    def expected(self) -> str:
        """The folder that images are expected in, for messages."""
        return [*self._tiers.own, *self._tiers.usual][0]

    def _folder(self, file_names: Sequence[str]) -> str | None:
        """The one folder that has the images under their stated names."""
        wanted = defaultdict(set)
        for name in file_names:
            inner, file_name = os.path.split(name.replace("\\", "/"))
            wanted[inner].add(file_name)

        def holds_any(folder: str) -> bool:
            for inner, names in wanted.items():
                place = os.path.normpath(os.path.join(folder, inner))
                if self.locator.holds_folder(place) and not names.isdisjoint(self.locator.listing.files(place)):
                    return True
            return False

        own = list(filter(holds_any, self._tiers.own))
        if own:
            exact = [folder for folder in own if os.path.basename(folder).casefold() == self.split.casefold()]
            return self._only(exact or own)
        for folder in self._tiers.usual:
            if holds_any(folder):
                return folder
        rest = list(filter(holds_any, self._tiers.others)) or list(filter(holds_any, self._deeper()))
        return self._only(rest) if rest else None

    def _only(self, folders: Sequence[str]) -> str:
        """The only folder among several; symbolic links to it count as the same folder."""
        if len({os.path.realpath(folder) for folder in folders}) > 1:
            raise DataError(
                f"{self.file}: the images of split {self.split!r} may be in {folders[0]} or in {folders[1]}; call the "
                f"right one {self.root / self.split} or {self.root / 'images' / self.split}"
            )
        return folders[0]

    @cached_property
    def _tiers(self) -> _Tiers:
        """All folders except those of other splits."""
        tiers = _Tiers([], [], [])
        beside = [str(self.root / "images"), str(self.root)]
        if self.locator.holds(self.file.parent):
            is_first = self.file.parent == self.root
            beside.insert(0 if is_first else len(beside), str(self.file.parent))
        usual = [folder for folder in beside if os.path.isdir(folder)]
        shallow = [*self._inner(str(self.root / "images")), *self._inner(str(self.root))]
        deep = [inner for folder in self._inner(str(self.root)) for inner in self._inner(folder)]
        for folder in dict.fromkeys([*usual, *shallow, *deep]):
            verdict = self._verdict(folder)
            if verdict is False:
                continue
            if verdict:
                tiers.own.append(folder)
            elif folder in usual:
                tiers.usual.append(folder)
            elif folder in shallow:
                tiers.others.append(folder)
        return tiers

    def _verdict(self, folder: str) -> bool | None:
        """Whether the path of a folder names the file's split (True), another one (False), or neither (None)."""
        names = os.path.relpath(folder, self.root).split(os.sep)
        verdicts = [same_split(name, self.split, self.other_splits) for name in names]
        if False in verdicts:
            return False
        return True if True in verdicts else None

    def _deeper(self) -> list[str]:
        """All folders at any depth, except those of other splits; those named after the split come alone."""
        waiting = [str(self.root)]
        found: list[tuple[str, bool | None]] = []
        for folder in waiting:
            inner = [(name, self._verdict(name)) for name in self._inner(folder)]
            found += [(name, verdict) for name, verdict in inner if verdict is not False]
            waiting += [name for name, verdict in inner if verdict is not False]
        own = [name for name, verdict in found if verdict]
        return own or [name for name, _ in found]

    def _inner(self, folder: str) -> list[str]:
        """The subfolders of a folder."""
        return [os.path.join(folder, name) for name in self.locator.listing.folders(folder)]

    def _whole(self, folder: str, file_name: str) -> str | None:
        """The file of an image under its stated name."""
        for name in dict.fromkeys((file_name, file_name.replace("\\", "/"))):
            path = os.path.normpath(os.path.join(folder, name))
            if self.locator.listing.is_file(path) and self.locator.holds_folder(os.path.dirname(path)):
                return path
        return None

    def _refused(self, file_name: str) -> DataError | None:
        """The reason why an image outside the common folder cannot be read; None if there is no such image."""
        if _is_bare(file_name):
            return None
        try:
            self.locator.locate(file_name, self._tiers.usual)
        except DataError as error:
            return error
        return None

    def _shortened(self, file_names: Sequence[str]) -> list[str | DataError | None]:
        """Find images whose names begin with folders that do not exist here: ``images/1/0.png`` for ``images/0.png``.

        If only the file name is left, one of the dropped folders must have the name of the folder in which the image
        was found, or that folder must be the split's own.
        """
        for folder in (*self._tiers.own, *self._tiers.usual):
            places = [self._shortened_in(folder, name) for name in file_names]
            if not any(isinstance(place, Located) for place in places):
                continue
            files = [
                ListedFile(str(self.file), name, place if isinstance(place, Located) else None)
                for name, place in zip(file_names, places, strict=True)
            ]
            doubtful = {index: DataError(text) for index, text in disagreements(files).items()}
            return [
                doubtful.get(index, place.path) if isinstance(place, Located) else place
                for index, place in enumerate(places)
            ]
        return [self._refused(name) for name in file_names]

    def _shortened_in(self, folder: str, file_name: str) -> Located | DataError | None:
        if _is_bare(file_name):
            return None
        try:
            place = self.locator.locate(file_name, [folder])
        except DataError as error:
            return error
        if place is None or not self.locator.listing.is_file(place.path):
            return None
        keeps_folder = os.path.dirname(place.path) != os.path.normpath(folder)
        is_meant = keeps_folder or folder in self._tiers.own or os.path.basename(folder) in place.dropped
        return place if is_meant else None


def _core(split: str) -> str:
    """The name of a split without words about its file: ``train2014`` for ``train2014_annotations``."""
    return _OF_FILES.sub("", split).strip("_-. ") or split


def _is_bare(file_name: str) -> bool:
    """Whether a name has no folder part, so that it is the same relative to any folder."""
    return "/" not in file_name and "\\" not in file_name and file_name not in (os.curdir, os.pardir)
