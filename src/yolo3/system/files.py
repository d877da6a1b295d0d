"""Files that survive a crash: whole or absent, and on the disk when it matters."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: str | os.PathLike[str], unfinished: str | None = None) -> Iterator[Path]:
    """A file to write under another name: it takes its own once it is complete, and leaves no trace after an error.

    Whenever the process is killed or the power fails, ``path`` is the old file or the new one, whole. A symbolic link
    stays a link: the file it points to is replaced.

    Args:
        path: The file to make or replace. Its folder must exist.
        unfinished: The file name until then. None appends ``.partial``.

    Yields:
        Where to write, in the folder of the real file, since only within one file system a rename is atomic.
    """
    real = Path(os.path.realpath(path))
    partial = real.with_name(unfinished or f"{real.name}.partial")
    try:
        yield partial
        replace_durably(partial, real)
    except BaseException:  # Ctrl-C too
        partial.unlink(missing_ok=True)
        raise


def replace_durably(partial: Path, path: Path) -> None:
    """Rename a complete file over another one, with the contents and then the new name flushed to the disk.

    Args:
        partial: The complete file, closed, in the same folder.
        path: The name it gets. A symbolic link of this name is replaced; `whole_file` follows it.
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
