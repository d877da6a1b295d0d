"""Every picture of a source, whatever the source is."""

import glob
import os
import re
import reprlib
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from io import IOBase
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from yolo3.data import IMAGE_SUFFIXES, find_images, read_image
from yolo3.data.images import count_unread, in_words, unread_suffixes
from yolo3.data.listing import matching_files
from yolo3.images import MAX_MEGAPIXELS, check_limit, rgb_pixels
from yolo3.sources.frame import Frame, PixelBudget, Stems
from yolo3.sources.video import describe_video, find_videos, is_live, is_video, video_frames
from yolo3.sources.web import fetch_image, is_web_image, shown

Picture = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8] | Tensor | Frame
"""A file, a PIL image, (H, W, 3) uint8 RGB, a (3, H, W) tensor in [0, 1], or a `Frame`."""
Source = Picture | Iterable[Picture]
"""A picture, its http address, a video, a camera, a folder, a glob, or any iterable of them."""

_READ = ", ".join(sorted(IMAGE_SUFFIXES))
_ACCEPTED = (
    "a source is a picture's file, a folder, a glob, a video's file, a camera (camera:0), a PIL image, (H, W, 3) uint8 "
    "RGB, a (3, H, W) tensor in [0, 1], or an iterable of them"
)


def find_frames(
    source: Source, every: int = 1, budget: PixelBudget | None = None, max_megapixels: float = MAX_MEGAPIXELS
) -> Iterator[Frame]:
    """Every picture of a source, one by one, so it may be endless. Pictures are found here, and read when asked.

    Args:
        source: see `Source`.
        every: of a video, take the first of so many frames.
        budget: lets frames hold their pixels for those who ask again; see `Frame`.
        max_megapixels: Largest image file, in 10⁶ pixels; a larger one is an error when it is read. Reading takes about
            7 bytes a pixel.

    Raises:
        ValueError: a path where nothing is, a folder or glob without pictures, an empty list, something that is no
            source; a video that cannot be read.
        ModuleNotFoundError: a video, and PyAV is not installed.
    """
    _check_every(every)
    check_limit(max_megapixels)
    stems = Stems()
    unnamed = 0
    empty = True
    for picture in _flattened(source):
        empty = False
        if isinstance(picture, Frame):
            yield picture
        elif not isinstance(picture, str | os.PathLike):
            name = f"image {unnamed}"
            if isinstance(picture, Image.Image):  # now: it may go on to its next frame, and two threads cannot read it
                picture = rgb_array(name, picture)
            yield Frame(name, f"image/{unnamed:06d}", partial(rgb_array, name, picture), budget=budget)
            unnamed += 1
        elif is_video(path := os.fspath(picture)):
            yield from video_frames(path, stems.claim(_stem(path)), every, budget)
        elif is_web_image(path):
            yield Frame(shown(path), stems.claim(_stem(path)), partial(fetch_image, path), budget=budget)
        else:
            yield Frame.of_path(path, stems.claim(Path(path).stem), budget, max_megapixels)
    if empty:
        raise ValueError(f"the source holds no pictures; {_ACCEPTED}")


def count_frames(source: Source, every: int = 1) -> int | None:
    """How many frames `find_frames` will give, of a source that may be gone through twice; None if it is not known.

    Opens every video, so that one that is missing or damaged is complained of before any work is done.

    Raises:
        ValueError: as `find_frames`.
        ModuleNotFoundError: as `find_frames`.
    """
    _check_every(every)
    total: int | None = 0
    for picture in _flattened(source):
        frames: int | None = 1
        if isinstance(picture, str | os.PathLike) and is_video(path := os.fspath(picture)):
            frames = None if is_live(path) else describe_video(path).num_frames
            frames = None if frames is None else -(-frames // every)  # rounded up
        total = None if total is None or frames is None else total + frames
    return total


def rgb_array(name: str, picture: Picture) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a picture. A file is read upright; an image in memory is taken as it stands.

    Raises:
        ValueError: a file that is missing or damaged; an array or tensor of another shape, type or range.
    """
    if isinstance(picture, Frame):
        return picture.pixels()
    if isinstance(picture, Image.Image):
        try:
            picture.load()
            return rgb_pixels(picture)
        except Exception as error:  # opened, but not yet read: as in `read_image`
            raise ValueError(f"{name}: an image that cannot be read ({error})") from error
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
            raise ValueError(f"{name}: an array is (H, W, 3) uint8 RGB, not {picture.shape} {picture.dtype}")
        return picture
    if isinstance(picture, Tensor):
        return _bytes(name, picture)
    return read_image(picture)


def as_frame(name: str, picture: Picture) -> Frame:
    """A picture by itself as a frame.

    Args:
        name: What an image in memory is called.
        picture: see `Picture`.
    """
    if isinstance(picture, Frame):
        return picture
    if isinstance(picture, str | os.PathLike):
        return Frame.of_file(picture)
    return Frame(name, name, partial(rgb_array, name, picture))


def _check_every(every: int) -> None:
    if every < 1:
        raise ValueError(f"every is {every}; it must be at least 1")


def _flattened(source: Source) -> Iterator[Picture]:
    if isinstance(source, str | os.PathLike):
        yield from _files(os.fspath(source))
    elif isinstance(source, Frame | Image.Image | np.ndarray | Tensor):
        yield source
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | IOBase):  # whose parts are numbers
        for part in source:
            yield from _flattened(part)
    else:
        raise ValueError(f"{reprlib.repr(source)} is a {type(source).__name__}; {_ACCEPTED}")


def _files(path: str) -> list[str]:
    if is_live(path) or is_web_image(path):
        return [path]
    if os.path.isdir(path):
        folder = Path(path)
        found, unread = sorted([*find_images(folder), *find_videos(folder)]), count_unread(folder)
        if not found:
            raise ValueError(f"folder {path} holds no pictures ({_READ}) and no videos{_left_out(unread)}")
        _warn_of(f"folder {path}", unread)
        return [str(file) for file in found]
    if os.path.exists(path):
        return [path]
    if not glob.has_magic(path):
        raise ValueError(f"{path}: no such file or folder; {_ACCEPTED}")
    matches = matching_files(path)
    unread = unread_suffixes(map(Path, matches))
    if not (files := [match for match in matches if Path(match).suffix.lower() in IMAGE_SUFFIXES or is_video(match)]):
        raise ValueError(f"glob {path} matches no pictures ({_READ}) and no videos{_left_out(unread)}")
    _warn_of(f"glob {path}", unread)
    return files


def _left_out(unread: Counter[str]) -> str:
    return f"; left out {in_words(unread)}, convert them to JPEG or PNG" if unread else ""


def _warn_of(place: str, unread: Counter[str]) -> None:
    if unread:
        warnings.warn(f"{place}: left out {in_words(unread)}, convert them to JPEG or PNG", stacklevel=2)


def _stem(path: str) -> str:
    """What the results of a video are called; of a camera, its address without what no file may be called."""
    if is_web_image(path):
        return Path(unquote(urlsplit(path).path)).stem
    if not is_live(path):
        return Path(path).stem
    return re.sub(r"[^\w.]+", "-", re.sub(r"^\w+://", "", shown(path))).strip("-.") or "camera"


def _bytes(name: str, picture: Tensor) -> npt.NDArray[np.uint8]:
    if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point() or picture.numel() == 0:
        raise ValueError(f"{name}: a tensor is (3, H, W) floats in [0, 1], not {tuple(picture.shape)} {picture.dtype}")
    values = picture.detach().float()
    if not ((values >= 0) & (values <= 1)).all():  # false for NaN too
        low, high = values.min().item(), values.max().item()
        raise ValueError(f"{name}: a tensor's values lie in [0, 1], these in [{low:g}, {high:g}]; divide by 255?")
    return (values * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()
