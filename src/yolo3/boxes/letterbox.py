"""Letterbox: the mapping between image pixels and network pixels. Geometry only; images are resized in ``data``."""

from dataclasses import dataclass, replace
from typing import get_args

from torch import Tensor

from yolo3.boxes.convert import clip_boxes
from yolo3.choices import LetterboxName, listed


@dataclass(frozen=True)
class Letterbox:
    """The resizing of an image to fit the network input, with bars that fill the rest.

    Args:
        image_size: (height, width) of the image, pixels.
        content_size: (height, width) of the resized image inside the network input.
        network_size: (height, width) of the network input.
        name: Name of the letterbox, see `fit`.
    """

    image_size: tuple[int, int]
    content_size: tuple[int, int]
    network_size: tuple[int, int]
    name: LetterboxName = "default"

    @classmethod
    def fit(
        cls, image_size: tuple[int, int], network_size: tuple[int, int], letterbox: LetterboxName = "default"
    ) -> "Letterbox":
        """The letterbox of an image.

        Args:
            image_size: (height, width) of the image.
            network_size: (height, width) of the network input.
            letterbox: Name of the letterbox. ``default`` keeps the aspect ratio and rounds to the nearest pixel,
                ``darknet`` keeps it and truncates as Darknet does, ``stretch`` fills the whole input.

        Raises:
            ValueError: A size that is not positive; an unknown letterbox.

        Source:
            Darknet's ``letterbox_image`` and ``correct_yolo_boxes``.
        """
        (height, width), (network_height, network_width) = image_size, network_size
        if min(*image_size, *network_size) < 1:
            raise ValueError(f"sizes must be at least one pixel: image {image_size}, network {network_size}")
        if letterbox not in get_args(LetterboxName):
            raise ValueError(f"unknown letterbox {letterbox!r}; choose {listed(LetterboxName)}")
        if letterbox == "stretch":
            return cls(image_size, network_size, network_size, letterbox)
        scaled = round if letterbox == "default" else int
        if network_width * height < network_height * width:  # the width binds
            content = (max(1, scaled(height * network_width / width)), network_width)
        else:
            content = (network_height, max(1, scaled(width * network_height / height)))
        return cls(image_size, content, network_size, letterbox)

    @property
    def offset(self) -> tuple[int, int]:
        """(top, left) of the image inside the network input, pixels."""
        return (
            (self.network_size[0] - self.content_size[0]) // 2,
            (self.network_size[1] - self.content_size[1]) // 2,
        )

    @property
    def scale(self) -> tuple[float, float]:
        """(vertical, horizontal) network pixels per image pixel."""
        return self.content_size[0] / self.image_size[0], self.content_size[1] / self.image_size[1]

    @property
    def origin(self) -> tuple[float, float]:
        """(top, left) of the origin of boxes, in network pixels. It is the offset, except for ``darknet``.

        If two bars differ by a pixel, Darknet makes the first one smaller, but maps boxes back as if both were equal.
        The ``darknet`` letterbox does the same, so that its boxes equal the program's.
        """
        if self.name != "darknet":
            return self.offset
        return (
            (self.network_size[0] - self.content_size[0]) / 2,
            (self.network_size[1] - self.content_size[1]) / 2,
        )

    def apply(self, boxes: Tensor) -> Tensor:
        """(..., 4) xyxy in pixels of the image -> the same boxes in pixels of the network input."""
        (down, right), (top, left) = self.scale, self.origin
        return boxes * boxes.new_tensor([right, down, right, down]) + boxes.new_tensor([left, top, left, top])

    def invert(self, boxes: Tensor) -> Tensor:
        """(..., 4) xyxy in pixels of the network input -> in pixels of the image, clipped to it."""
        (down, right), (top, left) = self.scale, self.origin
        restored = (boxes - boxes.new_tensor([left, top, left, top])) / boxes.new_tensor([right, down, right, down])
        return clip_boxes(restored, *self.image_size)


@dataclass(frozen=True)
class InputFormat:
    """The form in which a network takes images: all that decides which pixels it sees of one.

    Args:
        size: (height, width) of the network input, pixels.
        letterbox: Name of the letterbox, see `Letterbox.fit`.
        channels: Number of channels of the images, see `yolo3.images.with_channels`.

    Raises:
        ValueError: A size that is not positive; an unknown letterbox; no channels.
    """

    size: tuple[int, int] = (416, 416)
    letterbox: LetterboxName = "default"
    channels: int = 3

    def __post_init__(self) -> None:
        self.fit((1, 1))  # complain of a wrong one now, not at the first image
        if self.channels < 1:
            raise ValueError(f"channels is {self.channels}; an image has at least 1")

    def fit(self, image_size: tuple[int, int]) -> Letterbox:
        """The letterbox of an image of a (height, width)."""
        return Letterbox.fit(image_size, self.size, self.letterbox)

    def at(self, size: tuple[int, int]) -> "InputFormat":
        """The same for a network input of another (height, width)."""
        return self if size == self.size else replace(self, size=size)
