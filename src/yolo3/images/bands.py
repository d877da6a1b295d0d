"""Files that are arrays of channels: ``.npy``, and TIFFs of other channels than grey and RGB."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from yolo3.images.depth import check_type
from yolo3.images.errors import DamagedImage, ImageError
from yolo3.system.extras import not_installed

_BITS = 258  # tags of TIFF
_PHOTOMETRIC = 262
_SAMPLES = 277
_EXTRA_SAMPLES = 338
_GREY = (0, 1)  # photometric interpretations
_RGB = 2
_ALPHA = (1, 2)  # meanings of an extra sample


def bands_of_tiff(tags: Mapping[int, int]) -> int:
    """The number of channels of a TIFF that is neither grey nor RGB, with transparency or without.

    Args:
        tags: Whole numbers of its first directory.

    Returns:
        The number; 0 of a TIFF that Pillow reads.

    Source:
        TIFF 6.0 §3, §6 and §18.
    """
    samples = tags.get(_SAMPLES, 1)
    kind = tags.get(_PHOTOMETRIC)
    if kind in _GREY and samples > 1:
        is_grey_alpha = samples == 2 and tags.get(_EXTRA_SAMPLES) in _ALPHA and tags.get(_BITS) == 8
        return 0 if is_grey_alpha else samples
    is_unnamed = samples == 4 and tags.get(_EXTRA_SAMPLES) not in _ALPHA  # Pillow would drop it
    return samples if samples > 4 or (kind == _RGB and (samples < 3 or is_unnamed)) else 0


def npy_header(file: BinaryIO) -> tuple[tuple[int, int, int], np.dtype[Any], bool]:
    """The (height, width, channels) of a ``.npy`` file, the type of its values, and whether it is in Fortran's order.

    Afterwards the file stands at the first value.

    Raises:
        ImageError: An array that is no image.
        ValueError: A damaged header.

    Source:
        NEP 1, the format of ``numpy.save``.
    """
    file.seek(0)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(file)
    if len(shape) not in (2, 3):
        raise ImageError(f"the array is {shape}; an image is (height, width) or (height, width, channels)")
    check_type(dtype)
    height, width, channels = shape if len(shape) == 3 else (*shape, 1)
    return (height, width, channels), dtype, is_fortran


def read_bands(file: BinaryIO, format: str) -> npt.NDArray[Any]:
    """(H, W, C) values of a ``.npy`` file or of the first image of a TIFF, as stored.

    Raises:
        ImageError: tifffile is not installed, or lacks what the compression needs; axes of no image.
        DamagedImage: A file that is truncated or corrupt.
    """
    if format == "NPY":
        return _read_npy(file)
    with _tiff_page(file) as page:
        values = np.asarray(page.asarray(maxworkers=1))
        axes = page.axes
    if axes == "SYX":  # each channel by itself
        return np.ascontiguousarray(values.transpose(1, 2, 0))
    if axes not in ("YX", "YXS"):
        raise ImageError(f"the TIFF has the axes {axes}; save it as (height, width, channels)")
    return values.reshape(values.shape[0], values.shape[1], -1)


def type_of_bands(file: BinaryIO, format: str) -> np.dtype[Any]:
    """The type of the values that `read_bands` gives, from the header alone.

    Raises:
        ImageError: As `read_bands`; values whose range is unknown.
    """
    if format == "NPY":
        return npy_header(file)[1]
    with _tiff_page(file) as page:
        found = np.dtype(page.dtype)
    check_type(found)
    return found


def _read_npy(file: BinaryIO) -> npt.NDArray[Any]:
    """The values of a ``.npy`` file, which is never unpickled."""
    shape, dtype, is_fortran = npy_header(file)
    content = file.read()
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise DamagedImage("the image is damaged (the array is cut off, or something follows it)")
    values = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    return values.astype(dtype.newbyteorder("="), copy=False)


@contextmanager
def _tiff_page(file: BinaryIO) -> Iterator[Any]:
    """The first image of a TIFF, opened by tifffile."""
    try:
        from tifffile import TiffFile
    except ModuleNotFoundError as error:
        raise ImageError(str(not_installed("a TIFF of such channels needs", "tifffile", "tiff"))) from error
    file.seek(0)
    try:
        with TiffFile(file) as opened:
            yield opened.pages[0]
    except MemoryError:
        raise
    except Exception as error:  # its decoders raise many kinds for damaged files
        said = " ".join(str(error).split())
        if "imagecodecs" in said:
            raise ImageError(
                "the compression of the TIFF needs imagecodecs: pip install imagecodecs; or save it with Deflate"
            ) from error
        raise DamagedImage(f"the image is damaged ({said})") from error
