"""Where the files are that a data set's own files name: in the data set, and never another one in their place.

Lists are written on one machine and read on another, so the folders that a path begins with may not be here. Then it is
shortened, folder by folder, until it leads to something. What must not happen is that it leads to another image of the
same name, of another split, camera or copy. So a path never loses a folder that is here, nor one that is called as a
split is; and `disagreements` finds the paths that lost folders in which they differ.
"""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolo3.data.faults import DataError
from yolo3.data.listing import Listing, fixed_part, matching_files
from yolo3.data.split_names import names_a_split


@dataclass(frozen=True)
class Located:
    """Where a listed path leads."""

    path: str
    dropped: tuple[str, ...] = ()
    """The folders it lost."""
    tail: str = ""
    """What is left of it, where it may mean another file."""


@dataclass(frozen=True)
class ListedFile:
    """A path as it is listed, and where it leads, if anywhere."""

    place: str
    """The file that lists it, and the line or record."""
    listed: str
    located: Located | None


@dataclass(frozen=True, eq=False)
class Locator:
    """Finds what the files of a data set name.

    Symbolic links in a data set lead where they lead; a path that leaves it by itself is refused, since a data set may
    come from a stranger.
    """

    folder: Path
    """Of the data set."""
    allow_outside: bool = False
    """Take files outside it too."""
    listing: Listing = field(default_factory=Listing)
    _held: dict[str, bool] = field(default_factory=dict)
    _staying: dict[tuple[tuple[str, ...], int, tuple[str, ...]], bool] = field(default_factory=dict)

    def locate(self, listed: str, roots: Sequence[str | Path], is_image: bool = False) -> Located | None:
        """The file or folder that a path means; None if there is none.

        Args:
            listed: the path as it stands in a file, with slashes or backslashes.
            roots: the folders that it may be relative to, likeliest first.
            is_image: it is one of many that may have the same names. It must not mean two files, of two roots, unless
                it begins with a dot; and where it loses all its folders, only the data set's folder can be meant.

        Raises:
            DataError: it means something outside the data set; two files.
        """
        for text in _spellings(listed):
            parts = _parts(text)
            for start in range(len(parts)):
                if start and self._must_stay(tuple(parts[:-1]), start - 1, tuple(str(root) for root in roots)):
                    break
                found = self._found(parts[start:], roots, is_whole=start == 0)
                if is_image and 0 < start == len(parts) - 1:
                    found = [path for path in found if self._may_hold_all(os.path.dirname(path), parts[:start])]
                if len(found) > 1 and is_image and not listed.startswith("./"):
                    first, *others = map(os.path.realpath, found)
                    if any(other != first for other in others):
                        raise DataError(f"{listed} may be {' or '.join(found)}; write ./ before it, or move one")
                if found:
                    dropped = tuple(part for part in parts[:start] if _is_folder(part))
                    return Located(found[0], dropped, "/".join(parts[start:]) if dropped else "")
        return None

    def _may_hold_all(self, folder: str, dropped: Sequence[str]) -> bool:
        """Whether images may lie in a folder without any of those that their paths say."""
        folders = [part for part in dropped if _is_folder(part)]
        name = os.path.basename(os.path.abspath(folder))
        if name in folders:
            return True
        is_sibling = bool(folders) and _without_number(folders[-1]) == _without_number(name)  # camera1 and camera2
        return os.path.abspath(folder) == os.path.abspath(self.folder) and not is_sibling

    def _must_stay(self, folders: tuple[str, ...], index: int, roots: tuple[str, ...]) -> bool:
        """Whether a folder of a path may not be dropped: it names a split, or is here, or one like it."""
        key = (folders, index, roots)  # many files have the same folders
        if key not in self._staying:
            self._staying[key] = _is_folder(folders[index]) and self._is_here(folders, index, roots)
        return self._staying[key]

    def _is_here(self, parts: tuple[str, ...], index: int, roots: tuple[str, ...]) -> bool:
        like = _without_number(parts[index])
        if any(_without_number(name) == like for root in roots for name in self.listing.folders(root)):
            return True  # camera1 while camera2 is here
        # of an absolute path the first folders, as /home, are everywhere: only those of the file itself tell
        whole = parts if os.path.isabs(parts[0]) else parts[: index + 1]
        return names_a_split(parts[index]) or any(
            self.listing.kind(os.path.normpath(os.path.join(root, *some))) == "folder"
            for root in roots
            for some in (parts[index : index + 1], whole)
        )

    def matches(self, pattern: str, roots: Sequence[str | Path]) -> list[str]:
        """Every file that a pattern means, relative to the first root where there are any.

        Raises:
            DataError: a pattern that begins outside the data set.
        """
        for root in roots:
            whole = os.path.normpath(os.path.join(root, pattern))
            if os.path.isdir(begins := fixed_part(whole)[0]) and not self.holds(begins):
                raise DataError(f"{pattern} begins at {begins}, outside the data set {self.folder}; {_REMEDY}")
            if found := matching_files(whole):
                return found
        return []

    def holds(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path may be read: it is in the data set, or need not be."""
        if self.allow_outside:
            return True
        folder, path = os.path.abspath(self.folder), os.path.abspath(path)
        return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)

    def _found(self, parts: Sequence[str], roots: Sequence[str | Path], is_whole: bool) -> list[str]:
        """What parts of a path lead to, from each root."""
        paths = dict.fromkeys(os.path.normpath(os.path.join(root, *parts)) for root in roots)
        there = [path for path in paths if self.listing.kind(path) is not None]
        inside = [path for path in there if self.holds_folder(os.path.dirname(path)) or self.holds(path)]
        if is_whole and len(inside) < len(there) and there[0] not in inside:
            raise DataError(f"{os.path.join(*parts)} leads to {there[0]}, outside the data set; {_REMEDY}")
        return inside

    def holds_folder(self, folder: str) -> bool:
        """`holds` for a folder, remembered: many files lie in one."""
        if folder not in self._held:
            self._held[folder] = self.holds(folder)
        return self._held[folder]


def disagreements(files: Sequence[ListedFile]) -> dict[int, str]:
    """The files that may not be the ones that were meant, by their index, and why.

    Only paths that lost folders can be wrong, or that are relative to another folder than the data set's. Two of them,
    or one and a path that is whole, must not lead to one file; nor may a path that leads nowhere end as one of them
    does. And what they lost must agree, as ``/home/me/data`` and ``data`` do, but ``old/camera1`` and ``old/camera2``
    do not.
    """
    unsure = [(index, file, file.located) for index, file in enumerate(files) if file.located and file.located.tail]
    if not unsure:
        return {}
    doubtful: dict[int, str] = {}
    rivals: dict[str, list[ListedFile]] = defaultdict(list)  # by the file, or by all that a path may end with
    for file in files:
        for meant in [file.located.path] if file.located else _ends(file.listed):
            rivals[meant].append(file)
    for index, file, place in unsure:
        own = _plain(file.listed)
        rival = next(
            (one for key in (place.path, place.tail) for one in rivals[key] if _plain(one.listed) != own), None
        )
        if rival is not None:
            doubtful[index] = (
                f"{file.listed} is not here as it stands; it leads to {place.path}, which may as well be "
                f"{rival.listed} ({rival.place}): add its folder, or correct the path"
            )
    lost = {place.dropped: file for _, file, place in reversed(unsure)}
    longest = max(lost, key=len)
    strange = next((dropped for dropped in lost if longest[len(longest) - len(dropped) :] != dropped), None)
    if strange is not None:
        one, other = lost[strange], lost[longest]
        text = (
            f"the folders of {one.listed} ({one.place}) and {other.listed} ({other.place}) are not here; without them "
            "images of one name cannot be told apart: add the folders, or correct the paths"
        )
        doubtful |= {index: text for index, _, place in unsure if place.dropped}
    return doubtful


_REMEDY = "copy it into the data set, or pass --allow-outside (allow_outside=True)"


def _spellings(listed: str) -> list[str]:
    """A path as it is, and with slashes where Windows has backslashes."""
    return [listed, listed.replace("\\", "/")] if "\\" in listed and os.sep != "\\" else [listed]


def _parts(text: str) -> list[str]:
    """The parts of a path; of an absolute one the first is its root."""
    plain = os.path.normpath(text)
    return list(Path(plain).parts) if plain != os.curdir else [os.curdir]


def _is_folder(part: str) -> bool:
    """Whether a part of a path names a folder, unlike ``/``, ``..`` and ``C:``."""
    return part not in (os.curdir, os.pardir) and not re.fullmatch(r"[A-Za-z]:|[\\/]+", part)


def _ends(listed: str) -> list[str]:
    """Everything that a path may end with."""
    parts = _plain(listed).split(os.sep)
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _without_number(name: str) -> str:
    return re.sub(r"\d+", "#", name.casefold())


def _plain(listed: str) -> str:
    return os.path.normpath(listed.replace("\\", "/"))
