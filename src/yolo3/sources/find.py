"""The images of a source, whatever the source is."""

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

ImageLike = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8] | Tensor | Frame
"""A file, a PIL image, an (H, W, 3) uint8 RGB array, a (3, H, W) tensor in [0, 1], or a `Frame`."""
Source = ImageLike | Iterable[ImageLike]
"""An image, its http address, a video, a camera, a folder, a glob, or any iterable of them."""

_READ = ", ".join(sorted(IMAGE_SUFFIXES))
_ACCEPTED = (
    "a source is an image file, a folder, a glob, a video file, a camera (camera:0), a PIL image, (H, W, 3) uint8 "
    "RGB, a (3, H, W) tensor in [0, 1], or an iterable of them"
)


def find_frames(
    source: Source, every: int = 1, budget: PixelBudget | None = None, max_megapixels: float = MAX_MEGAPIXELS
) -> Iterator[Frame]:
    """The images of a source, one by one, so that it may be endless. They are read when their pixels are requested.

    Args:
        source: Source of images, see `Source`.
        every: Step between the frames of a video: 2 skips every other frame.
        budget: Budget for keeping pixels in memory, see `Frame`.
        max_megapixels: Largest image file, in 10⁶ pixels; a larger one is an error when it is read. Reading takes about
            7 bytes of memory per pixel.

    Raises:
        ValueError: A path that does not exist; a folder or glob without images; an empty list; an object that is not a
            source; a video that cannot be read.
        ModuleNotFoundError: A video without PyAV installed.
    """
    _check_every(every)
    check_limit(max_megapixels)
    stems = Stems()
    unnamed = 0
    empty = True
    for image in _flattened(source):
        empty = False
        if isinstance(image, Frame):
            yield image
        elif not isinstance(image, str | os.PathLike):
            name = f"image {unnamed}"
            if isinstance(image, Image.Image):  # now: it may move to its next frame, and two threads cannot read it
                image = rgb_array(name, image)
            yield Frame(name, f"image/{unnamed:06d}", partial(rgb_array, name, image), budget=budget)
            unnamed += 1
        elif is_video(path := os.fspath(image)):
            yield from video_frames(path, stems.claim(_stem(path)), every, budget)
        elif is_web_image(path):
            yield Frame(shown(path), stems.claim(_stem(path)), partial(fetch_image, path), budget=budget)
        else:
            yield Frame.of_path(path, stems.claim(Path(path).stem), budget, max_megapixels)
    if empty:
        raise ValueError(f"the source holds no images; {_ACCEPTED}")


def count_frames(source: Source, every: int = 1) -> int | None:
    """The number of frames that `find_frames` will give; None if unknown. The source must allow a second iteration.

    Every video is opened, so that a missing or damaged one is reported before any work is done.

    Raises:
        ValueError: See `find_frames`.
        ModuleNotFoundError: A video without PyAV installed.
    """
    _check_every(every)
    total: int | None = 0
    for image in _flattened(source):
        frames: int | None = 1
        if isinstance(image, str | os.PathLike) and is_video(path := os.fspath(image)):
            frames = None if is_live(path) else describe_video(path).num_frames
            frames = None if frames is None else -(-frames // every)  # rounded up
        total = None if total is None or frames is None else total + frames
    return total


def rgb_array(name: str, image: ImageLike) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of an image. A file is read upright; an image in memory is used as is.

    Raises:
        ValueError: A file that is missing or damaged; an array or tensor with another shape, type or range.
    """
    if isinstance(image, Frame):
        return image.pixels()
    if isinstance(image, Image.Image):
        try:
            image.load()
            return rgb_pixels(image)
        except Exception as error:  # opened, but not yet decoded, as in `read_image`
            raise ValueError(f"{name}: an image that cannot be read ({error})") from error
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"{name}: an array must be (H, W, 3) uint8 RGB, not {image.shape} {image.dtype}")
        return image
    if isinstance(image, Tensor):
        return _bytes(name, image)
    return read_image(image)


def as_frame(name: str, image: ImageLike) -> Frame:
    """A single image as a frame.

    Args:
        name: Name of an image in memory.
        image: Image, see `ImageLike`.
    """
    if isinstance(image, Frame):
        return image
    if isinstance(image, str | os.PathLike):
        return Frame.of_file(image)
    return Frame(name, name, partial(rgb_array, name, image))


def _check_every(every: int) -> None:
    if every < 1:
        raise ValueError(f"every is {every}; it must be at least 1")


def _flattened(source: Source) -> Iterator[ImageLike]:
    if isinstance(source, str | os.PathLike):
        yield from _files(os.fspath(source))
    elif isinstance(source, Frame | Image.Image | np.ndarray | Tensor):
        yield source
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | IOBase):  # their items are numbers
        for part in source:
            yield from _flattened(part)
    else:
        raise ValueError(f"{reprlib.repr(source)} is a {type(source).__name__}; {_ACCEPTED}")


def _files(path: str) -> list[str]:
    if is_live(path) or is_web_image(path):
        return [path]
    if os.path.isdir(path):
        folder = Path(path)
        found = sorted([*find_images(folder), *find_videos(folder)])
        unread = count_unread(folder)
        if not found:
            raise ValueError(f"folder {path} holds no images ({_READ}) and no videos{_left_out(unread)}")
        _warn_of(f"folder {path}", unread)
        return [str(file) for file in found]
    if os.path.exists(path):
        return [path]
    if not glob.has_magic(path):
        raise ValueError(f"{path}: no such file or folder; {_ACCEPTED}")
    matches = matching_files(path)
    unread = unread_suffixes(map(Path, matches))
    if not (files := [match for match in matches if Path(match).suffix.lower() in IMAGE_SUFFIXES or is_video(match)]):
        raise ValueError(f"glob {path} matches no images ({_READ}) and no videos{_left_out(unread)}")
    _warn_of(f"glob {path}", unread)
    return files


def _left_out(unread: Counter[str]) -> str:
    return f"; left out {in_words(unread)}, convert them to JPEG or PNG" if unread else ""


def _warn_of(place: str, unread: Counter[str]) -> None:
    if unread:
        warnings.warn(f"{place}: left out {in_words(unread)}, convert them to JPEG or PNG", stacklevel=2)


def _stem(path: str) -> str:
    """The stem for the results of a video; for a camera, its address without characters that file names forbid."""
    if is_web_image(path):
        return Path(unquote(urlsplit(path).path)).stem
    if not is_live(path):
        return Path(path).stem
    return re.sub(r"[^\w.]+", "-", re.sub(r"^\w+://", "", shown(path))).strip("-.") or "camera"


def _bytes(name: str, image: Tensor) -> npt.NDArray[np.uint8]:
    if image.ndim != 3 or image.shape[0] != 3 or not image.is_floating_point() or image.numel() == 0:
        raise ValueError(f"{name}: a tensor must be (3, H, W) floats in [0, 1], not {tuple(image.shape)} {image.dtype}")
    values = image.detach().float()
    if not ((values >= 0) & (values <= 1)).all():  # also false for NaN
        low, high = values.min().item(), values.max().item()
        raise ValueError(f"{name}: a tensor's values must lie in [0, 1], not [{low:g}, {high:g}]; divide by 255?")
    return (values * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()
