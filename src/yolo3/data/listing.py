"""Listings of folders: each is read once, also through symbolic links, without endless loops."""

import fnmatch
import os
import re
from collections import deque
from collections.abc import Collection, Iterator, Set
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

EntryKind = Literal["file", "folder"]
Entries = list["os.DirEntry[str]"]
Folders = dict[str, Entries]
"""Entries of folders that have been read, by path."""

_remembered: ContextVar[Folders | None] = ContextVar("remembered", default=None)


@contextmanager
def remembering(folders: Folders) -> Iterator[None]:
    """Context in which every listing takes the folders that have been read, and adds those that it reads.

    Opening a data set asks for the same folders several times: what is there, which format it has, which images.
    """
    token = _remembered.set(folders)
    try:
        yield
    finally:
        _remembered.reset(token)


class Listing:
    """Tells what is at a path. A folder is read once, however many of its files are queried."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, EntryKind | None]] = {}
        self._files: dict[str, Set[str]] = {}

    def kind(self, path: str) -> EntryKind | None:
        """The kind of a path: file or folder; None for anything else, such as a pipe, and for a missing path."""
        folder, name = os.path.split(path)
        if not name or name in (os.curdir, os.pardir):
            return "folder" if os.path.isdir(path) else None
        return self._entries(folder or os.curdir).get(name)

    def is_file(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path is that of a file."""
        return self.kind(os.fspath(path)) == "file"

    def files(self, folder: str) -> Set[str]:
        """The names of the files in a folder."""
        if folder not in self._files:
            self._files[folder] = {name for name, kind in self._entries(folder).items() if kind == "file"}
        return self._files[folder]

    def folders(self, folder: str) -> list[str]:
        """The names of the subfolders of a folder, without hidden ones."""
        entries = self._entries(folder)
        return [name for name, kind in entries.items() if kind == "folder" and not name.startswith(".")]

    def _entries(self, folder: str) -> dict[str, EntryKind | None]:
        if folder not in self._folders:
            self._folders[folder] = {entry.name: _kind(entry) for entry in _scan(folder)}
        return self._folders[folder]


def files_below(folder: str | os.PathLike[str], hidden: bool = False) -> Iterator[str]:
    """All files in a folder and its subfolders, each folder once. Symbolic links are followed.

    A link to a parent folder is not followed. Real folders come before linked ones, so that a folder that is reached
    both ways keeps its own path. Hidden files and folders, such as ``.ipynb_checkpoints``, or ``._a.jpg`` beside
    ``a.jpg``, are skipped unless ``hidden``.
    """
    top = os.path.realpath(folder)
    seen: set[tuple[int, int]] = set()
    folders = deque([os.fspath(folder)])
    links = deque[str]()
    while folders or links:
        here = folders.popleft() if folders else links.popleft()
        if (identity := _identity(here)) in seen:
            continue
        seen.add(identity)
        for entry in _scan(here):
            kind = None if entry.name.startswith(".") and not hidden else _kind(entry)
            if kind == "file":
                yield entry.path
            elif kind == "folder" and not _leads_out(entry, top):
                kept = links if entry.is_symlink() else folders
                kept.append(entry.path)


def files_like(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """All files below a folder with one of the suffixes, which are in lower case, sorted."""
    found = (path for path in files_below(folder) if os.path.splitext(path)[1].lower() in suffixes)
    return sorted(map(Path, found))


def visible(folder: Path, *patterns: str) -> list[Path]:
    """What any of some patterns means in a folder, sorted.

    Hidden files and folders are passed over, as by `files_below`: ``._a.xml``, which macOS puts beside ``a.xml``, is
    no annotation.
    """
    found: list[str] = []
    for pattern in patterns:
        here = [os.fspath(folder)]
        for part in pattern.split("/"):
            entries = (entry for place in here for entry in _scan(place))
            here = [entry.path for entry in entries if fnmatch.fnmatch(entry.name, part) and entry.name[0] != "."]
        found += here
    return sorted(map(Path, found))


def fixed_part(pattern: str) -> tuple[str, list[str]]:
    """The folder that a pattern begins with, and the remaining parts.

    ``a/b/**/*.png`` -> ``a/b`` and ``**``, ``*.png``
    """
    parts = pattern.split(os.sep)
    wild = next((index for index, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts) - 1)
    top = os.sep if pattern.startswith(os.sep) else os.curdir
    return os.sep.join(parts[:wild]) or top, parts[wild:]


def matching_files(pattern: str) -> list[str]:
    """All files that match a pattern, sorted: ``*``, ``?``, ``[…]`` within a name, ``**`` for any folders.

    Symbolic links are followed, each folder once. Names that begin with a dot match only a pattern that does.
    """
    folder, parts = fixed_part(os.path.normpath(pattern))
    if "**" in parts:
        found = files_below(folder, hidden=True)  # a pattern may match them
        matches = [path for path in found if _fits(os.path.relpath(path, folder).split(os.sep), parts)]
        return sorted(os.path.normpath(path) for path in matches)
    here = [folder]
    top = os.path.realpath(folder)
    for part in parts[:-1]:
        below = [entry for place in here for entry in _scan(place) if _matches(entry.name, part)]
        inner = [entry.path for entry in below if _kind(entry) == "folder" and not _leads_out(entry, top)]
        here = list({_identity(place): place for place in reversed(inner)}.values())
    entries = (entry for place in here for entry in _scan(place) if _matches(entry.name, parts[-1]))
    return sorted(os.path.normpath(entry.path) for entry in entries if _kind(entry) == "file")


def _fits(names: list[str], parts: list[str]) -> bool:
    """Whether names match the parts of a pattern one by one; ``**`` matches any number of folders."""
    reached = _skipped({0}, parts)  # numbers of parts that the names so far may have consumed
    for name in names:
        fitting = (at for at in reached if at < len(parts) and _matches(name, parts[at]))
        reached = _skipped({at if parts[at] == "**" else at + 1 for at in fitting}, parts)
    return len(parts) in reached


def _skipped(reached: set[int], parts: list[str]) -> set[int]:
    """Positions that are reachable too, since ``**`` may match no folder."""
    for at, part in enumerate(parts):
        if part == "**" and at in reached:
            reached.add(at + 1)
    return reached


def _matches(name: str, part: str) -> bool:
    return fnmatch.fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))


def _scan(folder: str) -> Entries:
    """The entries of a folder; empty if it cannot be read or is not a folder."""
    known = _remembered.get()
    if known is None:
        return _read(folder)
    if folder not in known:
        known[folder] = _read(folder)
    return known[folder]


def _read(folder: str) -> Entries:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError):  # a name that no folder can have
        return []


def _identity(folder: str) -> tuple[int, int]:
    """An identity that is the same for every path of a folder."""
    try:
        status = os.stat(folder)
    except OSError:
        return -1, -1
    return status.st_dev, status.st_ino


def _kind(entry: "os.DirEntry[str]") -> EntryKind | None:
    try:
        if entry.is_file():
            return "file"
        return "folder" if entry.is_dir() else None
    except OSError:  # a link to itself
        return None


def _leads_out(entry: "os.DirEntry[str]", top: str) -> bool:
    """Whether an entry is a link to the top folder or to one of its parents, which would cause an endless loop."""
    if not entry.is_symlink():
        return False
    target = os.path.realpath(entry.path)
    return target == top or top.startswith(target.rstrip(os.sep) + os.sep)
