"""Values of pixels: 8 bits stay bytes, and 16 bits and floating-point numbers become float32 in [0, 1]."""

from typing import Any

import numpy as np
import numpy.typing as npt

from yolo3.images.channels import ImageArray
from yolo3.images.errors import ImageError

_LARGEST = np.float32(65535)


def is_deep(dtype: np.dtype[Any]) -> bool:
    """Whether values of this type are kept as float32."""
    return dtype != np.uint8


def check_type(dtype: np.dtype[Any]) -> None:
    """Refuse numbers whose range is unknown.

    Raises:
        ImageError: Any other type than uint8, uint16 and floating-point numbers.
    """
    if dtype.kind != "f" and dtype not in (np.uint8, np.uint16):
        raise ImageError(f"the image has {dtype} values; save it as uint8, uint16, or floats in [0, 1]")


def in_unit_range(values: npt.NDArray[Any]) -> ImageArray:
    """Values as an `ImageArray` has them.

    Args:
        values: uint8, which stays; uint16, which is divided by 65,535; floats in [0, 1].

    Raises:
        ImageError: Floats that are not all in [0, 1]; another type.
    """
    check_type(values.dtype)
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return values.astype(np.float32) / _LARGEST
    if values.size and not (values.min() >= 0 and values.max() <= 1):  # NaN too
        if np.isnan(values).any():
            raise ImageError("the image has values that are no number (NaN); floating-point pixels lie in [0, 1]")
        raise ImageError(
            f"the image has floating-point values from {values.min():g} to {values.max():g}, and they must lie in "
            "[0, 1]; divide them, or save whole numbers as uint8 or uint16"
        )
    return values.astype(np.float32)


def as_floats(pixels: ImageArray) -> ImageArray:
    """Pixels as float32 in [0, 1], whatever their depth."""
    return pixels / np.float32(255) if pixels.dtype == np.uint8 else pixels
