"""Letterbox: how an image's pixels map to the network's, and back. Geometry only; pixels are moved in ``data``."""

from dataclasses import dataclass

from torch import Tensor

from yolo3.boxes.convert import clip_boxes
from yolo3.choices import Fit, listed


@dataclass(frozen=True)
class Letterbox:
    """A resize of an image to fit the network input, and the bars that fill the rest.

    Args:
        image_size: (height, width) of the image in pixels.
        content_size: (height, width) that the image has inside the network input.
        network_size: (height, width) of the network input.
        kind: as in `fit`.
    """

    image_size: tuple[int, int]
    content_size: tuple[int, int]
    network_size: tuple[int, int]
    kind: Fit = "default"

    @classmethod
    def fit(cls, image_size: tuple[int, int], network_size: tuple[int, int], fit: Fit = "default") -> "Letterbox":
        """The letterbox of an image.

        Args:
            image_size: (height, width) of the image.
            network_size: (height, width) of the network input.
            fit: ``default`` keeps proportions and rounds to the nearest pixel, ``darknet`` keeps them and truncates as
                Darknet does, ``stretch`` fills the whole input.

        Raises:
            ValueError: a size that is not positive, an unknown fit.

        Source:
            Darknet's ``letterbox_image`` and ``correct_yolo_boxes``.
        """
        (height, width), (network_height, network_width) = image_size, network_size
        if min(*image_size, *network_size) < 1:
            raise ValueError(f"sizes must be at least one pixel: image {image_size}, network {network_size}")
        if fit == "stretch":
            return cls(image_size, network_size, network_size, fit)
        if fit not in ("default", "darknet"):
            raise ValueError(f"unknown letterbox {fit!r}; choose {listed(Fit)}")
        scaled = round if fit == "default" else int
        if network_width * height < network_height * width:  # the width binds
            content = (max(1, scaled(height * network_width / width)), network_width)
        else:
            content = (network_height, max(1, scaled(width * network_height / height)))
        return cls(image_size, content, network_size, fit)

    @property
    def offset(self) -> tuple[int, int]:
        """(top, left) of the image inside the network input, pixels."""
        return (
            (self.network_size[0] - self.content_size[0]) // 2,
            (self.network_size[1] - self.content_size[1]) // 2,
        )

    @property
    def scale(self) -> tuple[float, float]:
        """(vertical, horizontal) network pixels an image pixel."""
        return self.content_size[0] / self.image_size[0], self.content_size[1] / self.image_size[1]

    @property
    def origin(self) -> tuple[float, float]:
        """(top, left) that boxes are measured from, network pixels: the offset, but for Darknet's.

        Of two bars that differ by a pixel Darknet makes the first one the smaller, yet takes boxes back as if both were
        equal. Its letterbox here does the same, so that its boxes are the program's.
        """
        if self.kind != "darknet":
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
        """(..., 4) xyxy in pixels of the network input -> in pixels of the image, cut at its edges."""
        (down, right), (top, left) = self.scale, self.origin
        restored = (boxes - boxes.new_tensor([left, top, left, top])) / boxes.new_tensor([right, down, right, down])
        return clip_boxes(restored, *self.image_size)
