"""Data leakage: images of an evaluation that were also trained on."""

from collections import defaultdict
from functools import cache
from pathlib import Path

from yolo3.data import SampleSet
from yolo3.images import image_content, is_there

_SOME = 4096
"""Number of bytes that tell a file from nearly all others of its size."""


def shared_images(samples: SampleSet, training: SampleSet) -> int:
    """Number of images of a set that are also in a training set: files of the same bytes, whatever their names.

    An image that was saved again is not recognised.

    Args:
        samples: Images of the evaluation.
        training: Images trained on.
    """
    known = {training.path(index) for index in range(len(training))}
    by_size: dict[int, list[Path]] = defaultdict(list)
    for path in known:
        if (size := _size(path)) is not None:
            by_size[size].append(path)

    @cache
    def alike(size: int) -> dict[bytes, list[Path]]:
        """Training images of a size, by some of their bytes: uncompressed images are all of one size."""
        found = defaultdict(list)
        for path in by_size[size]:
            found[_middle(path, size)].append(path)
        return found

    def is_shared(path: Path) -> bool:
        if path in known:
            return True
        size = _size(path)
        if size is None or size not in by_size:
            return False
        others = alike(size).get(_middle(path, size), ())
        return any(image_content(path) == image_content(other) for other in others)

    return sum(is_shared(samples.path(index)) for index in range(len(samples)))


def _size(path: Path) -> int | None:
    """Size of an encoded image in bytes; None if there is none."""
    if path.is_file():
        return path.stat().st_size
    return len(image_content(path)) if is_there(path) else None


def _middle(path: Path, size: int) -> bytes:
    start = max(0, size - _SOME) // 2
    if not path.is_file():
        return image_content(path)[start : start + _SOME]
    with path.open("rb") as file:
        file.seek(start)
        return file.read(_SOME)
