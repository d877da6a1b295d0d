"""What lies in a folder that is no data set, in a line."""

import os
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from yolo3.data.images import IMAGE_SUFFIXES
from yolo3.data.listing import Listing, files_below

_MOST_FILES = 200_000  # that are looked at: it is a remark, no search
_MOST_FOLDERS = 2_000
_DEPTH = 3
_MOST_TOLD = 4
_TELLING = frozenset(
    {".xml", ".json", ".jsonl", ".txt", ".csv", ".yaml", ".yml", ".data", ".names", ".labels", ".parquet"}
)
"""How the names of annotations end, in lower case."""


def what_is_seen(folder: Path) -> str:
    """The annotations and images in a folder, most first: ``427 .xml in dataset/train/annots``."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in islice(files_below(folder), _MOST_FILES):
        suffix = os.path.splitext(path)[1].lower()
        if suffix in _TELLING or suffix in IMAGE_SUFFIXES:
            counts[os.path.dirname(path), suffix] += 1
    if not counts:
        return "no image and no annotation"
    told = [f"{count:,} {suffix} in {where}" for (where, suffix), count in counts.most_common(_MOST_TOLD)]
    return ", ".join(told) + (", …" if len(counts) > _MOST_TOLD else "")


def folders_below(folder: Path) -> Iterator[Path]:
    """The folders in a folder and in those, a few levels deep, the upper ones first."""
    listing, waiting = Listing(), deque([(os.fspath(folder), 0)])
    seen = 0
    while waiting and seen < _MOST_FOLDERS:
        here, depth = waiting.popleft()
        for name in listing.folders(here):
            seen += 1
            inner = os.path.join(here, name)
            yield Path(inner)
            if depth + 1 < _DEPTH:
                waiting.append((inner, depth + 1))
