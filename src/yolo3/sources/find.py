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
import torch
from PIL import Image
from torch import Tensor

from yolo3.data import IMAGE_SUFFIXES, find_images, read_image
from yolo3.data.images import count_unread, in_words, unread_suffixes, without_copies
from yolo3.data.listing import matching_files
from yolo3.images import (
    MAX_MEGAPIXELS,
    ImageArray,
    ImageError,
    channel_pixels,
    check_limit,
    in_unit_range,
    with_channels,
)
from yolo3.sources.frame import Frame, PixelBudget, Stems
from yolo3.sources.video import describe_video, find_videos, is_live, is_video, video_frames
from yolo3.sources.web import fetch_image, is_web_image, shown

ImageLike = str | os.PathLike[str] | Image.Image | ImageArray | Tensor | Frame
"""A file, a PIL image, an (H, W, C) or (H, W) array, a (C, H, W) tensor in [0, 1], or a `Frame`.

Arrays are uint8, uint16 of which 65,535 is white, or floats in [0, 1]; three channels are RGB."""
Source = ImageLike | Iterable[ImageLike]
"""An image, its http address, a video, a camera, a folder, a glob, or any iterable of them."""

_WHOLE = (np.uint8, np.uint16)
_READ = ", ".join(sorted(IMAGE_SUFFIXES))
_ACCEPTED = (
    "a source is an image file, a folder, a glob, a video file, a camera (camera:0), a PIL image, (H, W, 3) uint8 "
    "RGB, another (H, W, C) array, a (C, H, W) tensor in [0, 1], or an iterable of them"
)


def find_frames(
    source: Source,
    every: int = 1,
    budget: PixelBudget | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: int = 3,
) -> Iterator[Frame]:
    """The images of a source, one by one, so that it may be endless. They are read when their pixels are requested.

    Args:
        source: Source of images, see `Source`.
        every: Step between the frames of a video: 2 skips every other frame.
        budget: Budget for keeping pixels in memory, see `Frame`.
        max_megapixels: Largest image file, in 10⁶ pixels; a larger one is an error when it is read. Reading takes about
            7 bytes of memory per pixel.
        channels: Number of channels of the pixels, see `with_channels`; frames of a video are RGB.

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
                image = image_array(name, image, channels)
            read = partial(image_array, name, image, channels)
            yield Frame(name, f"image/{unnamed:06d}", read, budget=budget)
            unnamed += 1
        elif is_video(path := os.fspath(image)):
            yield from video_frames(path, stems.claim(_stem(path)), every, budget)
        elif is_web_image(path):
            yield Frame(shown(path), stems.claim(_stem(path)), partial(fetch_image, path, channels), budget=budget)
        else:
            yield Frame.of_path(path, stems.claim(Path(path).stem), budget, max_megapixels, channels)
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


def image_array(name: str, image: ImageLike, channels: int = 3) -> ImageArray:
    """The pixels of an image. A file is read upright; an image in memory is used as is.

    Args:
        name: Name of the image, for messages.
        image: Image, see `ImageLike`.
        channels: Number of channels of the pixels, see `with_channels`.

    Returns:
        (H, W, channels) uint8, or float32 in [0, 1] for pixels of more than 8 bits.

    Raises:
        ValueError: A file that is missing or damaged; an array or tensor with another shape, type, range or number of
            channels.
    """
    if isinstance(image, str | os.PathLike):
        return read_image(image, channels=channels)
    try:
        if isinstance(image, Frame):
            return with_channels(image.pixels(), channels)
        if isinstance(image, np.ndarray):
            return with_channels(_of_array(name, image), channels)
        if isinstance(image, Tensor):
            return with_channels(_bytes(name, image), channels)
        try:
            image.load()
            return channel_pixels(image, channels)
        except ImageError:
            raise
        except Exception as error:  # opened, but not yet decoded, as in `read_image`
            raise ImageError(f"an image that cannot be read ({error})") from error
    except ImageError as error:
        raise ValueError(f"{name}: {error}") from error


def as_frame(name: str, image: ImageLike, channels: int = 3) -> Frame:
    """A single image as a frame.

    Args:
        name: Name of an image in memory.
        image: Image, see `ImageLike`.
        channels: Number of channels of the pixels of a file or an image in memory, see `with_channels`.
    """
    if isinstance(image, Frame):
        return image
    if isinstance(image, str | os.PathLike):
        return Frame.of_path(image, Path(image).stem, channels=channels)
    return Frame(name, name, partial(image_array, name, image, channels))


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
    matches = [str(match) for match in without_copies(map(Path, matching_files(path)))]
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


def _of_array(name: str, image: ImageArray) -> ImageArray:
    if image.ndim not in (2, 3) or image.size == 0 or (image.dtype.kind != "f" and image.dtype not in _WHOLE):
        raise ValueError(
            f"{name}: an array must be (H, W, C) or (H, W), of uint8, of uint16, or of floats in [0, 1], not "
            f"{image.shape} {image.dtype}"
        )
    values = in_unit_range(image)
    return values[..., None] if values.ndim == 2 else values


def _bytes(name: str, image: Tensor) -> ImageArray:
    if image.ndim != 3 or not image.is_floating_point() or image.numel() == 0:
        raise ValueError(f"{name}: a tensor must be (C, H, W) floats in [0, 1], not {tuple(image.shape)} {image.dtype}")
    values = image.detach().float()
    if not ((values >= 0) & (values <= 1)).all():  # also false for NaN
        low, high = values.min().item(), values.max().item()
        raise ValueError(f"{name}: a tensor's values must lie in [0, 1], not [{low:g}, {high:g}]; divide by 255?")
    return (values * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()
