"""Mosaic and mixup: several images combined into one."""

from dataclasses import dataclass, replace

import numpy as np

from yolo3.data.annotated_image import AnnotatedImage, ImageSourceLike, Key, as_source, cut_boxes, letterboxed
from yolo3.data.fitting import grey_canvas, of_one_depth, resized
from yolo3.images import ImageArray


@dataclass(frozen=True)
class Mosaic:
    """Four images around a point of one canvas, each cropped and scaled on its own.

    Args:
        images: Samples, or another source.
        probability: Probability that an image becomes a mosaic; otherwise it stays alone.
        scales: (least, most) scale of an image relative to its size when alone. Where a drawn scale would not fill the
            field, a larger one is used, up to the most.
        least_share: Minimum share of its area that a box must keep; otherwise it is dropped.
        epochs: Number of first epochs with mosaics; later epochs use plain images, as the detector sees them in use.
            Default: all epochs.

    Raises:
        ValueError: A probability or share outside [0, 1]; scales that are not above 0 or out of order.

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
        """Load a mosaic with the key's image at the top left, or that image alone."""
        source = as_source(self.images)
        rng = key.random("mosaic")
        over = self.epochs is not None and key.epoch >= self.epochs
        if over or rng.random() >= self.probability:
            return source.load(key)
        height, width = key.image_size
        # the fields meet in the middle 40 % of the canvas, so that each shows a good part of its image
        row, column = (int(edge * rng.uniform(0.3, 0.7)) for edge in key.image_size)
        fields = [(0, 0, column, row), (column, 0, width, row), (0, row, column, height), (column, row, width, height)]
        parts = []
        places = []
        for number, field in enumerate(fields):
            index = key.index if number == 0 else int(rng.integers(len(source)))
            whole = source.load(replace(key, index=index))
            part, place = _window(whole, field, (column, row), self.scales, rng, self.least_share)
            parts.append(part)
            places.append(place)
        images = of_one_depth([part.image for part in parts])
        canvas = grey_canvas((height, width), images[0])
        for image, place in zip(images, places, strict=True):
            canvas[place] = image
        return AnnotatedImage(
            image=canvas,
            boxes=np.concatenate([part.boxes for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            weights=np.concatenate([part.weights for part in parts]),
            files=tuple(file for part in parts for file in part.files),
        )


@dataclass(frozen=True)
class Mixup:
    """Two blended images; the weight of an object is the share of its image.

    Dense targets have a place for weights only with ``TargetEncoder(weights=True)``. Mixup is applied after transforms:
    ``Mixup(Augmented(Mosaic(samples), standard()))``.

    Args:
        images: Samples, or another source.
        probability: Probability that an image is blended; otherwise it stays alone.
        alpha: Both parameters of the beta distribution of the share; larger values are closer to half and half.

    Raises:
        ValueError: A probability outside [0, 1]; an alpha that is not positive.

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
        """Load the key's image blended with another, or alone."""
        source = as_source(self.images)
        rng = key.random("mixup")
        one = source.load(key)
        if rng.random() >= self.probability:
            return one
        one = letterboxed(one, key.image_size)
        other = letterboxed(source.load(replace(key, index=int(rng.integers(len(source))))), key.image_size)
        share = float(rng.beta(self.alpha, self.alpha))
        return AnnotatedImage(
            image=_blended(other.image, one.image, share),
            boxes=np.concatenate([one.boxes, other.boxes]),
            labels=np.concatenate([one.labels, other.labels]),
            weights=np.concatenate([one.weights * share, other.weights * (1 - share)]).astype(np.float32),
            files=one.files + other.files,
        )


def _blended(first: ImageArray, second: ImageArray, share: float) -> ImageArray:
    """Two images laid over each other; the share is that of the second. Bytes are rounded down, as Pillow does."""
    first, second = of_one_depth([first, second])
    mixed = first.astype(np.float32)
    mixed += np.float32(share) * (second.astype(np.float32) - mixed)
    return mixed.astype(first.dtype)


def _window(
    whole: AnnotatedImage,
    field: tuple[int, int, int, int],
    point: tuple[int, int],
    scales: tuple[float, float],
    rng: np.random.Generator,
    least_share: float,
) -> tuple[AnnotatedImage, tuple[slice, slice]]:
    """Choose a window of an image for a field of the canvas, with its place on the canvas.

    Args:
        whole: Full image.
        field: (left, top, right, bottom) on the canvas.
        point: (x, y) at which the fields meet. An image too small for its field is placed against it.
        scales: (least, most) canvas pixels per image pixel.
        rng: Random generator of the scale and of the window's place in the image.
        least_share: Minimum share of its area that a box must keep, see `cut_boxes`.
    """
    size = np.array(whole.size[::-1])  # x, y from here on
    low, high = np.array(field[:2]), np.array(field[2:])
    scale = max(rng.uniform(*scales), min(float(((high - low) / size).max()), scales[1]))
    shown = np.minimum(high - low, np.maximum(1, np.rint(size * scale))).astype(int)  # on the canvas
    window = np.minimum(size, np.maximum(1, np.rint(shown / scale))).astype(int)  # in the image
    corner = rng.integers(0, size - window, endpoint=True)
    ratio = shown / window  # the scale, apart from rounding to whole pixels
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
