"""From an image to the network's input: the one way that training, evaluation, detection and export share."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from yolo3.boxes import Letterbox
from yolo3.choices import Fit
from yolo3.data.sample import IntArray
from yolo3.images import ImageArray, Least

_GREY = 128  # of the bars: 0.5, as in Darknet
_LARGE = 4_000_000
"""Pixels of an image above which a JPEG may be decoded at a reduced size: below, there is little to be saved."""
_MARGIN = 2
"""Times the size that the network gets: what a reduced size must still be."""

Read = Callable[[Least], tuple[ImageArray, tuple[int, int]]]
"""Reads as much of an image as is enough: (H, W, 3) RGB, and the (height, width) of the whole."""


def prepared(read: Read, image_size: tuple[int, int], fit: Fit = "default") -> tuple[Tensor, Letterbox]:
    """An image as the network takes it.

    A JPEG above 4 megapixels is decoded at 1/2, 1/4 or 1/8 of its size where that is still twice what the network gets.
    It takes a fraction of the time and memory, and changes the input by about a quarter of a level of 255 on average.

    Args:
        read: Reads the image.
        image_size: (height, width) of the network input.
        fit: How the image is fitted, see `Letterbox.fit`.

    Returns:
        (3, height, width) float32 in [0, 1], and the letterbox, which takes boxes there and back.
    """

    def least(size: tuple[int, int]) -> tuple[int, int] | None:
        return enough(Letterbox.fit(size, image_size, fit), _MARGIN) if size[0] * size[1] > _LARGE else None

    image, size = read(least)
    letterbox = Letterbox.fit(size, image_size, fit)
    return network_input(image, letterbox), letterbox


def enough(letterbox: Letterbox, margin: int = 1) -> tuple[int, int] | None:
    """The (height, width) of an image that its letterbox needs, times a margin; None is all of it.

    Darknet's resize looks at two pixels for each that it makes, so it needs those of the whole image.
    """
    if letterbox.kind != "default":
        return None
    height, width = letterbox.content_size
    return height * margin, width * margin


def network_input(image: ImageArray, letterbox: Letterbox) -> Tensor:
    """An image as the network takes it, resized as the kind of letterbox says: see `fitted`.

    Args:
        image: (H, W, 3) RGB. For a ``default`` letterbox it may have been decoded at a reduced size.
        letterbox: Where it goes.

    Returns:
        (3, height, width) float32 in [0, 1].
    """
    if letterbox.kind == "default":
        return to_tensor(letterbox_image(image, letterbox))
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    boxed = torch.full((3, *letterbox.network_size), 0.5)
    boxed[:, top : top + height, left : left + width] = between_corners(image, letterbox.content_size)
    return boxed


def letterbox_image(image: ImageArray, letterbox: Letterbox) -> ImageArray:
    """Resize an image into the network's input, with grey bars around it.

    Args:
        image: (H, W, 3), the whole image; for a ``default`` letterbox it may have been decoded at a reduced size.
        letterbox: Where it goes. ``default`` resizes with antialiasing; ``darknet`` and ``stretch`` as Darknet does,
            see `between_corners`.

    Returns:
        (height, width, 3) of the network input.
    """
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    image = fitted(image, letterbox)
    if letterbox.content_size == letterbox.network_size:
        return np.array(image)
    boxed = np.full((*letterbox.network_size, 3), _GREY, dtype=np.uint8)
    boxed[top : top + height, left : left + width] = image
    return boxed


def fitted(image: ImageArray, letterbox: Letterbox) -> ImageArray:
    """An image at the content size of a letterbox, resized as its kind says; see `letterbox_image`."""
    if letterbox.kind == "default":
        return resized(image, letterbox.content_size)
    if image.shape[:2] == letterbox.content_size:
        return image
    levels = between_corners(image, letterbox.content_size).mul_(255).round_().to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().numpy()


def resized(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """An image at another (height, width), antialiased.

    By torch, which needs a quarter of Pillow's time for the same pixels (to one level of 255).
    """
    if image.shape[:2] == size:
        return image
    pixels = torch.from_numpy(np.require(image, requirements=["C_CONTIGUOUS", "WRITEABLE"]))  # what torch can share
    scaled = nn.functional.interpolate(pixels[None].permute(0, 3, 1, 2), size, mode="bilinear", antialias=True)
    return scaled[0].permute(1, 2, 0).contiguous().numpy()


def between_corners(image: ImageArray, size: tuple[int, int]) -> Tensor:
    """An image at another (height, width), bilinear between aligned corners and without antialiasing.

    Only the rows and columns between which it interpolates are gathered, so that a large image costs little.

    Returns:
        (3, height, width) float32 in [0, 1].

    Source:
        Darknet's ``resize_image``, whose positions are float32 too.
    """
    (height, width), (rows, columns, _) = size, image.shape
    above, below, down = _neighbours(rows, height)
    left, right, across = _neighbours(columns, width)
    needed = np.unique(np.concatenate([above, below]))
    gathered = torch.from_numpy(image[needed])  # (R, columns, 3), R at most 2 · height
    gathered = gathered.index_select(1, torch.from_numpy(np.concatenate([left, right])))  # (R, 2 · width, 3)
    gathered = gathered.permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format)
    lines = torch.lerp(gathered[..., :width], gathered[..., width:], torch.from_numpy(across))  # (3, R, width)
    upper, lower = (lines[:, torch.from_numpy(np.searchsorted(needed, each))] for each in (above, below))
    return torch.lerp(upper, lower, torch.from_numpy(down)[:, None]).div_(255)


def to_tensor(image: ImageArray) -> Tensor:
    """(H, W, 3) bytes -> (3, H, W) float32 in [0, 1]."""
    own = np.array(image, order="C")  # PyTorch takes neither mirrored views nor read-only arrays
    return torch.from_numpy(own).permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format) / 255


def _neighbours(length: int, wanted: int) -> tuple[IntArray, IntArray, npt.NDArray[np.float32]]:
    """For each of the wanted places along an axis: the pixels before and after it, and how far it is from the first."""
    step = np.float32(length - 1) / np.float32(max(1, wanted - 1))
    places = np.arange(wanted, dtype=np.float32) * step
    if wanted > 1:
        places[-1] = length - 1  # without rounding, which could fall short of it
    before = np.minimum(places.astype(np.int64), length - 1)
    return before, np.minimum(before + 1, length - 1), places - before.astype(np.float32)
