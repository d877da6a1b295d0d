"""The images of a source, whatever the source is."""

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from yolo3.choices import OnError, check_choice
from yolo3.data import read_image
from yolo3.images import (
    MAX_MEGAPIXELS,
    ImageArray,
    ImageError,
    channel_pixels,
    check_limit,
    in_unit_range,
    with_channels,
)
from yolo3.sources.encoded import Encoded
from yolo3.sources.expand import ACCEPTED, Expansion, ImageLike, Source
from yolo3.sources.frame import Frame, PixelBudget, Stems
from yolo3.sources.kinds import is_address, is_archive, is_container, is_list, is_table
from yolo3.sources.lists import count_entries
from yolo3.sources.remote import fetch
from yolo3.sources.tables import count_rows
from yolo3.sources.video import describe_video, is_live, is_video, video_frames
from yolo3.sources.web import fetch_image, is_web_image, shown

_WHOLE = (np.uint8, np.uint16)


def find_frames(
    source: Source,
    every: int = 1,
    budget: PixelBudget | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: int = 3,
    on_error: OnError = "stop",
    column: str | None = None,
    stems: Literal["unique", "plain"] = "unique",
) -> Iterator[Frame]:
    """The images of a source, one by one, so that it may be endless. They are read when their pixels are requested.

    Args:
        source: Source of images, see `Source`.
        every: Step between the frames of a video: 2 skips every other frame.
        budget: Budget for keeping pixels in memory, see `Frame`.
        max_megapixels: Largest image file, in 10⁶ pixels; a larger one is an error when it is read. Reading takes about
            7 bytes of memory per pixel.
        channels: Number of channels of the pixels, see `with_channels`; frames of a video are RGB.
        on_error: ``stop`` raises the error of a part of the source that cannot be found or read; ``skip`` gives a frame
            in its place that raises it when it is read.
        column: Column of Parquet files that holds the images. Default: image, path, bytes, file_name or url.
        stems: ``unique`` numbers the stems of images of equal name, and remembers each stem for it; ``plain`` takes
            no memory, for results that are not named after stems.

    Raises:
        ValueError: A path that does not exist; a folder or glob without images; an empty list; an object that is not a
            source; a video, archive or table that cannot be read.
        ModuleNotFoundError: A video without PyAV installed, a Parquet file without pyarrow, an address without fsspec.
    """
    _check_every(every)
    check_limit(max_megapixels)
    check_choice("on_error", on_error, OnError)
    claim = Stems().claim if stems == "unique" else str
    expansion = Expansion(on_error, column)
    unnamed = 0
    empty = True
    for image in expansion.images(source):
        empty = False
        if isinstance(image, Frame):
            yield image
        elif isinstance(image, Encoded):
            yield image.frame(claim(image.stem), budget, max_megapixels, channels)
        elif not isinstance(image, str | os.PathLike):
            name = f"image {unnamed}"
            if isinstance(image, Image.Image):  # now: it may move to its next frame, and two threads cannot read it
                image = image_array(name, image, channels)
            read = partial(image_array, name, image, channels)
            yield Frame(name, f"image/{unnamed:06d}", read, budget=budget)
            unnamed += 1
        elif is_web_image(path := os.fspath(image)):
            yield Frame(shown(path), claim(_stem(path)), partial(fetch_image, path, channels), budget=budget)
        elif is_video(path):
            frames = video_frames(path, claim(_stem(path)), every, budget)
            yield from expansion.spared(path, frames)
        elif is_address(path):
            encoded = Encoded(shown(path), _stem(path), partial(fetch, path))
            yield encoded.frame(claim(encoded.stem), budget, max_megapixels, channels)
        else:
            yield Frame.of_path(path, claim(Path(path).stem), budget, max_megapixels, channels)
    if empty:
        raise ValueError(f"the source holds no images; {ACCEPTED}")


def count_frames(source: Source, every: int = 1, on_error: OnError = "stop") -> int | None:
    """The number of frames that `find_frames` will give; None if unknown. The source must allow a second iteration.

    Every video is opened, so that a missing or damaged one is reported before any work is done. A list, archive or
    table that cannot be counted quickly is unknown.

    Args:
        source: Source of images, see `Source`.
        every: Step between the frames of a video.
        on_error: ``skip`` counts one image for a part of the source that cannot be found or read.

    Raises:
        ValueError: See `find_frames`.
        ModuleNotFoundError: A video without PyAV installed.
    """
    _check_every(every)
    total: int | None = 0
    for image in Expansion(on_error).places(source):
        frames: int | None = 1
        try:
            if isinstance(image, str | os.PathLike):
                frames = _count(os.fspath(image), every)
        except ValueError:
            if on_error == "stop":
                raise
        total = None if total is None or frames is None else total + frames
    return total


def _count(path: str, every: int) -> int | None:
    if is_address(path) and is_container(path):
        return None
    if is_archive(path):
        return None
    if is_list(path):
        return count_entries(path)
    if is_table(path):
        return count_rows(path)
    if not is_video(path):
        return 1
    frames = None if is_live(path) else describe_video(path).num_frames
    return None if frames is None else -(-frames // every)  # rounded up


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


def _stem(path: str) -> str:
    """The stem for the results of a video; for a camera, its address without characters that file names forbid."""
    if is_web_image(path) or (is_address(path) and not is_live(path)):
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
