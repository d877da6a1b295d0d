"""Pictures: from a file to RGB, from RGB to the network's input."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import ExifTags, Image
from torch import Tensor, nn

from yolo3.boxes import Fit, Letterbox
from yolo3.data.faults import DataError
from yolo3.data.listing import files_like
from yolo3.rgb import as_rgb

ImageArray = npt.NDArray[np.uint8]
"""(H, W, 3) RGB."""

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""How the names of pictures end, in lower case."""

_GREY = 128  # of the bars: 0.5, as in Darknet
_TURNS = {  # EXIF orientation -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)  # the orientations that exchange width and height


def find_images(folder: Path) -> list[Path]:
    """Every picture in a folder and the folders in it, symbolic links followed, sorted."""
    return files_like(folder, IMAGE_SUFFIXES)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(height, width) of a picture as a person sees it, from its header alone.

    Raises:
        DataError: a file that is missing or no picture, or a picture absurdly large.
    """
    with _open(path) as image:
        return _seen_size(image, exif_orientation(image))


def read_image(
    path: str | os.PathLike[str],
    at_least: tuple[int, int] | None = None,
    expected_size: tuple[int, int] | None = None,
) -> ImageArray:
    """Read a picture as a person sees it: upright, and as RGB whatever it is stored as.

    Transparency is dropped, 16 bits become 8, of an animation the first frame is read.

    Args:
        path: of the file.
        at_least: (height, width) that are enough: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, but no smaller
            than this, which is several times faster.
        expected_size: (height, width) that the annotations give the picture at full size.

    Returns:
        (H, W, 3) RGB.

    Raises:
        DataError: a file that is missing, truncated or no picture; a picture absurdly large or of another size.
    """
    with _open(path) as image:
        orientation = exif_orientation(image)
        seen = _seen_size(image, orientation)
        if expected_size is not None and seen != expected_size:
            raise DataError(f"{path}: {_size_conflict(seen, expected_size, orientation)}")
        if at_least is not None:
            height, width = at_least[::-1] if orientation in _LYING else at_least
            image.draft(image.mode, (width, height))
        try:
            return upright_rgb(image)
        except Exception as error:  # Pillow's decoders meet damage with OSError, SyntaxError, struct.error and others
            raise DataError(f"{path}: the picture is damaged ({error}); replace it or take it out") from error


def upright_rgb(image: Image.Image) -> ImageArray:
    """(H, W, 3) RGB of an opened picture as a person sees it; what Pillow's decoders raise on damage passes through."""
    orientation = exif_orientation(image)
    return np.array(as_rgb(image.transpose(_TURNS[orientation]) if orientation in _TURNS else image))


def letterbox_image(image: ImageArray, letterbox: Letterbox) -> ImageArray:
    """Resize a picture into the network's input, antialiased, with grey bars around it.

    Args:
        image: (H, W, 3), the whole picture; it may have been decoded at a reduced size.
        letterbox: where it goes.

    Returns:
        (height, width, 3) of the network input.
    """
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    image = resized(image, (height, width))
    if letterbox.content_size == letterbox.network_size:
        return np.array(image)
    boxed = np.full((*letterbox.network_size, 3), _GREY, dtype=np.uint8)
    boxed[top : top + height, left : left + width] = image
    return boxed


def resized(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """A picture at another (height, width), antialiased.

    By torch, which needs a quarter of Pillow's time for the same pixels (to one level of 255).
    """
    if image.shape[:2] == size:
        return image
    pixels = torch.from_numpy(np.require(image, requirements=["C_CONTIGUOUS", "WRITEABLE"]))  # what torch can share
    scaled = nn.functional.interpolate(pixels[None].permute(0, 3, 1, 2), size, mode="bilinear", antialias=True)
    return scaled[0].permute(1, 2, 0).contiguous().numpy()


def network_input(image: ImageArray, letterbox: Letterbox, fit: Fit = "default") -> Tensor:
    """A picture as the network takes it.

    Args:
        image: (H, W, 3) RGB.
        letterbox: where it goes.
        fit: ``default`` resizes as `letterbox_image` does; ``darknet`` and ``stretch`` as Darknet does, between aligned
            corners and without antialiasing.

    Returns:
        (3, height, width) float32 in [0, 1].

    Source:
        Darknet's ``letterbox_image`` and ``resize_image``.
    """
    if fit == "default":
        return to_tensor(letterbox_image(image, letterbox))
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    content = nn.functional.interpolate(
        to_tensor(image)[None], (height, width), mode="bilinear", align_corners=True, antialias=False
    )
    boxed = torch.full((3, *letterbox.network_size), 0.5)
    boxed[:, top : top + height, left : left + width] = content[0]
    return boxed


def to_tensor(image: ImageArray) -> Tensor:
    """(H, W, 3) bytes -> (3, H, W) float32 in [0, 1]."""
    own = np.array(image, order="C")  # PyTorch takes neither mirrored views nor read-only arrays
    return torch.from_numpy(own).permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format) / 255


def _open(path: str | os.PathLike[str]) -> Image.Image:
    """Read the header."""
    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{path}: the picture is too large to be read safely; make it smaller ({error})") from error
    except Exception as error:  # as in read_image
        raise DataError(f"{path}: not a picture that can be read; replace it or take it out") from error


def exif_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, where there is none or it cannot be read."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF: every viewer shows such a picture as it is stored
        return 1


def _seen_size(image: Image.Image, orientation: int) -> tuple[int, int]:
    return image.size if orientation in _LYING else (image.height, image.width)


def _size_conflict(seen: tuple[int, int], expected: tuple[int, int], orientation: int) -> str:
    text = f"the picture is {seen[1]} x {seen[0]}, its annotation says {expected[1]} x {expected[0]}"
    if orientation in _LYING and seen == expected[::-1]:
        return f"{text}: it was annotated before its EXIF rotation; rotate the stored picture and drop its EXIF tag"
    return f"{text}; is it another picture?"
