"""Folders of results: whole or absent, and never in place of something better.

`new_folder` is for results that appear when all of them are written, `live_folder` for a long run whose results are
there while it goes on. Both replace what is *in* a folder, not the folder: it may be a mount point, a link, or shared.
What was in it goes only when the new is there to take its place, and comes back when that fails.
"""

import os
import re
import secrets
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from yolo3.system.full_disk import naming_full_disk

_REPLACED = ".replaced-"
_NOT_OURS = frozenset({"lost+found"})  # the root of an ext4 volume has it


@dataclass(frozen=True)
class NewFolder:
    """A folder of results in the making."""

    path: Path
    """Where to write them."""
    place: Path
    """Where they are in the end."""


@contextmanager
def new_folder(folder: Path, overwrite: bool = False) -> Iterator[NewFolder]:
    """A folder whose contents appear when all of them are written, and not at all after an error.

    Args:
        folder: The folder. It is made, with the folders above it, unless it is there.
        overwrite: Whether the contents take the place of those that it has.

    Raises:
        OSError: The contents cannot be put there: the folder cannot be written, another run has filled it meanwhile, or
            something in it cannot be moved. It is as it was then, and the message says where the new contents are.
    """
    absent = _absent(folder)
    token = secrets.token_hex(3)  # not the process's number: in a container every process has the same
    beside = not folder.exists()
    partial = folder.with_name(f"{folder.name}.partial-{token}") if beside else folder / f"partial-{token}"
    partial.mkdir(parents=True)
    try:
        with naming_full_disk(folder):
            yield NewFolder(partial, folder)
    except BaseException:  # Ctrl-C too
        shutil.rmtree(partial, ignore_errors=True)
        _remove_empty(absent)
        raise
    if beside and _renamed(partial, folder):
        return
    with _told(f"cannot put the results into {folder}", f"they are in {partial}"):
        folder.mkdir(exist_ok=True)
        if not overwrite and contents(folder, besides=partial):
            raise FileExistsError("another run has put something there meanwhile")
        old = _set_aside(folder, besides=partial)
        try:
            _move(list(partial.iterdir()), folder)
        except BaseException:
            _bring_back(old, folder)
            raise
    partial.rmdir()
    _delete(old, folder)


@contextmanager
def live_folder(folder: Path, keeps: Callable[[], bool], overwrite: bool = False) -> Iterator[None]:
    """A folder whose contents are there while they are written.

    After an error it is as it was before, unless what was written until then is worth more.

    Args:
        folder: The folder. It is made, with the folders above it, unless it is there.
        keeps: Whether, after an error, the new contents are worth keeping.
        overwrite: Whether the contents take the place of those that it has.

    Raises:
        FileExistsError: There is something in it, and it may not be overwritten.
        OSError: It cannot be written, or something in it cannot be moved.
    """
    absent = _absent(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not overwrite and contents(folder):
        raise FileExistsError(f"{folder} is taken: another run has put something there meanwhile")
    with _told(f"cannot write into {folder}", "it is as it was"):
        old = _set_aside(folder)
    try:
        with naming_full_disk(folder):
            yield
    except BaseException:  # Ctrl-C too
        if not keeps():
            for entry in contents(folder, besides=old):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
            _bring_back(old, folder)
            _remove_empty(absent)
        else:
            _delete(old, folder)
        raise
    _delete(old, folder)


def contents(folder: Path, besides: Path | None = None) -> list[Path]:
    """What is in a folder, but for what the file system itself keeps there.

    Args:
        folder: A folder that exists.
        besides: Something in it that does not count.
    """
    return [entry for entry in folder.iterdir() if entry.name not in _NOT_OURS and entry != besides]


def replaced(folder: Path) -> list[Path]:
    """Where the former contents of a folder are, while the new are made or since that was killed."""
    return sorted(folder.glob(f"{_REPLACED}*"))


def delete_replaced(folder: Path) -> None:
    """Delete the former contents of a folder."""
    for old in replaced(folder):
        _delete(old, folder)


def claim_number(base: Path) -> Path:
    """Make the next folder of ``base``, ``base-2``, ``base-3`` …; runs that begin together get different ones."""
    while True:
        numbers = _numbers(base)
        folder = base.with_name(f"{base.name}-{max(numbers) + 1}") if numbers else base
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder


def last_number(base: Path) -> Path:
    """The folder that `claim_number` gave last; ``base`` where there is none."""
    last = max(_numbers(base), default=1)
    return base if last == 1 else base.with_name(f"{base.name}-{last}")


def _numbers(base: Path) -> list[int]:
    """The numbers that are taken, in no order; that of ``base`` itself is 1."""
    if not base.parent.is_dir():
        return []
    names = [re.fullmatch(rf"{re.escape(base.name)}(?:-([1-9]\d*))?", entry.name) for entry in base.parent.iterdir()]
    return [int(name[1] or 1) for name in names if name]


def _absent(folder: Path) -> list[Path]:
    """The folder and those above it that do not exist, the innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def _remove_empty(folders: Sequence[Path]) -> None:
    with suppress(OSError):  # another run may have put something there meanwhile
        for folder in folders:
            if folder.exists():
                folder.rmdir()


def _renamed(partial: Path, folder: Path) -> bool:
    """Whether a new folder could take its name: not where another run has made one meanwhile."""
    try:
        os.rename(partial, folder)
    except OSError:
        return False
    return True


def _set_aside(folder: Path, besides: Path | None = None) -> Path | None:
    """Move what is in a folder into one inside it; all of it or nothing. None where there is nothing."""
    entries = contents(folder, besides)
    if not entries:
        return None
    old = folder / f"{_REPLACED}{secrets.token_hex(3)}"
    old.mkdir()
    try:
        _move(entries, old)
    except BaseException:
        old.rmdir()
        raise
    return old


def _bring_back(old: Path | None, folder: Path) -> None:
    if old is not None:
        _move(list(old.iterdir()), folder)
        old.rmdir()


def _delete(old: Path | None, folder: Path) -> None:
    """Delete what a folder held before; where that is impossible it does no harm."""
    if old is None:
        return
    try:
        shutil.rmtree(old)
    except OSError as error:
        warnings.warn(f"what was in {folder} before is in {old}: it cannot be deleted ({error.strerror})", stacklevel=4)


def _move(entries: Sequence[Path], folder: Path) -> None:
    """Move files and folders into a folder of the same file system; all of them or none."""
    moved: list[Path] = []
    try:
        for entry in entries:
            os.rename(entry, folder / entry.name)
            moved.append(entry)
    except BaseException:  # a second Ctrl-C too
        for entry in reversed(moved):
            os.rename(folder / entry.name, entry)
        raise


@contextmanager
def _told(what: str, but: str) -> Iterator[None]:
    """Say what an OSError has prevented, and that nothing is lost."""
    try:
        yield
    except OSError as error:
        file = f": {error.filename}" if error.filename else ""
        raise OSError(f"{what} ({error.strerror or error}{file}); {but}") from error
