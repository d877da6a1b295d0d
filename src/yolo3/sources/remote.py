"""Files at any address, through fsspec (extra ``remote``), and on this machine. Only what is named is fetched."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from yolo3.data import IMAGE_SUFFIXES
from yolo3.sources.kinds import is_address, is_container, suffix_of
from yolo3.sources.web import shown
from yolo3.system.extras import not_installed
from yolo3.system.network import is_offline

MOST_BYTES = 200_000_000
"""Largest encoded image that is held in memory."""


@contextmanager
def opened(source: str) -> Iterator[BinaryIO]:
    """A file, open for reading.

    Args:
        source: Path on this machine, or an address that fsspec opens.

    Raises:
        ModuleNotFoundError: fsspec, or what it needs for the address, is not installed.
        ValueError: A file that cannot be opened, or read to its end.
    """
    name = shown(source)
    try:
        if is_address(source):
            system, path = _system(source)
            file = system.open(path, "rb")
        else:
            file = open(source, "rb")  # closed below
    except (ModuleNotFoundError, ValueError):
        raise
    except Exception as error:  # every file system has errors of its own
        raise ValueError(f"{name}: cannot be opened ({_reason(error)})") from error
    with file:
        yield cast(BinaryIO, file)


def fetch(source: str) -> bytes:
    """The content of a file.

    Raises:
        ModuleNotFoundError: See `opened`.
        ValueError: A file that cannot be read, or that is too large for an image.
    """
    name = shown(source)
    with opened(source) as file:
        try:
            content = file.read(MOST_BYTES + 1)
        except Exception as error:  # as in `opened`
            raise ValueError(f"{name}: cannot be read ({_reason(error)})") from error
    if len(content) > MOST_BYTES:
        raise ValueError(f"{name}: has more than {MOST_BYTES // 1_000_000} MB")
    return content


def remote_files(source: str) -> list[str]:
    """The addresses that an address stands for: itself, the matches of a glob, or the images in a folder, sorted.

    Raises:
        ModuleNotFoundError: See `opened`.
        ValueError: A glob or folder without images, or one that cannot be listed.
    """
    if suffix_of(source) in IMAGE_SUFFIXES and not _is_glob(source):
        return [source]
    if is_container(source) and not _is_glob(source):
        return [source]
    name = shown(source)
    system, path = _system(source)
    try:
        listed = system.glob(path) if _is_glob(source) else system.find(path)
    except Exception as error:  # as in `opened`
        raise ValueError(f"{name}: cannot be listed ({_reason(error)})") from error
    files = sorted(system.unstrip_protocol(each) for each in listed)
    found = [each for each in files if suffix_of(each) in IMAGE_SUFFIXES or (_is_glob(source) and is_container(each))]
    if not found:
        raise ValueError(f"{name}: no images there")
    return found


def _is_glob(source: str) -> bool:
    return "*" in source


def _system(source: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    name = shown(source)
    if is_offline():
        raise ValueError(f"{name}: YOLO3_OFFLINE forbids fetching")
    try:
        import fsspec
    except ModuleNotFoundError as missing:
        raise not_installed(f"{name}: addresses need", "fsspec", "remote") from missing
    try:
        return cast(tuple[Any, str], fsspec.core.url_to_fs(source))
    except ImportError as missing:  # it says which package
        raise ModuleNotFoundError(f"{name}: {missing}", name=missing.name) from missing
    except ValueError as error:
        raise ValueError(f"{name}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
