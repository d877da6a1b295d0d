"""Ready-made augmentations of single images with albumentations. Any other pipeline can be passed instead.

Import this module by name, ``from yolo3.data.transforms import standard``: nothing else loads albumentations.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import numpy as np

from yolo3.boxes import InputFormat
from yolo3.choices import Augmentation
from yolo3.data.annotated_image import ImageSource, ImageSourceLike, as_source
from yolo3.data.dataset import Augmented
from yolo3.data.mosaic import Mixup, Mosaic
from yolo3.images import ImageArray
from yolo3.system.extras import not_installed

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # otherwise it looks for a new version online
try:
    import albumentations as A
    import cv2
except ModuleNotFoundError as error:
    raise not_installed("augmentation needs", str(error.name), "train") from error

cv2.setNumThreads(0)  # workers run in parallel already; OpenCV's threads would compete for the same cores

LEAST_SHARE = 0.25
"""Minimum share of its area that a clipped box must keep; with less, the object is not recognisable."""

_DEEP_GREY = 0.5  # the same, of images of more than 8 bits
_GREY = 128  # value of the letterbox bars
_LEFT_OUT = {
    "standard": "changes of saturation and hue",
    "overhead": "changes of saturation and hue",
    "strong": "changes of saturation and hue, grey, and JPEG artefacts",
}
"""Steps of each augmentation that need red, green and blue."""


def augment(
    samples: ImageSourceLike,
    augmentation: Augmentation = "standard",
    *,
    mosaic: float = 1.0,
    mosaic_epochs: int | None = None,
    mixup: float = 0.0,
    input_format: InputFormat = InputFormat(),
) -> ImageSource:
    """All augmentation of training images, in order: mosaic, transform, mixup.

    Args:
        samples: Training samples, or another source.
        augmentation: Transform: `light`, `standard`, `strong`, `overhead` or none.
        mosaic: Probability of a `Mosaic`.
        mosaic_epochs: Number of first epochs with mosaics. Default: all.
        mixup: Probability of a `Mixup`.
        input_format: Letterbox and channels of the network input. Where there are not 3 channels, steps that need red,
            green and blue are left out, see `left_out`.
    """
    source = as_source(samples, input_format)
    if mosaic > 0:
        source = Mosaic(source, mosaic, epochs=mosaic_epochs)
    if augmentation != "none":
        builders = {"light": light, "standard": standard, "strong": strong, "overhead": overhead}
        source = Augmented(source, ByDepth.of(builders[augmentation], input_format.channels))
    return Mixup(source, mixup) if mixup > 0 else source


def left_out(augmentation: Augmentation, channels: int) -> str:
    """The steps of an augmentation that images of so many channels do not have, in words; empty if it has all."""
    return "" if channels == 3 else _LEFT_OUT.get(augmentation, "")


class Builder(Protocol):
    """Makes an augmentation for images of a number of channels, whose grey is a number."""

    def __call__(self, channels: int = 3, grey: float = _GREY) -> A.Compose:
        """Build the augmentation."""
        ...


@dataclass(frozen=True)
class ByDepth:
    """An augmentation for bytes and for images of more than 8 bits, whose new borders are grey in both."""

    shallow: A.Compose
    """Transform of bytes."""
    deep: A.Compose
    """Transform of float32 in [0, 1]."""

    @classmethod
    def of(cls, build: Builder, channels: int) -> "ByDepth":
        """Build both."""
        return cls(build(channels), build(channels, _DEEP_GREY))

    def __call__(self, *, image: ImageArray, **objects: Any) -> Mapping[str, Any]:
        """Transform an image and its objects."""
        chosen = self.shallow if image.dtype == np.uint8 else self.deep
        found: Mapping[str, Any] = chosen(image=image, **objects)
        return found

    def set_random_state(self, random_generator: np.random.Generator, py_random: Random) -> None:
        """Seed both."""
        for transform in (self.shallow, self.deep):
            transform.set_random_state(random_generator, py_random)


def light(channels: int = 3, grey: float = _GREY) -> A.Compose:
    """Horizontal flip, and slight changes of brightness and contrast; for large data sets."""
    return pipeline([A.HorizontalFlip(), A.RandomBrightnessContrast(0.1, 0.1, p=0.5)])


def standard(channels: int = 3, grey: float = _GREY) -> A.Compose:
    """Horizontal flip, scale by 3/4 to 4/3, shift by up to a tenth, and changes of brightness, saturation and hue.

    Colours are changed by factors, so that grey stays grey. The factors are those of Darknet's ``yolov3.cfg``
    (``hue=.1, saturation=1.5, exposure=1.5``), with less hue and brightness. Saturation and hue are for images of three
    channels only.

    Args:
        channels: Number of channels of the images.
        grey: Value of pixels beyond the border: 128 for bytes, 0.5 for floats.
    """
    return pipeline([A.HorizontalFlip(), *_standard(channels, grey)])


def overhead(channels: int = 3, grey: float = _GREY) -> A.Compose:
    """`standard` with a vertical flip; for images without an upright direction, as from microscopes and satellites."""
    return pipeline([A.HorizontalFlip(), A.VerticalFlip(), *_standard(channels, grey)])


def strong(channels: int = 3, grey: float = _GREY) -> A.Compose:
    """`standard` with wider ranges, slight rotation and shear, and occasional blur, noise, grey or JPEG artefacts.

    The last two are for images of three channels only.
    """
    in_colour = [A.ToGray(), A.ImageCompression(quality_range=(40, 90))] if channels == 3 else []
    return pipeline(
        [
            A.HorizontalFlip(),
            A.Affine(
                scale=(0.6, 1.5),
                translate_percent=(-0.15, 0.15),
                rotate=(-5, 5),
                shear=(-3, 3),
                keep_ratio=True,
                fill=_fill(channels, grey),
                p=1,
            ),
            *_colours(channels, brightness=(0.5, 1.5), contrast=(0.75, 1.25), saturation=(0.5, 2), hue=(-0.1, 0.1)),
            A.OneOf(
                [
                    A.GaussianBlur(sigma_limit=(0.5, 1.5)),
                    A.GaussNoise(std_range=(0.02, 0.08)),
                    *in_colour,
                ],
                p=0.2,
            ),
        ]
    )


def _standard(channels: int, grey: float) -> list[A.BasicTransform]:
    """Scale, shift and colour of `standard`."""
    return [
        A.Affine(scale=(0.75, 1.33), translate_percent=(-0.1, 0.1), keep_ratio=True, fill=_fill(channels, grey), p=1),
        *_colours(channels, brightness=(0.7, 1.3), contrast=(1, 1), saturation=(0.67, 1.5), hue=(-0.05, 0.05)),
    ]


def _colours(
    channels: int,
    brightness: tuple[float, float],
    contrast: tuple[float, float],
    saturation: tuple[float, float],
    hue: tuple[float, float],
) -> list[A.BasicTransform]:
    """Changes of colour; of other images than RGB, brightness and contrast alone, of all channels together."""
    if channels == 3:
        return [A.ColorJitter(brightness=brightness, contrast=contrast, saturation=saturation, hue=hue, p=1)]
    steps: list[A.BasicTransform] = [A.MultiplicativeNoise(multiplier=brightness, p=1)]
    if contrast != (1, 1):
        limits = (contrast[0] - 1, contrast[1] - 1)
        steps.append(A.RandomBrightnessContrast(brightness_limit=(0, 0), contrast_limit=limits, p=1))
    return steps


def _fill(channels: int, grey: float) -> tuple[float, ...] | float:
    return (grey, grey, grey) if channels == 3 else grey


def pipeline(transforms: list[A.BasicTransform]) -> A.Compose:
    """Transforms with boxes, which are clipped to the image, and dropped if less than `LEAST_SHARE` is left."""
    boxes = A.BboxParams(
        "pascal_voc", label_fields=["labels"], min_visibility=LEAST_SHARE, min_width=1, min_height=1, clip=True
    )
    return A.Compose(transforms, bbox_params=boxes)
