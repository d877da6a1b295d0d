"""From an image to the network input, and back: the one path that training, evaluation, detection and export share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from yolo3.boxes import InputFormat, Letterbox
from yolo3.data.batch import unit_range
from yolo3.data.sample import IntArray, SampleSet
from yolo3.images import ImageArray, Least, as_floats
from yolo3.structures import Detections

_GREY = 128  # value of the bars: 0.5, as in Darknet
_LARGE = 4_000_000
"""Number of pixels above which a JPEG may be decoded at a reduced size; below, it saves little."""
_MARGIN = 2
"""Factor by which a reduced size must still exceed the size in the network input."""

Read = Callable[[Least], tuple[ImageArray, tuple[int, int]]]
"""Function that reads an image at a sufficient size: its (H, W, C) pixels, and the full image's (height, width)."""


@dataclass(frozen=True)
class Prepared:
    """An image as the network takes it."""

    pixels: Tensor
    """(C, H, W) uint8, or float32 in [0, 1] where the image has more bits, or the letterbox leaves no whole levels."""
    letterbox: Letterbox
    """Way back to pixels of the image."""

    @property
    def image(self) -> Tensor:
        """(C, H, W) network input, float32 in [0, 1]."""
        return unit_range(self.pixels).contiguous()


def prepared(read: Read, input_format: InputFormat) -> Prepared:
    """The network input of an image.

    A JPEG above 4 megapixels is decoded at 1/2, 1/4 or 1/8 of its size, if that is still twice the size in the network
    input. This takes a fraction of the time and memory, and changes the input by about a quarter of one of 255 levels.

    Args:
        read: Function that reads the image.
        input_format: Size and letterbox of the network input; its channels are those of the image that is read.
    """

    def least(size: tuple[int, int]) -> tuple[int, int] | None:
        return enough(input_format.fit(size), _MARGIN) if size[0] * size[1] > _LARGE else None

    image, size = read(least)
    placement = input_format.fit(size)
    return Prepared(_pixels(image, placement), placement)


def in_image(found: Detections, letterbox: Letterbox) -> Detections:
    """Detections in pixels of the network input -> in pixels of the image, on the CPU, without those in the bars."""
    boxes = letterbox.invert(found.boxes)
    return replace(found, boxes=boxes)[have_area(boxes)].to("cpu")


def have_area(boxes: Tensor) -> Tensor:
    """(N,) bool: whether (N, 4) xyxy boxes, clipped to the image, have any area: in the bars there is none."""
    return (boxes[:, 2:] > boxes[:, :2]).all(dim=1)


def fitted_boxes(samples: SampleSet, input_format: InputFormat) -> Tensor:
    """(N, 4) xyxy of every object, crowds too, in pixels of the network input."""
    boxes = torch.from_numpy(samples.boxes.copy())
    ends = samples.object_ends.tolist()
    for (height, width), start, end in zip(samples.sizes.tolist(), [0, *ends], ends, strict=False):
        boxes[start:end] = input_format.fit((height, width)).apply(boxes[start:end])
    return boxes


def enough(letterbox: Letterbox, margin: int = 1) -> tuple[int, int] | None:
    """The minimum (height, width) at which a letterbox needs its image, times a margin; None for the full size.

    Darknet's resize interpolates between two pixels of the full image.
    """
    if letterbox.name != "default":
        return None
    height, width = letterbox.content_size
    return height * margin, width * margin


def network_input(image: ImageArray, letterbox: Letterbox) -> Tensor:
    """The network input of an image, resized as the letterbox requires, see `fitted`.

    Args:
        image: (H, W, C). For a ``default`` letterbox it may have been decoded at a reduced size.
        letterbox: Letterbox of the image.

    Returns:
        (C, height, width) float32 in [0, 1].
    """
    return unit_range(_pixels(image, letterbox)).contiguous()


def _pixels(image: ImageArray, letterbox: Letterbox) -> Tensor:
    """The (C, height, width) pixels of the network input, as bytes where they are whole levels; see `Prepared`."""
    if letterbox.name == "default":
        return torch.from_numpy(letterbox_image(image, letterbox)).permute(2, 0, 1)
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    boxed = torch.full((image.shape[2], *letterbox.network_size), 0.5)
    boxed[:, top : top + height, left : left + width] = between_corners(image, letterbox.content_size)
    return boxed


def letterbox_image(image: ImageArray, letterbox: Letterbox) -> ImageArray:
    """Resize an image into the network's input, with grey bars around it.

    Args:
        image: (H, W, C), the full image; for a ``default`` letterbox it may have been decoded at a reduced size.
        letterbox: Letterbox of the image. ``default`` resizes with antialiasing, ``darknet`` and ``stretch`` as Darknet
            does, see `between_corners`.

    Returns:
        (height, width, C) pixels of the network input.
    """
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    image = fitted(image, letterbox)
    if letterbox.content_size == letterbox.network_size:
        return np.array(image)
    boxed = grey_canvas(letterbox.network_size, image)
    boxed[top : top + height, left : left + width] = image
    return boxed


def grey_canvas(size: tuple[int, int], like: ImageArray) -> ImageArray:
    """An image of a (height, width) that is grey all over, with the channels and depth of another."""
    shape = (*size, like.shape[2])
    return np.full(shape, _GREY, np.uint8) if like.dtype == np.uint8 else np.full(shape, 0.5, np.float32)


def of_one_depth(images: Sequence[ImageArray]) -> list[ImageArray]:
    """Images that can be joined: bytes, or all as float32 in [0, 1] where one of them is so."""
    is_deep = any(image.dtype != np.uint8 for image in images)
    return [as_floats(image) for image in images] if is_deep else list(images)


def fitted(image: ImageArray, letterbox: Letterbox) -> ImageArray:
    """An image at the content size of a letterbox, resized as it requires, see `letterbox_image`."""
    if letterbox.name == "default":
        return resized(image, letterbox.content_size)
    if image.shape[:2] == letterbox.content_size:
        return image
    levels = between_corners(image, letterbox.content_size)
    if image.dtype == np.uint8:
        levels = levels.mul_(255).round_().to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().numpy()


def resized(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """An image at another (height, width), antialiased.

    torch needs a quarter of Pillow's time for the same pixels, to one of 255 levels.
    """
    if image.shape[:2] == size:
        return image
    pixels = torch.from_numpy(np.require(image, requirements=["C_CONTIGUOUS", "WRITEABLE"]))  # torch can share these
    scaled = nn.functional.interpolate(pixels[None].permute(0, 3, 1, 2), size, mode="bilinear", antialias=True)
    return scaled[0].permute(1, 2, 0).contiguous().numpy()


def between_corners(image: ImageArray, size: tuple[int, int]) -> Tensor:
    """An image at another (height, width), bilinear between aligned corners and without antialiasing.

    Only the rows and columns used in the interpolation are gathered, so that a large image costs little.

    Returns:
        (C, height, width) float32 in [0, 1].

    Source:
        Darknet's ``resize_image``, which computes positions in float32 too.
    """
    (height, width), (rows, columns, _) = size, image.shape
    above, below, down = _neighbours(rows, height)
    left, right, across = _neighbours(columns, width)
    needed = np.unique(np.concatenate([above, below]))
    gathered = torch.from_numpy(image[needed])  # (R, columns, C), R at most 2 · height
    gathered = gathered.index_select(1, torch.from_numpy(np.concatenate([left, right])))  # (R, 2 · width, C)
    gathered = gathered.permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format)
    lines = torch.lerp(gathered[..., :width], gathered[..., width:], torch.from_numpy(across))  # (C, R, width)
    upper, lower = (lines[:, torch.from_numpy(np.searchsorted(needed, each))] for each in (above, below))
    values = torch.lerp(upper, lower, torch.from_numpy(down)[:, None])
    return values.div_(255) if image.dtype == np.uint8 else values


def to_tensor(image: ImageArray) -> Tensor:
    """(H, W, C) bytes, or float32 in [0, 1], -> (C, H, W) float32 in [0, 1]."""
    own = np.array(image, order="C")  # torch accepts neither mirrored views nor read-only arrays
    values = torch.from_numpy(own).permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format)
    return values / 255 if image.dtype == np.uint8 else values


def _neighbours(length: int, wanted: int) -> tuple[IntArray, IntArray, npt.NDArray[np.float32]]:
    """The pixels before and after each position along an axis, and the distance from the first."""
    step = np.float32(length - 1) / np.float32(max(1, wanted - 1))
    places = np.arange(wanted, dtype=np.float32) * step
    if wanted > 1:
        places[-1] = length - 1  # exact: rounding could fall short of it
    before = np.minimum(places.astype(np.int64), length - 1)
    return before, np.minimum(before + 1, length - 1), places - before.astype(np.float32)
