"""Pictures in memory: what augmentation turns into other pictures before they become tensors.

A source makes the picture that a `Key` asks for. Sources stand on sources (`Mixup(Augmented(Mosaic(samples), …))`), and
everything random in one follows from the key alone: the same key gives the same picture in any process, in any order.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch

from yolo3.assign.truth import are_fractions
from yolo3.boxes import Letterbox
from yolo3.choices import Fit
from yolo3.data.fitting import enough, letterbox_image
from yolo3.data.images import read_image
from yolo3.data.sample import BoolArray, FloatArray, IntArray, Sample
from yolo3.images import MAX_MEGAPIXELS, ImageArray


@dataclass(frozen=True)
class Key:
    """Which picture is wanted: a picture of the data set, as one visit of one epoch shows it."""

    index: int
    image_size: tuple[int, int]
    """(height, width) of the network input."""
    epoch: int = 0
    seed: int = 0

    def random(self, stage: str) -> np.random.Generator:
        """The dice of one stage of augmentation; other stages, pictures, epochs and seeds have others."""
        return np.random.default_rng((self.seed, self.epoch, self.index, zlib.crc32(stage.encode())))


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and the objects in it; N may be 0."""

    image: ImageArray
    """(H, W, 3) RGB."""
    boxes: FloatArray
    """(N, 4) xyxy, pixels of this picture."""
    labels: IntArray
    """(N,) class numbers."""
    weights: FloatArray
    """(N,) how much each object counts; 1 but for mixup."""
    files: tuple[Path, ...] = ()
    """What it was made of; empty where a picture did not come from a file."""

    def __post_init__(self) -> None:
        """Take lists for arrays, and other types of numbers for those above.

        Raises:
            ValueError: an image that is not (H, W, 3) uint8, or fields of another shape or of different lengths.
        """
        if not isinstance(self.image, np.ndarray) or self.image.dtype != np.uint8 or self.image.shape[2:] != (3,):
            raise ValueError(f"the image of a Picture is an array (H, W, 3) of uint8 RGB, not {_kind(self.image)}")
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
                    f"the {name} of a Picture are an array {shape} of {dtype.__name__}, not {_kind(given)}"
                )
            if name == "labels" and values.dtype.kind == "f" and (values != values.round()).any():
                raise ValueError(f"the labels of a Picture are class numbers, not {values.tolist()!s:.80}")
            object.__setattr__(self, name, values.astype(dtype, copy=False))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.image.shape[0], self.image.shape[1]

    def moved(self, image: ImageArray, boxes: FloatArray, kept: BoolArray) -> "Picture":
        """Another picture of the same objects, or those of them that are kept; ``boxes`` are still all."""
        return Picture(image, boxes[kept], self.labels[kept], self.weights[kept], self.files)


@runtime_checkable
class PictureSource(Protocol):
    """Makes pictures, none larger than the key's image size."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def picture(self, key: Key) -> Picture:
        """The picture that a key asks for."""
        ...


Pictures: TypeAlias = PictureSource | Sequence[Sample] | Sequence[Picture]
"""What data sets and augmentations stand on: a source, samples on disk, or pictures in memory."""


@dataclass(frozen=True)
class PictureReader:
    """The pictures of samples, each resized to fit the network input; the bars come later, with `letterboxed`.

    Crowds are left out: a box around many objects is no object to learn.
    """

    samples: Sequence[Sample] | Sequence[Picture]
    """Images on disk or in memory."""
    fit: Fit = "default"
    """How an image is fitted, see `Letterbox.fit`."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Largest image, in 10⁶ pixels."""

    def __len__(self) -> int:
        return len(self.samples)

    def picture(self, key: Key) -> Picture:
        """Read a picture.

        Raises:
            DataError: a file that is missing, damaged, or of another size than its annotation says.
            ValueError: a picture in memory whose boxes are fractions of it.
        """
        item = self.samples[key.index]
        letterbox = Letterbox.fit(item.size, key.image_size, self.fit)
        content = replace(letterbox, network_size=letterbox.content_size)
        if isinstance(item, Picture):
            if not item.files and are_fractions(torch.from_numpy(item.boxes)):  # given by hand
                raise ValueError(f"picture {key.index} has boxes in fractions of itself; give xyxy in its pixels")
            return _fitted(item, content)
        image = read_image(item.image, enough(letterbox), item.size, self.max_megapixels)
        single = ~item.crowd
        weights = np.ones(int(single.sum()), dtype=np.float32)
        return _fitted(Picture(image, item.boxes[single], item.labels[single], weights, (item.image,)), content)


def as_source(pictures: Pictures, fit: Fit = "default") -> PictureSource:
    """The source itself, or a reader of the samples."""
    return pictures if isinstance(pictures, PictureSource) else PictureReader(pictures, fit)


def letterboxed(picture: Picture, image_size: tuple[int, int]) -> Picture:
    """Put grey bars around a picture, so that it has a size of (height, width)."""
    if picture.size == image_size:
        return picture
    return _fitted(picture, Letterbox(picture.size, picture.size, image_size))


def cut_boxes(
    boxes: FloatArray, frame: tuple[float, float, float, float], least_share: float = 0.0
) -> tuple[FloatArray, BoolArray]:
    """Cut boxes at a frame.

    Args:
        boxes: (N, 4) xyxy.
        frame: left, top, right, bottom, in the same unit.
        least_share: a box is kept when at least this share of its area is left, and at least a pixel each way.

    Returns:
        (N, 4) what is left of each box, and (N,) whether it is kept.
    """
    left, top, right, bottom = frame
    low, high = np.array([left, top, left, top], np.float32), np.array([right, bottom, right, bottom], np.float32)
    cut = boxes.clip(low, high)
    size, whole = cut[:, 2:] - cut[:, :2], boxes[:, 2:] - boxes[:, :2]
    return cut, (size >= 1).all(1) & (size.prod(1) >= least_share * whole.prod(1))


def _kind(value: object) -> str:
    """What something is, in words."""
    return f"{value.shape} of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _fitted(picture: Picture, letterbox: Letterbox) -> Picture:
    boxes = letterbox.apply(torch.from_numpy(picture.boxes)).numpy()
    return replace(picture, image=letterbox_image(picture.image, letterbox), boxes=boxes)
