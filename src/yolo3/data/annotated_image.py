"""Annotated images in memory, which augmentation changes before they become tensors.

A source loads the image that a `Key` asks for. Sources are built on sources (`Mixup(Augmented(Mosaic(samples), …))`),
and everything random follows from the key alone: the same key gives the same image in any process, in any order.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch

from yolo3.assign.truth import are_fractions
from yolo3.boxes import InputFormat, Letterbox
from yolo3.data.fitting import enough, letterbox_image
from yolo3.data.images import read_image
from yolo3.data.sample import BoolArray, Float32Array, IntArray, Sample
from yolo3.images import MAX_MEGAPIXELS, ImageArray, ImageError, with_channels


@dataclass(frozen=True)
class Key:
    """The image to load: an index of the data set, with everything that random changes depend on."""

    index: int
    image_size: tuple[int, int]
    """(height, width) of the network input."""
    epoch: int = 0
    seed: int = 0

    def random(self, stage: str) -> np.random.Generator:
        """The random generator of one stage of augmentation, different for each stage, image, epoch and seed."""
        return np.random.default_rng((self.seed, self.epoch, self.index, zlib.crc32(stage.encode())))


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """An image and its objects; N may be 0."""

    image: ImageArray
    """(H, W, C) uint8, or float32 in [0, 1] for images of more than 8 bits; three channels are RGB."""
    boxes: Float32Array
    """(N, 4) xyxy, pixels of this image."""
    labels: IntArray
    """(N,) class numbers."""
    weights: Float32Array
    """(N,) weight of each object in the loss; 1 except after mixup."""
    files: tuple[Path, ...] = ()
    """Files that the image was made from; empty if it did not come from files."""

    def __post_init__(self) -> None:
        """Convert lists to arrays, and other number types to those above.

        Raises:
            ValueError: An image that is not (H, W, C) uint8 or float32; fields of another shape or different
                lengths.
        """
        is_array = isinstance(self.image, np.ndarray) and self.image.ndim == 3 and self.image.shape[2] > 0
        if not is_array or self.image.dtype not in (np.uint8, np.float32):
            raise ValueError(
                "the pixels of an AnnotatedImage are an (H, W, C) array of uint8, or of float32 in [0, 1], not "
                f"{_kind(self.image)}"
            )
        numbers = len(self.boxes)
        for name, dtype, shape in (
            ("boxes", np.float32, (numbers, 4)),
            ("labels", np.int64, (numbers,)),
            ("weights", np.float32, (numbers,)),
        ):
            given = np.asarray(getattr(self, name))
            values = given.reshape(shape) if given.size == 0 and numbers == 0 else given
            if values.shape != shape or values.dtype.kind not in "biuf":
                raise ValueError(
                    f"the {name} of an AnnotatedImage are a {shape} {dtype.__name__} array, not {_kind(given)}"
                )
            if name == "labels" and values.dtype.kind == "f" and (values != values.round()).any():
                raise ValueError(f"the labels of an AnnotatedImage are class numbers, not {values.tolist()!s:.80}")
            object.__setattr__(self, name, values.astype(dtype, copy=False))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.image.shape[0], self.image.shape[1]

    def moved(self, image: ImageArray, boxes: Float32Array, kept: BoolArray) -> "AnnotatedImage":
        """Another image with the kept objects; ``boxes`` has the boxes of all objects."""
        return AnnotatedImage(image, boxes[kept], self.labels[kept], self.weights[kept], self.files)


@runtime_checkable
class ImageSource(Protocol):
    """Loads annotated images, none larger than the key's image size."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def load(self, key: Key) -> AnnotatedImage:
        """Load the image that a key asks for."""
        ...


ImageSourceLike: TypeAlias = ImageSource | Sequence[Sample] | Sequence[AnnotatedImage]
"""Input of data sets and augmentations: a source, samples on disk, or images in memory."""


@dataclass(frozen=True)
class ImageReader:
    """The images of samples, each resized to fit the network input. The bars are added later, by `letterboxed`.

    Crowds are left out: a box around many objects is not an object to learn.
    """

    samples: Sequence[Sample] | Sequence[AnnotatedImage]
    """Images on disk or in memory."""
    input_format: InputFormat = InputFormat()
    """Letterbox and channels of the network input; its size is that of the key."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Largest image, in 10⁶ pixels."""

    def __len__(self) -> int:
        return len(self.samples)

    def load(self, key: Key) -> AnnotatedImage:
        """Read an image.

        Raises:
            DataError: A file that is missing or damaged, or whose size differs from its annotation.
            ValueError: An image in memory whose boxes are fractions of its size, or of other channels.
        """
        item = self.samples[key.index]
        letterbox = self.input_format.at(key.image_size).fit(item.size)
        content = replace(letterbox, network_size=letterbox.content_size)
        if isinstance(item, AnnotatedImage):
            if not item.files and are_fractions(torch.from_numpy(item.boxes)):  # given by the user
                raise ValueError(f"image {key.index} has boxes in fractions of its size; give xyxy in pixels")
            return _fitted(self._with_channels(item, key.index), content)
        channels = self.input_format.channels
        image = read_image(item.image, enough(letterbox), item.size, self.max_megapixels, channels)
        single = ~item.crowd
        weights = np.ones(int(single.sum()), dtype=np.float32)
        return _fitted(AnnotatedImage(image, item.boxes[single], item.labels[single], weights, (item.image,)), content)

    def _with_channels(self, item: AnnotatedImage, index: int) -> AnnotatedImage:
        """An image in memory with the channels that the network takes."""
        try:
            return replace(item, image=with_channels(item.image, self.input_format.channels))
        except ImageError as error:
            name = item.files[0] if item.files else f"image {index}"
            raise ValueError(f"{name}: {error}") from error


def as_source(images: ImageSourceLike, input_format: InputFormat = InputFormat()) -> ImageSource:
    """The source itself, or a reader of samples or images for a network input."""
    return images if isinstance(images, ImageSource) else ImageReader(images, input_format)


def letterboxed(annotated: AnnotatedImage, image_size: tuple[int, int]) -> AnnotatedImage:
    """Pad an image with grey bars to a size of (height, width)."""
    if annotated.size == image_size:
        return annotated
    return _fitted(annotated, Letterbox(annotated.size, annotated.size, image_size))


def cut_boxes(
    boxes: Float32Array, frame: tuple[float, float, float, float], least_share: float = 0.0
) -> tuple[Float32Array, BoolArray]:
    """Clip boxes to a frame.

    Args:
        boxes: (N, 4) xyxy.
        frame: (left, top, right, bottom), in the same unit.
        least_share: Minimum share of its area that a box must keep. It must also keep a pixel in width and height.

    Returns:
        (N, 4) clipped boxes, and (N,) whether each is kept.
    """
    left, top, right, bottom = frame
    low, high = np.array([left, top, left, top], np.float32), np.array([right, bottom, right, bottom], np.float32)
    cut = boxes.clip(low, high)
    size = cut[:, 2:] - cut[:, :2]
    whole = boxes[:, 2:] - boxes[:, :2]
    return cut, (size >= 1).all(1) & (size.prod(1) >= least_share * whole.prod(1))


def _kind(value: object) -> str:
    """Description of a value, for messages."""
    return f"{value.shape} of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _fitted(annotated: AnnotatedImage, letterbox: Letterbox) -> AnnotatedImage:
    boxes = letterbox.apply(torch.from_numpy(annotated.boxes)).numpy()
    return replace(annotated, image=letterbox_image(annotated.image, letterbox), boxes=boxes)
