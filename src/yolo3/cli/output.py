"""The folder that a run leaves behind."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml


@contextmanager
def new_folder(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """A folder that appears under its name when everything in it is written, and not at all after an error.

    Args:
        folder: the name; folders above it are made.
        overwrite: let it take the place of one that exists.

    Yields:
        The folder to write into, beside the final one.

    Raises:
        ValueError: it exists, and may not be overwritten.
    """
    check_new(folder, overwrite)
    absent = [parent for parent in folder.parents if not parent.exists()]
    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        yield partial
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    except BaseException:  # Ctrl-C too
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):  # another run may have put something there meanwhile
            for parent in absent:
                parent.rmdir()
        raise


def check_new(folder: Path, overwrite: bool = False, reads: Iterable[tuple[str, Path | None]] = ()) -> None:
    """Complain of an output folder that is in the way, before anything is emptied.

    Args:
        folder: to be made.
        overwrite: let it take the place of one that exists.
        reads: what the files and folders that the command reads are called in a message, and where they are; taken only
            where there is a folder to empty.

    Raises:
        ValueError: it exists and may not be overwritten; it is a file; something that the command reads, or the current
            folder, is in it.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"output {folder} is a file; name a folder")
    if not overwrite:
        raise ValueError(f"output folder {folder} exists; name another with --output, or pass --overwrite")
    emptied = folder.resolve()
    for name, place in (*reads, ("the current folder", Path.cwd())):
        if place is not None and place.resolve().is_relative_to(emptied):
            raise ValueError(f"{name} {place} is in the output folder {folder}, which would be emptied; name another")


def write_configuration(folder: Path, arguments: Mapping[str, object]) -> None:
    """Write a run's full configuration to ``config.yaml``, which ``--config`` reads.

    Args:
        folder: of the run.
        arguments: of the command's function: its ``locals()``, taken before it does anything else.
    """
    with (folder / "config.yaml").open("w", encoding="utf-8") as file:
        yaml.safe_dump({name: plain(value) for name, value in arguments.items()}, file, sort_keys=False)


def plain(value: object) -> object:
    """An argument as YAML holds it: paths are text, tuples are lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
