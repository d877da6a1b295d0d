"""Samples and sets of samples, which every annotation format is read into."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from yolo3.data.faults import Fault

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_MOST_TOLD = 20  # left-out items that a summary lists


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and its objects. An image without objects is a sample too."""

    image: Path
    """Path of the image file."""
    boxes: Float32Array
    """(N, 4) xyxy, pixels of the upright image (EXIF orientation applied)."""
    labels: IntArray
    """(N,) class numbers."""
    difficult: BoolArray
    """(N,) whether VOC marks the object as hard to see."""
    crowd: BoolArray
    """(N,) whether COCO marks the box as a crowd of many objects."""
    area: Float32Array
    """(N,) area of the object's outline where COCO states it, otherwise of its box; square pixels."""
    size: tuple[int, int]
    """(height, width) of the upright image."""
    image_id: int | None = None
    """Id of the image in a COCO file."""


@dataclass(frozen=True, eq=False)
class SampleSet(Sequence[Sample]):
    """The samples of a data set or of one split. An index gives one sample, a slice a subset.

    Everything is in a few flat arrays rather than many small objects, so that data loader workers share the memory
    instead of copying it page by page as reference counts change. M images have N objects, in order.
    """

    names: tuple[str, ...]
    """Class names, in order."""
    path_text: npt.NDArray[np.uint8]
    """Bytes of all file paths, concatenated."""
    path_ends: IntArray
    """(M,) end of each file path in `path_text`."""
    sizes: IntArray
    """(M, 2) height and width of each image."""
    object_ends: IntArray
    """(M,) end of each image's objects in the arrays below."""
    boxes: Float32Array
    """(N, 4) xyxy pixels."""
    labels: IntArray
    """(N,) class numbers."""
    difficult: BoolArray
    """(N,) whether VOC marks the object as hard to see."""
    crowd: BoolArray
    """(N,) whether COCO marks the box as a crowd."""
    area: Float32Array
    """(N,) square pixels."""
    held: IntArray | None = None
    """(M,) number of annotated objects per image, including those that were left out; None if unknown."""
    image_ids: IntArray | None = None
    """(M,) ids of the images in a COCO file."""
    category_ids: tuple[int, ...] | None = None
    """(C,) ids of the classes in a COCO file."""
    origin: str = "samples"
    """Description of the data set."""
    skipped: tuple[Fault, ...] = ()
    """Faults of items that were left out in reading."""
    remarks: tuple[str, ...] = ()
    """Observations in reading that change nothing, one per line."""
    notes: tuple[str, ...] = ()
    """How the data set was found and read, one per line."""
    unread: tuple[str, ...] = ()
    """Descriptions of annotation content that a `Sample` cannot hold."""

    @classmethod
    def from_samples(cls, names: Sequence[str], samples: Iterable[Sample], origin: str = "samples") -> "SampleSet":
        """Store samples in flat arrays.

        Raises:
            ValueError: A label without a name; a sample whose boxes and labels differ in number; a box that is not all
                numbers.
        """
        samples = list(samples)
        for sample in samples:
            if len({len(getattr(sample, name)) for name in ("boxes", "labels", "difficult", "crowd", "area")}) > 1:
                raise ValueError(f"{sample.image}: boxes, labels, difficult, crowd and area must have the same length")
            if not np.isfinite(sample.boxes).all():
                raise ValueError(f"{sample.image}: a box of {sample.boxes.tolist()!s:.200} is not all numbers")
        paths = [os.fsencode(sample.image) for sample in samples]
        labels = joined([sample.labels for sample in samples], np.int64)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(names):
            raise ValueError(f"labels {labels.min()}..{labels.max()} for {len(names)} names; labels count from 0")
        ids = [sample.image_id for sample in samples if sample.image_id is not None]
        return cls(
            names=tuple(names),
            path_text=np.frombuffer(b"".join(paths), dtype=np.uint8),
            path_ends=np.cumsum([len(path) for path in paths], dtype=np.int64),
            sizes=np.array([sample.size for sample in samples], dtype=np.int64).reshape(-1, 2),
            object_ends=np.cumsum([len(sample.boxes) for sample in samples], dtype=np.int64),
            boxes=joined([sample.boxes for sample in samples], np.float32, width=4),
            labels=labels,
            difficult=joined([sample.difficult for sample in samples], np.bool_),
            crowd=joined([sample.crowd for sample in samples], np.bool_),
            area=joined([sample.area for sample in samples], np.float32),
            image_ids=np.array(ids, dtype=np.int64) if samples and len(ids) == len(samples) else None,
            origin=origin,
        )

    def __len__(self) -> int:
        return len(self.sizes)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "SampleSet": ...
    def __getitem__(self, index: int | slice) -> "Sample | SampleSet":
        if isinstance(index, slice):
            return self.subset(range(len(self))[index])
        index = range(len(self))[index]  # counts a negative index from the end, refuses one beyond it
        objects = self._objects(index)
        height, width = self.sizes[index].tolist()
        return Sample(
            image=self.path(index),
            boxes=self.boxes[objects].copy(),  # copies, so that no one changes the set by changing a sample
            labels=self.labels[objects].copy(),
            difficult=self.difficult[objects].copy(),
            crowd=self.crowd[objects].copy(),
            area=self.area[objects].copy(),
            size=(height, width),
            image_id=None if self.image_ids is None else int(self.image_ids[index]),
        )

    def path(self, index: int) -> Path:
        """Path of one image."""
        start = self.path_ends[index - 1] if index else 0
        return Path(os.fsdecode(self.path_text[start : self.path_ends[index]].tobytes()))

    def subset(self, indices: Iterable[int]) -> "SampleSet":
        """The samples at these indices, in this order."""
        indices = list(indices)
        chosen = SampleSet.from_samples(self.names, (self[index] for index in indices), self.origin)
        held = None if self.held is None else self.held[indices]
        return replace(
            chosen,
            held=held,
            category_ids=self.category_ids,
            skipped=self.skipped,
            remarks=self.remarks,
            notes=self.notes,
            unread=self.unread,
        )

    @property
    def image(self) -> IntArray:
        """(N,) index of each object's image."""
        return np.repeat(np.arange(len(self)), np.diff(self.object_ends, prepend=0))

    @property
    def counts(self) -> IntArray:
        """(C,) number of objects per class."""
        return np.bincount(self.labels, minlength=len(self.names))

    def digest(self) -> str:
        """A SHA-256 of the class names, the file names of the images and the annotations: equal sets, equal digests.

        The folders of the images and the bytes of their files do not count.
        """
        digest = hashlib.sha256(repr((self.names, [self.path(index).name for index in range(len(self))])).encode())
        for array in (self.sizes, self.object_ends, self.boxes, self.labels, self.difficult, self.crowd):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def summary(self) -> str:
        """Counts of images and objects, and what was left out, in a few lines."""
        counts = ", ".join(f"{name} {count:,}" for name, count in zip(self.names, self.counts, strict=True))
        boxes = np.diff(self.object_ends, prepend=0)
        held = boxes if self.held is None else self.held
        about = [f"{int((held == 0).sum()):,} without objects"]
        if emptied := int(((held > 0) & (boxes == 0)).sum()):
            about.append(f"{emptied:,} whose objects were all left out")
        if repeated := len(self) - len(set(self._encoded_paths())):
            about.append(f"{repeated:,} listed again")
        found = f"{len(self):,} images ({', '.join(about)}), {len(self.boxes):,} boxes ({counts})"
        lines = [f"{self.origin}: {found}", *self.notes, *self.remarks]
        lines += [f"left out: {fault}" for fault in self.skipped[:_MOST_TOLD]]
        more = len(self.skipped) - _MOST_TOLD
        if more > 0:
            lines.append(f"left out: {more:,} more")
        return "\n".join(lines)

    def _encoded_paths(self) -> list[bytes]:
        """Path of each image, as bytes."""
        text = self.path_text.tobytes()
        ends = self.path_ends.tolist()
        return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def _objects(self, index: int) -> slice:
        """The slice of one image's objects."""
        start = int(self.object_ends[index - 1]) if index else 0
        return slice(start, int(self.object_ends[index]))


def joined(arrays: Sequence[npt.NDArray[Any]], dtype: type[np.generic], width: int | None = None) -> npt.NDArray[Any]:
    """All arrays concatenated; an empty array of the right type and shape if there are none."""
    shape = (0,) if width is None else (0, width)
    empty = np.empty(shape, dtype=dtype)
    return np.concatenate([empty, *arrays]).astype(dtype, copy=False)
