"""Images of a data set by the file names that detectors call them."""

from collections import Counter
from functools import lru_cache
from pathlib import Path

from yolo3.metrics.coco_files import Annotated


class NamedImages:
    """The images of a data set by file name, with or without suffix; folders above tell equal names apart.

    Args:
        annotated: Annotated images.

    Attributes:
        numbers: Number of each image by each of its names; None if several images have the name.
    """

    def __init__(self, annotated: Annotated) -> None:
        self.numbers = _numbers(annotated)
        self.called = lru_cache(maxsize=1000)(self._called)  # an image has many detections, one after another

    def _called(self, file_name: str) -> str | None:
        """The end of a path that identifies an image; None if it is ambiguous or empty."""
        endings = _endings(Path(file_name))
        if not endings:
            return None
        ending = next((each for each in endings if each in self.numbers), endings[-1])
        return None if self.numbers.get(ending, 0) is None else ending


def _numbers(annotated: Annotated) -> dict[int | str, int | None]:
    """Number of the image by its file name, with and without suffix; None if several files have that name.

    Those are identified by as much of their path as tells them apart.
    """
    files = [Path(image) for image in annotated.images]
    numbers: dict[int | str, int | None] = {}
    for called in ([file.stem for file in files], [file.name for file in files]):
        times = Counter(called)
        numbers |= {name: number if times[name] == 1 else None for number, name in enumerate(called)}
    for number, file in enumerate(files):
        if numbers[file.name] is None:
            for ending in _endings(file)[:-1]:
                numbers[ending] = None if ending in numbers else number
    return numbers


def _endings(path: Path) -> list[str]:
    """A path and its ends, the longest first."""
    return ["/".join(path.parts[start:]) for start in range(len(path.parts))]
