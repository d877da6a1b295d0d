"""The parts of a source, and the share of them that one process or machine does."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from yolo3.bulk.folder import PartFolder
from yolo3.sources import Frame


@dataclass(frozen=True)
class Share:
    """One of several shares of the parts: every n-th part, beginning with its own number.

    Args:
        number: Number of the share, from 1.
        count: Number of shares.

    Raises:
        ValueError: A number outside 1 to the count.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"shard {self} does not exist; shards are counted from 1/{max(1, self.count)}")

    @classmethod
    def parse(cls, text: str) -> "Share":
        """The share that a text such as ``3/16`` means.

        Raises:
            ValueError: Another text, or a share that does not exist.
        """
        if (match := re.fullmatch(r"(\d+)/(\d+)", text)) is None:
            raise ValueError(f"shard {text!r} is not written as 3/16, the third of sixteen")
        return cls(int(match[1]), int(match[2]))

    def __contains__(self, part: object) -> bool:
        return isinstance(part, int) and part % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def part_numbers(frames: Iterable[Frame], size: int) -> Iterator[tuple[int, Frame]]:
    """Every frame with the number of its part, from 0.

    Args:
        frames: Frames in the order of their source.
        size: Number of images per part; the last part may have fewer.
    """
    return ((index // size, frame) for index, frame in enumerate(frames))


def wanted(
    frames: Iterable[Frame], size: int, share: Container[int], folder: PartFolder
) -> Iterator[tuple[int, Frame]]:
    """The frames of the parts that are still to be done, each with the number of its part.

    Args:
        frames: All frames of the source.
        size: Number of images per part.
        share: Parts to do.
        folder: Folder of the parts; those that are in it are compared with the source and passed over.

    Raises:
        ValueError: A part in the folder is of other images: the source has changed.
    """
    finished = folder.finished()
    number = -1
    for number, group in groupby(part_numbers(frames, size), itemgetter(0)):
        if number not in share:
            continue
        if number in finished:
            folder.check(number, (frame.name for _, frame in group))
        else:
            yield from group
    if beyond := [part for part in sorted(finished) if part > number and part in share]:
        folder.check(beyond[0], ())  # refuses it: the source has no such images any more
