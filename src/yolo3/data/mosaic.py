"""Mosaic and mixup: several images made into one."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from yolo3.data.annotated_image import AnnotatedImage, ImageSourceLike, Key, as_source, cut_boxes, letterboxed
from yolo3.data.fitting import resized

_GREY = 128  # the bars of the letterbox


@dataclass(frozen=True)
class Mosaic:
    """Four images around a point of one canvas, each a window of itself at a scale of its own.

    Args:
        images: samples, or another source.
        probability: that an image becomes a mosaic; otherwise it stays alone.
        scales: (least, most) that an image keeps of the size it would have alone; more than drawn, up to the most,
            where its field would not be filled.
        least_share: a box that a window leaves less than this share of its area is dropped.
        epochs: how many begin with mosaics; the rest see images as they are, which a detector meets in the end. None
            is all.

    Raises:
        ValueError: a probability or share outside [0, 1], scales that are not above 0 or out of order.

    Source:
        YOLOv4, arXiv 2004.10934 §3.3; ending it early: YOLOX, arXiv 2107.08430 §2.1.
    """

    images: ImageSourceLike
    probability: float = 1.0
    scales: tuple[float, float] = (0.5, 1.0)
    least_share: float = 0.25
    epochs: int | None = None

    def __post_init__(self) -> None:
        _check_fraction("probability", self.probability)
        _check_fraction("least_share", self.least_share)
        if not 0 < self.scales[0] <= self.scales[1]:
            raise ValueError(f"scales is {self.scales}; give (least, most), both above 0")

    def __len__(self) -> int:
        return len(self.images)

    def load(self, key: Key) -> AnnotatedImage:
        """A mosaic with the key's image at the top left, or that image alone."""
        source, rng = as_source(self.images), key.random("mosaic")
        over = self.epochs is not None and key.epoch >= self.epochs
        if over or rng.random() >= self.probability:
            return source.load(key)
        height, width = key.image_size
        row, column = (int(edge * rng.uniform(0.3, 0.7)) for edge in key.image_size)
        fields = [(0, 0, column, row), (column, 0, width, row), (0, row, column, height), (column, row, width, height)]
        canvas = np.full((height, width, 3), _GREY, dtype=np.uint8)
        parts = []
        for number, field in enumerate(fields):
            index = key.index if number == 0 else int(rng.integers(len(source)))
            whole = source.load(replace(key, index=index))
            part, place = _window(whole, field, (column, row), self.scales, rng, self.least_share)
            canvas[place] = part.image
            parts.append(part)
        return AnnotatedImage(
            image=canvas,
            boxes=np.concatenate([part.boxes for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            weights=np.concatenate([part.weights for part in parts]),
            files=tuple(file for part in parts for file in part.files),
        )


@dataclass(frozen=True)
class Mixup:
    """Two images laid over each other; each object counts as much as its image shows through.

    Dense targets have no room for weights: it is for losses that assign from a `GroundTruth`. It goes over transforms:
    ``Mixup(Augmented(Mosaic(samples), standard()))``.

    Args:
        images: samples, or another source.
        probability: that an image is mixed; otherwise it stays alone.
        alpha: of the beta distribution that the share is drawn from; larger is nearer to half and half.

    Raises:
        ValueError: a probability outside [0, 1], an alpha that is not positive.

    Source:
        mixup, arXiv 1710.09412 eq. 1; for detectors, with alpha 1.5: arXiv 1902.04103 §3.1.
    """

    images: ImageSourceLike
    probability: float = 0.5
    alpha: float = 1.5

    def __post_init__(self) -> None:
        _check_fraction("probability", self.probability)
        if self.alpha <= 0:
            raise ValueError(f"alpha is {self.alpha}; give a number above 0")

    def __len__(self) -> int:
        return len(self.images)

    def load(self, key: Key) -> AnnotatedImage:
        """The key's image with another over it, or alone."""
        source, rng = as_source(self.images), key.random("mixup")
        one = source.load(key)
        if rng.random() >= self.probability:
            return one
        one = letterboxed(one, key.image_size)
        other = letterboxed(source.load(replace(key, index=int(rng.integers(len(source))))), key.image_size)
        share = float(rng.beta(self.alpha, self.alpha))
        return AnnotatedImage(
            image=np.array(Image.blend(Image.fromarray(other.image), Image.fromarray(one.image), share)),
            boxes=np.concatenate([one.boxes, other.boxes]),
            labels=np.concatenate([one.labels, other.labels]),
            weights=np.concatenate([one.weights * share, other.weights * (1 - share)]).astype(np.float32),
            files=one.files + other.files,
        )


def _window(
    whole: AnnotatedImage,
    field: tuple[int, int, int, int],
    point: tuple[int, int],
    scales: tuple[float, float],
    rng: np.random.Generator,
    least_share: float,
) -> tuple[AnnotatedImage, tuple[slice, slice]]:
    """Choose a window of an image for a field of the canvas, and say where on the canvas it lies.

    Args:
        whole: the image.
        field: left, top, right, bottom on the canvas.
        point: (x, y) where the fields meet; an image too small for its field lies against it.
        scales: the least and the most canvas pixels an image pixel.
        rng: Random generator of the scale and of the window's place in the image.
        least_share: see `cut_boxes`.
    """
    size = np.array(whole.size[::-1])  # x, y from here on
    low, high = np.array(field[:2]), np.array(field[2:])
    scale = max(rng.uniform(*scales), min(float(((high - low) / size).max()), scales[1]))
    shown = np.minimum(high - low, np.maximum(1, np.rint(size * scale))).astype(int)  # on the canvas
    window = np.minimum(size, np.maximum(1, np.rint(shown / scale))).astype(int)  # in the image
    corner = rng.integers(0, size - window, endpoint=True)
    ratio = shown / window  # the scale, but for rounding to whole pixels
    start = np.where(low == np.array(point), low, high - shown)
    boxes = ((whole.boxes.reshape(-1, 2, 2) - corner) * ratio + start).reshape(-1, 4).astype(np.float32)
    end = start + shown
    boxes, kept = cut_boxes(boxes, (*start.tolist(), *end.tolist()), least_share)
    (left, top), (right, bottom) = corner, corner + window
    image = resized(whole.image[top:bottom, left:right], (int(shown[1]), int(shown[0])))
    return whole.moved(image, boxes, kept), (slice(start[1], end[1]), slice(start[0], end[0]))


def _check_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; it must lie in [0, 1]")
