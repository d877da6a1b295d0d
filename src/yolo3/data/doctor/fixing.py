"""A corrected copy of a data set: faults that have one obvious fix are fixed, and all that was done is listed."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from yolo3.data.box_checks import BoxCorners, box_fault, cut, shown
from yolo3.data.faults import DataError, Fault
from yolo3.data.formats import write_dataset
from yolo3.data.images import examined, facts_of, read_image
from yolo3.data.sample import Float32Array, Sample, SampleSet
from yolo3.data.sample_builder import FoundObject
from yolo3.data.source import FoundDataSet
from yolo3.data.split_names import may_share, split_meaning
from yolo3.images import MAX_MEGAPIXELS, TURNED, image_content

FIXES = "fixes.txt"
"""Name of the file that lists what was done."""

_QUALITY = 95  # of JPEG files that are written anew


@dataclass(frozen=True)
class _Part:
    """A split as it is read: valid objects, and those that are not."""

    samples: SampleSet
    objects: list[FoundObject]
    faults: list[Fault]


@dataclass(frozen=True)
class _Clipped:
    """An object whose box is clipped."""

    place: str
    label: int
    box: BoxCorners
    """Stated box, xyxy pixels of the image."""
    edges: BoxCorners
    """Clipped box."""


def fix(found: FoundDataSet, folder: Path, max_megapixels: float = MAX_MEGAPIXELS) -> list[str]:
    """Write a corrected copy of a data set, in its own format.

    Boxes that extend beyond their image are clipped. Boxes without area, annotations that cannot be read and images
    that cannot be used are left out. Images with an EXIF rotation are stored upright. An image that is in a training
    split and in one to measure on is removed from training.

    Args:
        found: Data set.
        folder: Folder to make; it must be absent or empty.
        max_megapixels: Largest image that is read, in 10⁶ pixels; a larger one is left out.

    Returns:
        What was done, one line each. The folder has the same list in `FIXES`.

    Raises:
        DataError: A data set that cannot be read at all; a folder that has content.
        ValueError: Splits with different classes.
    """
    done: list[str] = []
    parts = {split or "train": _read(found, split) for split in found.split_names or (None,)}
    done += _outside_splits(found, parts)
    with tempfile.TemporaryDirectory() as upright:
        splits = {split: _fixed(part, Path(upright), max_megapixels, done) for split, part in parts.items()}
        splits = _without_shared(splits, done)
        lost = write_dataset(splits, folder, found.format.name)
    done += (f"lost: {what}" for what in [*lost, *(what for part in parts.values() for what in part.samples.unread)])
    done = list(dict.fromkeys(done))  # a split may share images with another
    (folder / FIXES).write_text("".join(f"{line}\n" for line in done), encoding="utf-8", errors="backslashreplace")
    return done


def _read(found: FoundDataSet, split: str | None) -> _Part:
    objects: list[FoundObject] = []
    faults: list[Fault] = []
    return _Part(found.read(split, None, faults.append, objects.append), objects, faults)


def _outside_splits(found: FoundDataSet, parts: Mapping[str, _Part]) -> list[str]:
    """Images in no split, which the copy does not have."""
    if not found.split_names or not found.splits_are_lists:
        return []
    listed = {part.samples.path(index) for part in parts.values() for index in range(len(part.samples))}
    whole = _read(found, None).samples
    rest = sorted({whole.path(index) for index in range(len(whole))} - listed)
    return [f"left out: {path}: in no split" for path in rest]


def _fixed(part: _Part, upright: Path, max_megapixels: float, done: list[str]) -> SampleSet:
    """The samples of a split with fixed boxes and images."""
    clipped = _clipped(part)
    places = {item.place for items in clipped.values() for item in items}
    done += (f"left out: {fault}" for fault in (*part.faults, *part.samples.skipped) if fault.place not in places)
    samples = []
    for index, sample in enumerate(part.samples):
        items = clipped.get(index, [])
        try:
            samples.append(_upright(_with(sample, items), upright, max_megapixels, done))
        except DataError as error:
            done.append(f"left out: {error}")
            continue
        done += (f"clipped: {item.place}: box {shown(item.box)} to {shown(item.edges)}" for item in items)
    return SampleSet.from_samples(part.samples.names, samples, part.samples.origin)


def _clipped(part: _Part) -> dict[int, list[_Clipped]]:
    """The objects, by image, whose only fault is that their box extends beyond the image."""
    numbers = {name: number for number, name in enumerate(part.samples.names)}
    found: dict[int, list[_Clipped]] = {}
    for item in part.objects:
        label = numbers.get(item.label) if isinstance(item.label, str) else item.label
        if item.taken or item.image is None or label is None or not 0 <= label < len(numbers):
            continue
        height, width = part.samples.sizes[item.image].tolist()
        wrong = box_fault(item.box, None, (height, width))
        if wrong is None or wrong.kind != "outside":
            continue
        edges = cut(item.box, (height, width))
        if edges[0] < edges[2] and edges[1] < edges[3] and box_fault(edges, None, (height, width)) is None:
            found.setdefault(item.image, []).append(_Clipped(item.place, label, item.box, edges))
    return found


def _with(sample: Sample, items: Sequence[_Clipped]) -> Sample:
    """A sample with clipped objects after its own."""
    if not items:
        return sample
    boxes = np.array([item.edges for item in items], dtype=np.float32)
    no = np.zeros(len(items), dtype=np.bool_)
    return replace(
        sample,
        boxes=np.concatenate([sample.boxes, boxes]),
        labels=np.concatenate([sample.labels, np.array([item.label for item in items], dtype=np.int64)]),
        difficult=np.concatenate([sample.difficult, no]),
        crowd=np.concatenate([sample.crowd, no]),
        area=np.concatenate([sample.area, (boxes[:, 2:] - boxes[:, :2]).prod(1)]),
    )


def _upright(sample: Sample, folder: Path, max_megapixels: float, done: list[str]) -> Sample:
    """A sample whose image is stored upright.

    Raises:
        DataError: An image that cannot be used.
    """
    facts = facts_of(sample.image)
    size = facts.size
    if facts.orientation in TURNED and sample.size == size[::-1] != size:  # annotated before its rotation
        sample = replace(sample, boxes=_turned(sample.boxes, facts.orientation, sample.size), size=size)
    examined(sample.image, sample.size, max_megapixels)
    if facts.orientation == 1 or facts.is_deep or facts.channels != 3:  # which 8 bits of RGB cannot hold
        return sample
    # the name is kept, and images of one name in several folders stay apart
    place = folder / hashlib.sha256(os.fsencode(sample.image.absolute())).hexdigest() / sample.image.name
    if not place.exists():
        place.parent.mkdir()
        pixels = read_image(sample.image, max_megapixels=max_megapixels)  # upright, whatever states the orientation
        with Image.open(BytesIO(image_content(sample.image))) as image:
            format = "JPEG" if image.format == "MPO" else image.format
        options = {"quality": _QUALITY} if format in ("JPEG", "WEBP") else {}
        Image.fromarray(pixels).save(place, format=format, **options)
        done.append(f"stored upright: {sample.image}: EXIF orientation {facts.orientation}")
    return replace(sample, image=place)


def _turned(boxes: Float32Array, orientation: int, stored: tuple[int, int]) -> Float32Array:
    """Boxes of an image as stored, on the upright image.

    Args:
        boxes: (N, 4) xyxy, pixels of the stored image.
        orientation: EXIF orientation, 5 to 8, which exchange width and height.
        stored: (height, width) as stored.
    """
    height, width = stored
    x1, y1, x2, y2 = boxes.T
    if orientation in (6, 7):  # the left edge of the upright image is the lower one as stored
        y1, y2 = height - y2, height - y1
    if orientation in (7, 8):  # its top edge is the right one
        x1, x2 = width - x2, width - x1
    return np.stack([y1, x1, y2, x2], axis=1).astype(np.float32)


def _without_shared(splits: Mapping[str, SampleSet], done: list[str]) -> dict[str, SampleSet]:
    """Splits without the training images that measure too, by the bytes of their files."""
    digests = {
        split: [_digest(samples.path(index)) for index in range(len(samples))] for split, samples in splits.items()
    }
    fixed = dict(splits)
    for one, other in combinations(splits, 2):
        trains = [split for split in (one, other) if split_meaning(split) in ("train", "trainval")]
        if may_share(one, other) or len(trains) != 1:
            continue
        measures = other if trains[0] == one else one
        shared = set(digests[trains[0]]) & set(digests[measures])
        samples = splits[trains[0]]
        gone = {samples.path(index) for index, digest in enumerate(digests[trains[0]]) if digest in shared}
        done += (f"removed from {trains[0]!r}: {path}: the image is in {measures!r} too" for path in sorted(gone))
        rest = fixed[trains[0]]
        fixed[trains[0]] = rest.subset(index for index in range(len(rest)) if rest.path(index) not in gone)
    return fixed


def _digest(path: Path) -> bytes:
    return hashlib.blake2b(image_content(path), digest_size=16).digest()
