"""Detections and ground truth of the same images as flat arrays, from which every metric is computed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from yolo3.data import Sample
from yolo3.data.sample import BoolArray, IntArray, joined
from yolo3.structures import Detections

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Truth:
    """Ground truth: N objects."""

    image: IntArray
    """(N,) image of each object."""
    labels: IntArray
    """(N,) class numbers."""
    xywh: Float64Array
    """(N, 4) left, top, width, height in pixels of the image, as in a COCO file."""
    area: Float64Array
    """(N,) area in square pixels: that of the outline if the annotation has it, otherwise of the box."""
    ignored: BoolArray
    """(N,) crowds and difficult objects: a detection on them is neither right nor wrong."""
    ids: IntArray
    """(N,) annotation ids; in COCO's metrics an object with id 0 counts as never found."""

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> "Truth":
        """The objects of samples."""
        samples = list(samples)
        counts = np.array([len(sample.boxes) for sample in samples], np.int64)
        return cls(
            image=np.repeat(np.arange(len(samples)), counts),
            labels=joined([sample.labels for sample in samples], np.int64),
            xywh=_xywh(joined([sample.boxes for sample in samples], np.float64, width=4)),
            area=joined([sample.area for sample in samples], np.float64),
            ignored=joined([sample.crowd | sample.difficult for sample in samples], np.bool_),
            ids=np.arange(1, counts.sum() + 1),
        )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class DetectionSet:
    """D detections; of equal scores the first ranks higher."""

    image: IntArray
    """(D,) image of each detection."""
    labels: IntArray
    """(D,) class numbers."""
    xywh: Float64Array
    """(D, 4) left, top, width, height in pixels of the image."""
    scores: Float64Array
    """(D,)."""

    @classmethod
    def of(cls, detections: Iterable[Detections], images: Sequence[int] | IntArray | None = None) -> "DetectionSet":
        """The detections of several images.

        Args:
            detections: Detections of each image in its pixels.
            images: Number of each image. Default: counted from 0.
        """
        detections = [each.to("cpu") for each in detections]
        numbers = np.arange(len(detections)) if images is None else np.asarray(images, np.int64)
        return cls(
            image=np.repeat(numbers, np.array([len(each) for each in detections], np.int64)),
            labels=joined([each.labels.numpy() for each in detections], np.int64),
            xywh=_xywh(joined([each.boxes.numpy() for each in detections], np.float64, width=4)),
            scores=joined([each.scores.numpy() for each in detections], np.float64),
        )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Ground truth and detections of the same images."""

    names: tuple[str, ...]
    """Class names, by class number."""
    images: tuple[str, ...]
    """Image files, by number of the image; they need not exist."""
    truth: Truth
    found: DetectionSet

    @classmethod
    def of(cls, samples: Sequence[Sample], found: Sequence[Detections], names: Sequence[str]) -> "Comparison":
        """Compare the detections of each image with its annotations.

        Raises:
            ValueError: Detections of another number of images.
        """
        if len(samples) != len(found):
            raise ValueError(
                f"detections of {len(found)} images for annotations of {len(samples)}; give one for each image"
            )
        images = tuple(str(sample.image) for sample in samples)
        return cls(tuple(names), images, Truth.of(samples), DetectionSet.of(found))

    @property
    def num_objects(self) -> IntArray:
        """(C,) number of objects of each class, without those that are ignored."""
        return np.bincount(self.truth.labels[~self.truth.ignored], minlength=len(self.names))

    def found_by_group(self) -> tuple[IntArray, IntArray]:
        """(D,) indices of the detections by image and class, each group best first, and (D,) rank in the group."""
        keys = self.found.image * len(self.names) + self.found.labels
        order = np.lexsort((-self.found.scores, keys))  # stable: of equal scores the first
        keys = keys[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
        return order, np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))


def of_images(truth: Truth, numbers: Sequence[int], num_images: int) -> Truth:
    """The objects of some images, which are renumbered in the order given."""
    place = np.full(num_images, -1)
    place[list(numbers)] = np.arange(len(numbers))
    kept = place[truth.image] >= 0
    chosen = replace(truth, **{name: value[kept] for name, value in vars(truth).items()})
    return replace(chosen, image=place[chosen.image])


def _xywh(xyxy: Float64Array) -> Float64Array:
    return np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
