"""Finds the files that a data set's own files name, and never another file in their place.

Lists are written on one machine and read on another, so the leading folders of a path may not exist here. Then the path
is shortened, folder by folder, until it leads to something. It must not lead to another image with the same name, of
another split, camera or copy. So a path never loses a folder that exists here or is named after a split, and
`disagreements` finds the paths that lost folders in which they differ.
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
    """Target of a listed path."""

    path: str
    dropped: tuple[str, ...] = ()
    """Leading folders that were dropped."""
    tail: str = ""
    """Remaining part of the path, if it may mean another file."""


@dataclass(frozen=True)
class ListedFile:
    """A path as listed, and its target, if any."""

    place: str
    """File that lists the path, and the line or record."""
    listed: str
    located: Located | None


@dataclass(frozen=True, eq=False)
class Locator:
    """Finds the files that a data set names.

    Symbolic links in a data set are followed. A path that leaves the data set by itself is refused, since the data set
    may come from an untrusted source.
    """

    folder: Path
    """Folder of the data set."""
    allow_outside: bool = False
    """Whether files outside the folder are read too."""
    listing: Listing = field(default_factory=Listing)
    _held: dict[str, bool] = field(default_factory=dict)
    _staying: dict[tuple[tuple[str, ...], int, tuple[str, ...]], bool] = field(default_factory=dict)

    def locate(self, listed: str, roots: Sequence[str | Path], is_image: bool = False) -> Located | None:
        """The file or folder that a path leads to; None if there is none.

        Args:
            listed: Path as a file states it, with slashes or backslashes.
            roots: Folders that the path may be relative to, likeliest first.
            is_image: Whether the path is one of many that may share a file name. Then it must not lead to different
                files from two roots, unless it begins with a dot; and if all its folders are dropped, only the data
                set's folder is searched.

        Raises:
            DataError: A path that leads outside the data set or to two files.
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
                        raise DataError(f"{listed} may be {' or '.join(found)}; put ./ before it, or move one of them")
                if found:
                    dropped = tuple(part for part in parts[:start] if _is_folder(part))
                    return Located(found[0], dropped, "/".join(parts[start:]) if dropped else "")
        return None

    def _may_hold_all(self, folder: str, dropped: Sequence[str]) -> bool:
        """Whether a folder may have images whose paths lost all their folders."""
        folders = [part for part in dropped if _is_folder(part)]
        name = os.path.basename(os.path.abspath(folder))
        if name in folders:
            return True
        is_sibling = bool(folders) and _without_number(folders[-1]) == _without_number(name)  # camera1 and camera2
        return os.path.abspath(folder) == os.path.abspath(self.folder) and not is_sibling

    def _must_stay(self, folders: tuple[str, ...], index: int, roots: tuple[str, ...]) -> bool:
        """Whether a folder of a path must not be dropped: it names a split, or it or a similar one exists here."""
        key = (folders, index, roots)  # many files share their folders
        if key not in self._staying:
            self._staying[key] = _is_folder(folders[index]) and self._is_here(folders, index, roots)
        return self._staying[key]

    def _is_here(self, parts: tuple[str, ...], index: int, roots: tuple[str, ...]) -> bool:
        like = _without_number(parts[index])
        if any(_without_number(name) == like for root in roots for name in self.listing.folders(root)):
            return True  # camera1 where camera2 exists
        # the first folders of an absolute path, such as /home, exist everywhere and tell nothing
        whole = parts if os.path.isabs(parts[0]) else parts[: index + 1]
        return names_a_split(parts[index]) or any(
            self.listing.kind(os.path.normpath(os.path.join(root, *some))) == "folder"
            for root in roots
            for some in (parts[index : index + 1], whole)
        )

    def matches(self, pattern: str, roots: Sequence[str | Path]) -> list[str]:
        """All files that match a pattern, relative to the first root where there are any.

        Raises:
            DataError: A pattern that begins outside the data set.
        """
        for root in roots:
            whole = os.path.normpath(os.path.join(root, pattern))
            if os.path.isdir(begins := fixed_part(whole)[0]) and not self.holds(begins):
                raise DataError(f"{pattern} begins at {begins}, outside the data set {self.folder}; {_REMEDY}")
            if found := matching_files(whole):
                return found
        return []

    def holds(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path may be read: it is in the data set, or files outside are allowed."""
        if self.allow_outside:
            return True
        folder = os.path.abspath(self.folder)
        path = os.path.abspath(path)
        return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)

    def _found(self, parts: Sequence[str], roots: Sequence[str | Path], is_whole: bool) -> list[str]:
        """The existing targets of a path's parts, from each root."""
        paths = dict.fromkeys(os.path.normpath(os.path.join(root, *parts)) for root in roots)
        there = [path for path in paths if self.listing.kind(path) is not None]
        inside = [path for path in there if self.holds_folder(os.path.dirname(path)) or self.holds(path)]
        if is_whole and len(inside) < len(there) and there[0] not in inside:
            raise DataError(f"{os.path.join(*parts)} leads to {there[0]}, outside the data set; {_REMEDY}")
        return inside

    def holds_folder(self, folder: str) -> bool:
        """The result of `holds` for a folder, cached, since a folder has many files."""
        if folder not in self._held:
            self._held[folder] = self.holds(folder)
        return self._held[folder]


def disagreements(files: Sequence[ListedFile]) -> dict[int, str]:
    """The files that may be the wrong ones, by index, with the reason.

    Only paths that lost folders, or are relative to a folder other than the data set's, can be wrong. Two of them, or
    one and a complete path, must not lead to the same file; nor may a path that leads nowhere end like one of them. The
    dropped folders must agree, as ``/home/me/data`` and ``data`` do; ``old/camera1`` and ``old/camera2`` do not.
    """
    unsure = [(index, file, file.located) for index, file in enumerate(files) if file.located and file.located.tail]
    if not unsure:
        return {}
    doubtful: dict[int, str] = {}
    rivals: dict[str, list[ListedFile]] = defaultdict(list)  # by target file, or by every possible end of a path
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
                f"{file.listed} does not exist as written; it leads to {place.path}, which may also be "
                f"{rival.listed} ({rival.place}): add its folder, or correct the path"
            )
    lost = {place.dropped: file for _, file, place in reversed(unsure)}
    longest = max(lost, key=len)
    strange = next((dropped for dropped in lost if longest[len(longest) - len(dropped) :] != dropped), None)
    if strange is not None:
        one = lost[strange]
        other = lost[longest]
        text = (
            f"the folders of {one.listed} ({one.place}) and {other.listed} ({other.place}) do not exist; without them "
            "images with the same name cannot be told apart: add the folders, or correct the paths"
        )
        doubtful |= {index: text for index, _, place in unsure if place.dropped}
    return doubtful


_REMEDY = "copy it into the data set, or pass --allow-outside (allow_outside=True)"


def _spellings(listed: str) -> list[str]:
    """A path as written, and with slashes in place of backslashes."""
    if "\\" not in listed or os.sep == "\\":
        return [listed]
    return [listed, listed.replace("\\", "/")]


def _parts(text: str) -> list[str]:
    """The parts of a path; the first part of an absolute path is its root."""
    plain = os.path.normpath(text)
    return list(Path(plain).parts) if plain != os.curdir else [os.curdir]


def _is_folder(part: str) -> bool:
    """Whether a part of a path names a folder, unlike ``/``, ``..`` and ``C:``."""
    return part not in (os.curdir, os.pardir) and not re.fullmatch(r"[A-Za-z]:|[\\/]+", part)


def _ends(listed: str) -> list[str]:
    """All possible ends of a path."""
    parts = _plain(listed).split(os.sep)
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _without_number(name: str) -> str:
    return re.sub(r"\d+", "#", name.casefold())


def _plain(listed: str) -> str:
    return os.path.normpath(listed.replace("\\", "/"))
