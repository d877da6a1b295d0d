"""Files that survive a crash: whole or not there, and on the disk when it matters."""

import os
from pathlib import Path


def replace_durably(partial: Path, path: Path) -> None:
    """Give a file that was written under another name its own, in place of the file that had it.

    Whenever the process is killed or the power fails, ``path`` is the old file or the new one, whole.

    Args:
        partial: written and closed, in the same folder.
        path: the name it gets.
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
