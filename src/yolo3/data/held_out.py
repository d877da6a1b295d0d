"""Images to hold out of training, for data sets without a validation split."""

import re
from collections.abc import Sequence
from pathlib import Path

from yolo3.data.sample import SampleSet

_COPIES = re.compile(r"\.rf\..*$", re.IGNORECASE)  # Roboflow's suffix of each augmented copy
_STORED = re.compile(r"_(jpe?g|png|bmp|webp|tiff?)$", re.IGNORECASE)  # and its form of the original suffix
_NUMBER = re.compile(r"\d+")


def held_out(samples: SampleSet, share: float = 0.1) -> list[int]:
    """The indices of about a tenth of the images, with no near copies among the rest as far as file names tell.

    Frames of a clip, or copies of an image, are so similar that training on some of them leaks into the others. So
    images are chosen source by source, where a source is all images of a folder whose names agree up to the last
    number. From a source that is larger than the share, a run of consecutive numbers is taken. Copies of one image stay
    together.

    Args:
        samples: All samples.
        share: Share of the images to hold out.
    """
    originals: dict[tuple[str, ...], list[int]] = {}
    for index in range(len(samples)):
        originals.setdefault(_original(samples.path(index)), []).append(index)
    sources: dict[tuple[str, ...], list[list[int]]] = {}
    for key in sorted(originals, key=_natural):
        sources.setdefault(_source(key), []).append(originals[key])
    groups = [group for source in sources.values() for group in _stretches(source, share * len(samples))]
    return sorted(index for group in _spread(groups, share) for index in group)


def _original(path: Path) -> tuple[str, ...]:
    """Folder and stem of the image that a file is a copy of."""
    return str(path.parent), _STORED.sub("", _COPIES.sub("", path.stem))


def _source(original: tuple[str, ...]) -> tuple[str, ...]:
    """The common part of the names of a clip's images: everything before the last number."""
    folder, stem = original
    numbers = list(_NUMBER.finditer(stem))
    return (folder, stem[: numbers[-1].start()]) if numbers else original


def _natural(key: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """A key that sorts frame 9 before frame 10."""
    parts = re.split(r"(\d+)", "\0".join(key))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _stretches(source: Sequence[list[int]], most: float) -> list[list[int]]:
    """A source as a whole, or split into runs of about ``most`` images."""
    total = sum(map(len, source))
    count = max(1, min(len(source), round(total / max(most, 1))))
    stretches: list[list[int]] = [[] for _ in range(count)]
    before = 0
    for copies in source:
        stretches[min(count - 1, before * count // total)] += copies
        before += len(copies)
    return [stretch for stretch in stretches if stretch]


def _spread(groups: Sequence[list[int]], share: float) -> list[list[int]]:
    """Evenly spread groups with about the given share of the images; at least one group."""
    chosen: list[list[int]] = []
    seen = taken = 0
    for group in groups:
        seen += len(group)
        if taken + len(group) / 2 <= share * seen:
            chosen.append(group)
            taken += len(group)
    return chosen or list(groups[:1])
