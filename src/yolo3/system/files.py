"""Files that survive a crash: whole or absent, and flushed to the disk before they take their names."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def whole_file(path: str | os.PathLike[str], unfinished: str | None = None) -> Iterator[Path]:
    """A file to write under another name: it takes its own once it is complete, and leaves no trace after an error.

    Whenever the process is killed or the power fails, ``path`` is the old file or the new one, whole. A symbolic link
    stays a link: the file it points to is replaced.

    Args:
        path: File to make or replace. Its folder must exist.
        unfinished: File name until then. None appends ``.partial``.

    Yields:
        Path to write to, in the folder of the real file, since only within one file system a rename is atomic.
    """
    real = Path(os.path.realpath(path))
    with removed_on_error(real.with_name(unfinished or f"{real.name}.partial")) as partial:
        yield partial
        replace_durably(partial, real)


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A `whole_file` that a user named: its folder is made, and a path that cannot be written is an error at once.

    Args:
        path: File to make or replace.

    Yields:
        Path to write to, with the same suffix.

    Raises:
        ValueError: The path of a folder.
        OSError: A folder that cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file")
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, f"{path.stem}.partial-{os.getpid()}{path.suffix}") as partial:
        partial.touch()  # an error now, not after minutes of work
        yield partial


@contextmanager
def removed_on_error(path: Path) -> Iterator[Path]:
    """Delete an unfinished file after an error, Ctrl-C included.

    Args:
        path: File that may not exist yet.

    Yields:
        The same path.
    """
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace_durably(partial: Path, path: Path) -> None:
    """Rename a complete file over another one, with the contents and then the new name flushed to the disk.

    Args:
        partial: Complete file, closed, in the same folder.
        path: New name. A symbolic link of this name is replaced; `whole_file` follows it.
    """
    _flush(partial)  # a rename may reach the disk before what was written
    os.replace(partial, path)
    if os.name == "posix":  # Windows opens no folders
        _flush(path.parent)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone(path: Path, waiting: str) -> Iterator[None]:
    """Keep other processes from the same work meanwhile.

    Args:
        path: Lock file, in a folder that exists.
        waiting: Line for standard error where another process is at it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(waiting, file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
