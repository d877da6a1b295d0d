"""The content of a folder that is not a data set, in one line."""

import os
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from yolo3.checks.names import first_few
from yolo3.data.images import IMAGE_SUFFIXES
from yolo3.data.listing import Listing, files_below

_MOST_FILES = 200_000  # files that are counted; enough for a hint
_MOST_FOLDERS = 2_000
_DEPTH = 3
_MOST_TOLD = 4
_TELLING = frozenset(
    {".xml", ".json", ".jsonl", ".txt", ".csv", ".yaml", ".yml", ".data", ".names", ".labels", ".parquet"}
)
"""Suffixes of annotation files, in lower case."""


def what_is_seen(folder: Path) -> str:
    """The annotations and images in a folder, largest count first: ``427 .xml in dataset/train/annots``."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in islice(files_below(folder), _MOST_FILES):
        suffix = os.path.splitext(path)[1].lower()
        if suffix in _TELLING or suffix in IMAGE_SUFFIXES:
            counts[os.path.dirname(path), suffix] += 1
    if not counts:
        return "no image and no annotation"
    found = (f"{count:,} {suffix} in {where}" for (where, suffix), count in counts.most_common())
    return first_few(found, _MOST_TOLD)


def folders_below(folder: Path) -> Iterator[Path]:
    """The subfolders of a folder, a few levels deep, upper levels first."""
    listing = Listing()
    waiting = deque([(os.fspath(folder), 0)])
    seen = 0
    while waiting and seen < _MOST_FOLDERS:
        here, depth = waiting.popleft()
        for name in listing.folders(here):
            seen += 1
            inner = os.path.join(here, name)
            yield Path(inner)
            if depth + 1 < _DEPTH:
                waiting.append((inner, depth + 1))
