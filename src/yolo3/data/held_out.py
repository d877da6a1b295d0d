"""Which images to hold out of training where a data set has no split to measure on."""

import re
from collections.abc import Sequence
from pathlib import Path

from yolo3.data.sample import SampleSet

_COPIES = re.compile(r"\.rf\..*$", re.IGNORECASE)  # what Roboflow adds to the name of each augmented copy
_STORED = re.compile(r"_(jpe?g|png|bmp|webp|tiff?)$", re.IGNORECASE)  # and how it writes the suffix before
_NUMBER = re.compile(r"\d+")


def held_out(samples: SampleSet, share: float = 0.1) -> list[int]:
    """The indices of about a tenth of the images, none of which has a near copy among the rest, as far as names tell.

    Frames of a clip and copies of an image are so alike that a detector which has seen some knows the others. So images
    are taken source by source: those of one folder whose names are the same up to their last number. Where a source is
    more than its share, a stretch of it is taken, numbers in a row. Copies of one image stay together.

    Args:
        samples: all that there are.
        share: of the images.
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
    """The folder and stem of the image that a file is a copy of."""
    return str(path.parent), _STORED.sub("", _COPIES.sub("", path.stem))


def _source(original: tuple[str, ...]) -> tuple[str, ...]:
    """What the images of one clip have in common: all before the last number of the name."""
    folder, stem = original
    numbers = list(_NUMBER.finditer(stem))
    return (folder, stem[: numbers[-1].start()]) if numbers else original


def _natural(key: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Sorts frame 9 before frame 10."""
    parts = re.split(r"(\d+)", "\0".join(key))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _stretches(source: Sequence[list[int]], most: float) -> list[list[int]]:
    """A source whole, or in stretches of about so many images."""
    total = sum(map(len, source))
    count = max(1, min(len(source), round(total / max(most, 1))))
    stretches: list[list[int]] = [[] for _ in range(count)]
    before = 0
    for copies in source:
        stretches[min(count - 1, before * count // total)] += copies
        before += len(copies)
    return [stretch for stretch in stretches if stretch]


def _spread(groups: Sequence[list[int]], share: float) -> list[list[int]]:
    """Groups from all over that hold about a share of the images, one at least."""
    chosen: list[list[int]] = []
    seen = taken = 0
    for group in groups:
        seen += len(group)
        if taken + len(group) / 2 <= share * seen:
            chosen.append(group)
            taken += len(group)
    return chosen or list(groups[:1])
