"""From a source to its single images, whatever the source is."""

import glob
import os
import reprlib
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import IOBase
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from torch import Tensor

from yolo3.choices import OnError
from yolo3.data import IMAGE_SUFFIXES, find_images
from yolo3.data.images import count_unread, in_words, unread_suffixes, without_copies
from yolo3.data.listing import matching_files
from yolo3.images import ImageArray, is_there
from yolo3.sources.archives import archive_images
from yolo3.sources.encoded import Encoded
from yolo3.sources.frame import Frame
from yolo3.sources.kinds import is_address, is_archive, is_container, is_list, is_table, numbered, suffix_of
from yolo3.sources.lists import list_entries
from yolo3.sources.remote import remote_files
from yolo3.sources.tables import table_images
from yolo3.sources.video import find_videos, is_live, is_video
from yolo3.sources.web import is_web_image, shown

ImageLike = str | os.PathLike[str] | Image.Image | ImageArray | Tensor | Frame
"""A file, a PIL image, an (H, W, C) or (H, W) array, a (C, H, W) tensor in [0, 1], or a `Frame`.

Arrays are uint8, uint16 of which 65,535 is white, or floats in [0, 1]; three channels are RGB."""
Source = ImageLike | Iterable[ImageLike]
"""An image, an address, a video, a camera, a folder, a glob, a list, an archive, a table, or any iterable of them."""

_READ = ", ".join(sorted(IMAGE_SUFFIXES))
ACCEPTED = (
    "a source is an image file, a folder, a glob, a video file, a camera (camera:0), a list of paths (.txt), a .tar or "
    ".parquet file of images, a PIL image, (H, W, 3) uint8 RGB, another (H, W, C) array, a (C, H, W) tensor in [0, 1], "
    "or an iterable of them"
)


Item = TypeVar("Item")


@dataclass(frozen=True)
class Expansion:
    """The single images of sources."""

    on_error: OnError = "stop"
    """Whether a part of the source that cannot be found or read is an error, or an unreadable frame in its place."""
    column: str | None = None
    """Column of Parquet files that holds the images."""

    def images(self, source: Source) -> Iterator[ImageLike | Encoded]:
        """The images of a source, one by one; of videos the path."""
        for place in self.places(source):
            if isinstance(place, str) and is_container(place):
                yield from self.spared(place, self._contents(place))
            else:
                yield place

    def places(self, source: Source) -> Iterator[ImageLike]:
        """The same, with lists, archives and tables unopened."""
        if isinstance(source, str | os.PathLike):
            path = os.fspath(source)
            yield from self.spared(path, _files(path))
        elif isinstance(source, Frame | Image.Image | np.ndarray | Tensor):
            yield source
        elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | IOBase):  # of numbers
            for part in source:
                yield from self.places(part)
        else:
            raise ValueError(f"{reprlib.repr(source)} is a {type(source).__name__}; {ACCEPTED}")

    def spared(self, place: str, images: Iterable[Item]) -> Iterator[Item | Frame]:
        """Images, and after an error that ends them an unreadable frame, where errors are skipped."""
        try:
            yield from images
        except (ValueError, OSError) as error:
            if self.on_error == "stop":
                raise
            yield Frame.unreadable(shown(place), str(error).removesuffix(f"; {ACCEPTED}"))

    def _contents(self, container: str) -> Iterator[ImageLike | Encoded]:
        if is_archive(container):
            yield from archive_images(container)
        elif is_table(container):
            for number, image in enumerate(table_images(container, self.column)):
                if isinstance(image, Encoded):
                    yield image
                elif image is None:
                    name = f"{shown(container)}/row {number:08d}"
                    yield from self.spared(name, _nothing(f"{name}: no image in it"))
                else:
                    yield from self._entry(image, container)
        else:
            for line in list_entries(container):
                try:
                    yield from self._entry(line, container)
                except ValueError as error:
                    raise ValueError(f"{shown(container)}: {error}") from error

    def _entry(self, entry: str, container: str) -> Iterator[ImageLike | Encoded]:
        """An entry of a list or table. An image is not looked for before it is read."""
        if suffix_of(entry) in IMAGE_SUFFIXES and not glob.has_magic(entry):
            yield entry
        elif is_list(entry):
            yield from self.spared(entry, _nothing(f"{entry}: a list in the list {shown(container)}; name it yourself"))
        else:
            yield from self.images(entry)


def _nothing(reason: str) -> Iterator[ImageLike]:
    raise ValueError(reason)
    yield


def _files(path: str) -> Iterator[str]:
    if is_list(path) or is_live(path) or is_web_image(path):
        yield path
    elif is_address(path):
        for name in numbered(path):
            yield from remote_files(name)
    elif os.path.isdir(path):
        yield from _in_folder(path)
    elif os.path.exists(path) or is_there(path):  # an image may be in a row of a Parquet file
        yield path
    elif len(names := numbered(path)) > 1:
        for name in names:
            yield from _files(name)
    elif glob.has_magic(path):
        yield from _matches(path)
    else:
        raise ValueError(f"{path}: no such file or folder; {ACCEPTED}")


def _matches(path: str) -> list[str]:
    matches = [str(match) for match in without_copies(map(Path, matching_files(path)))]
    unread = unread_suffixes(map(Path, matches))
    if not (files := [match for match in matches if _is_source(match)]):
        raise ValueError(f"glob {path} matches no images ({_READ}) and no videos{_left_out(unread)}")
    _warn_of(f"glob {path}", unread)
    return files


def _in_folder(path: str) -> list[str]:
    folder = Path(path)
    found = sorted([*find_images(folder), *find_videos(folder)])
    unread = count_unread(folder)
    if not found:
        raise ValueError(f"folder {path} holds no images ({_READ}) and no videos{_left_out(unread)}")
    _warn_of(f"folder {path}", unread)
    return [str(file) for file in found]


def _is_source(path: str) -> bool:
    return suffix_of(path) in IMAGE_SUFFIXES or is_video(path) or is_archive(path) or is_table(path)


def _left_out(unread: Counter[str]) -> str:
    return f"; left out {in_words(unread)}, convert them to JPEG or PNG" if unread else ""


def _warn_of(place: str, unread: Counter[str]) -> None:
    if unread:
        warnings.warn(f"{place}: left out {in_words(unread)}, convert them to JPEG or PNG", stacklevel=2)
