"""The folder that a run leaves behind."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from yolo3.cli.signals import terminated_like_ctrl_c
from yolo3.hub import HubAddress, is_hub_address
from yolo3.system import folders
from yolo3.system.folders import NewFolder, claim_number, contents


@contextmanager
def new_folder(folder: Path, overwrite: bool = False, numbered: bool = False) -> Iterator[NewFolder]:
    """A folder whose contents appear when all of them are written, see `yolo3.system.folders`.

    Args:
        folder: The folder. It is made, with the folders above it, unless it is there.
        overwrite: Whether the contents take the place of those that it has.
        numbered: Whether it is a default, of which each run has its own: ``runs/detect``, ``runs/detect-2`` and so on.

    Raises:
        ValueError: It is taken, or cannot be written.
        OSError: The contents cannot be put there; the message says where they are.
    """
    with _claimed(folder, overwrite, numbered) as place, folders.new_folder(place, overwrite) as making:
        yield making


@contextmanager
def live_folder(
    folder: Path, keeps: Callable[[Path], bool], overwrite: bool = False, numbered: bool = False
) -> Iterator[Path]:
    """A folder whose contents are there while they are written, see `system.folders`; SIGTERM ends it like Ctrl-C.

    Args:
        folder: The folder. It is made, with the folders above it, unless it is there.
        keeps: Whether, after an error, the contents of the folder are worth keeping.
        overwrite: Whether the contents take the place of those that it has.
        numbered: Whether it is a default, of which each run has its own.

    Yields:
        The folder.

    Raises:
        ValueError: It is taken, or cannot be written.
        OSError: Something in it cannot be moved.
    """
    with _claimed(folder, overwrite, numbered) as place, terminated_like_ctrl_c():
        with folders.live_folder(place, lambda: keeps(place), overwrite):
            yield place


@contextmanager
def _claimed(folder: Path, overwrite: bool, numbered: bool) -> Iterator[Path]:
    """The folder, or the next number of it, which is taken away again if it stays empty."""
    if not numbered or overwrite:
        check_new(folder, overwrite)
        yield folder
        return
    _check_writable(folder)
    absent = [parent for parent in folder.parents if not parent.exists()]
    claimed = claim_number(folder)
    try:
        yield claimed
    except BaseException:
        with suppress(OSError):  # something worth keeping is in it
            for each in (claimed, *absent):
                each.rmdir()
        raise


def check_new(
    folder: Path,
    overwrite: bool = False,
    reads: Iterable[tuple[str, Path | None]] = (),
    remedy: str = "name another with --output, or pass --overwrite",
) -> None:
    """Complain of an output folder that is in the way, before any work is done.

    Args:
        folder: The folder to make or to fill.
        overwrite: Whether new contents may take the place of those that it has.
        reads: Files and folders that the command reads, each with its name in a message; looked at
            only where there is something to replace.
        remedy: Advice about a folder that is taken.

    Raises:
        ValueError: It holds something and may not be overwritten; it is a file or a broken link; it cannot be written;
            something that the command reads, or the current folder, is in it.
    """
    if folder.is_symlink() and not folder.exists():
        raise ValueError(f"output folder {folder} is a link to {os.readlink(folder)}, which does not exist; make it")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"output {folder} is a file; name a folder")
    _check_writable(folder)
    if not folder.exists() or not contents(folder):
        return
    if not overwrite:
        raise ValueError(f"output folder {folder} exists; {remedy}")
    emptied = folder.resolve()
    for name, place in (*reads, ("the current folder", Path.cwd())):
        if place is not None and place.resolve().is_relative_to(emptied):
            raise ValueError(f"{name} {place} is in the output folder {folder}, which would be emptied; name another")


def write_configuration(folder: Path, arguments: Mapping[str, object]) -> None:
    """Write a run's full configuration to ``config.yaml``, which ``--config`` reads.

    Args:
        folder: Folder of the run.
        arguments: Options of the command, by name; see `yolo3.cli.options.flat`.
    """
    with (folder / "config.yaml").open("w", encoding="utf-8") as file:
        yaml.safe_dump({name: plain(value) for name, value in arguments.items()}, file, sort_keys=False)


def plain(value: object) -> object:
    """An argument as YAML holds it: paths are text, tuples are lists."""
    if isinstance(value, os.PathLike):
        if is_hub_address(value):
            return str(HubAddress.parse(value))
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _check_writable(folder: Path) -> None:
    """Raise the ValueError of a folder that could not be made, or not be written."""
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not nearest.is_dir():
        raise ValueError(f"output folder {folder} cannot be made: {nearest} is a file; name another")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(f"output folder {folder} cannot be written: {nearest} is read-only or not yours; name another")
