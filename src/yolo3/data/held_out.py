"""Images to hold out of training, for data sets without a validation split."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from yolo3.data.sample import SampleSet

_COPIES = re.compile(r"\.rf\..*$", re.IGNORECASE)  # Roboflow's suffix of each augmented copy
_STORED = re.compile(r"_(jpe?g|png|bmp|webp|tiff?)$", re.IGNORECASE)  # and its form of the original suffix
_NUMBER = re.compile(r"\d+")
_NO_OBJECT = -1  # stands for the class of images without objects


def held_out(samples: SampleSet, share: float = 0.1, seed: int = 0) -> list[int]:
    """The indices of about a tenth of the images, with no near copies among the rest as far as file names tell.

    Frames of a clip, or copies of an image, are so similar that training on some of them leaks into the others. So
    images are drawn source by source, where a source is all images of a folder whose names agree up to the last
    number. From a source that is larger than the share, runs of consecutive numbers are taken. Copies of one image stay
    together. Of each class as large a share of its images is drawn as the sources allow, the rarest class first.

    Args:
        samples: All samples.
        share: Share of the images to hold out.
        seed: Seed of the draw.

    Source:
        The order of the classes: Sechidis, Tsoumakas, Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD
        2011.
    """
    originals: dict[tuple[str, ...], list[int]] = {}
    for index in range(len(samples)):
        originals.setdefault(_original(samples.path(index)), []).append(index)
    sources: dict[tuple[str, ...], list[list[int]]] = {}
    for key in sorted(originals, key=_natural):
        sources.setdefault(_source(key), []).append(originals[key])
    groups = [group for source in sources.values() for group in _stretches(source, len(samples), share)]
    Random(seed).shuffle(groups)
    return sorted(index for group in _stratified(groups, _classes(samples), share) for index in group)


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


def _stretches(source: Sequence[list[int]], num_images: int, share: float) -> list[list[int]]:
    """A source as a whole, or split into runs of the share of it where it is larger than that share of all images."""
    total = sum(map(len, source))
    count = 1 if total < 1.5 * share * num_images else min(len(source), round(1 / share))
    stretches: list[list[int]] = [[] for _ in range(count)]
    before = 0
    for copies in source:
        stretches[min(count - 1, before * count // total)] += copies
        before += len(copies)
    return [stretch for stretch in stretches if stretch]


def _classes(samples: SampleSet) -> list[set[int]]:
    """The classes that each image has an object of."""
    single = ~samples.crowd
    found: list[set[int]] = [set() for _ in range(len(samples))]
    for image, label in zip(samples.image[single].tolist(), samples.labels[single].tolist(), strict=True):
        found[image].add(label)
    return [labels or {_NO_OBJECT} for labels in found]


def _stratified(groups: Sequence[list[int]], classes: Sequence[set[int]], share: float) -> list[list[int]]:
    """Groups, in their order, with about the given share of the images of each class, and never all; at least one."""
    images = Counter(label for labels in classes for label in labels)
    held: Counter[int] = Counter()
    counts = [Counter(label for index in group for label in classes[index]) for group in groups]
    having: dict[int, list[int]] = {label: [] for label in images}  # numbers of the groups with each class
    for number, count in enumerate(counts):
        for label in count:
            having[label].append(number)
    chosen: dict[int, list[int]] = {}

    def has_room(number: int, label: int) -> bool:
        return held[label] + counts[number][label] / 2 <= share * images[label]

    def leaves_some(number: int) -> bool:
        return all(held[label] + count < images[label] for label, count in counts[number].items())

    for label in sorted(images, key=lambda each: (images[each], each)):
        for is_strict in (True, False):  # at first only groups that leave every other class within its share too
            for number in having[label]:
                within = counts[number] if is_strict else [label]
                if number not in chosen and leaves_some(number) and all(has_room(number, each) for each in within):
                    chosen[number] = groups[number]
                    held += counts[number]
    return list(chosen.values()) or list(groups[:1])
