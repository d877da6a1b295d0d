"""Whether a detector is measured on what it was trained on."""

import filecmp
from collections import defaultdict
from pathlib import Path

from yolo3.data import SampleSet


def shared_pictures(samples: SampleSet, training: SampleSet) -> int:
    """How many pictures of a set are also in a training set: files of the same name and the same bytes.

    A copy under another name, or saved anew, is not recognised.
    """
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in (training.path(index) for index in range(len(training))):
        by_name[path.name].append(path)
    paths = (samples.path(index) for index in range(len(samples)))
    return sum(any(_same(path, other) for other in by_name.get(path.name, ())) for path in paths)


def _same(path: Path, other: Path) -> bool:
    if path == other:
        return True
    return path.is_file() and other.is_file() and filecmp.cmp(path, other, shallow=False)
