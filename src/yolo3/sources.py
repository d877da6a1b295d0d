"""Where a predictor's pictures come from: files, folders, globs, arrays, and lists or streams of them."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from yolo3.data import IMAGE_SUFFIXES, find_images, read_image

Picture = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8] | Tensor
"""A file, a PIL image, (H, W, 3) uint8 RGB, or a (3, H, W) tensor in [0, 1]."""
Source = Picture | Iterable[Picture]
"""A picture, a folder, a glob, or any iterable of them."""

_ACCEPTED = (
    "a source is a picture's file, a folder, a glob, a PIL image, (H, W, 3) uint8 RGB, a (3, H, W) tensor in [0, 1], "
    "or an iterable of them"
)


def find_pictures(source: Source) -> Iterator[tuple[str, Picture]]:
    """Every picture of a source with its name: the path of a file, ``image 0``, ``image 1`` … of the others.

    Files are only found here, not opened. An iterable is taken one by one, so it may be endless.

    Raises:
        ValueError: a path where nothing is, a folder or glob without pictures, an empty list, something that is no
            source.
    """
    unnamed = 0
    number = -1
    for number, picture in enumerate(_flattened(source)):  # noqa: B007 (the last number is used below)
        if isinstance(picture, str | os.PathLike):
            yield os.fspath(picture), picture
        else:
            yield f"image {unnamed}", picture
            unnamed += 1
    if number < 0:
        raise ValueError(f"the source holds no pictures; {_ACCEPTED}")


def rgb_array(name: str, picture: Picture) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a picture. A file is read upright; an image in memory is taken as it stands.

    Raises:
        ValueError: a file that is missing or damaged; an array or tensor of another shape, type or range.
    """
    if isinstance(picture, Image.Image):
        return np.asarray(picture.convert("RGB"))
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
            raise ValueError(f"{name}: an array is (H, W, 3) uint8 RGB, not {picture.shape} {picture.dtype}")
        return picture
    if isinstance(picture, Tensor):
        return _bytes(name, picture)
    return read_image(picture)


def _flattened(source: Source) -> Iterator[Picture]:
    if isinstance(source, str | os.PathLike):
        yield from _files(os.fspath(source))
    elif isinstance(source, Image.Image | np.ndarray | Tensor):
        yield source
    elif isinstance(source, Iterable):
        for part in source:
            yield from _flattened(part)
    else:
        raise ValueError(f"{source!r} is a {type(source).__name__}; {_ACCEPTED}")


def _files(path: str) -> list[str]:
    if os.path.isdir(path):
        if not (found := [str(file) for file in find_images(Path(path))]):
            raise ValueError(f"folder {path} holds no pictures ({', '.join(sorted(IMAGE_SUFFIXES))})")
        return found
    if os.path.exists(path):
        return [path]
    if not glob.has_magic(path):
        raise ValueError(f"{path}: no such file or folder; {_ACCEPTED}")
    matches = sorted(glob.glob(path, recursive=True))
    found = [match for match in matches if Path(match).suffix.lower() in IMAGE_SUFFIXES and os.path.isfile(match)]
    if not found:
        raise ValueError(f"glob {path} matches no pictures ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def _bytes(name: str, picture: Tensor) -> npt.NDArray[np.uint8]:
    if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point() or picture.numel() == 0:
        raise ValueError(f"{name}: a tensor is (3, H, W) floats in [0, 1], not {tuple(picture.shape)} {picture.dtype}")
    values = picture.detach().float()
    if not ((values >= 0) & (values <= 1)).all():  # false for NaN too
        low, high = values.min().item(), values.max().item()
        raise ValueError(f"{name}: a tensor's values lie in [0, 1], these in [{low:g}, {high:g}]; divide by 255?")
    return (values * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()
