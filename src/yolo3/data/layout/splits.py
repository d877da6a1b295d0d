"""The splits of a data set: lists of ``ImageSets``, other lists of images, or folders named after splits."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo3.data.faults import DataError
from yolo3.data.layout.contents import Contents, stem_of
from yolo3.data.reading import read_text
from yolo3.data.split_names import is_split_word, split_meaning

_MARKS = ("-1", "0", "1")
_SHARD = re.compile(r"-\d{4,}-of-\d{4,}(-[0-9a-f]+)?$")
"""Number that Hugging Face's library adds to the name of one of several files: ``train-00000-of-00003``."""


@dataclass(frozen=True)
class FoundSplits:
    """The splits of a data set."""

    origin: str
    """Where they were found, in words; empty if there are none."""
    images: dict[str, list[str]]
    """Images of each split."""
    missing: dict[str, list[tuple[str, str]]]
    """Place and text of the lines of each split that lead to no image."""


def find_splits(images: Sequence[str], contents: Contents, stated: Sequence[tuple[str, str]] = ()) -> FoundSplits:
    """Find the splits of a data set.

    Args:
        images: Images of the data set, in order.
        contents: Files of the data set.
        stated: (image, split) as the annotations state it.
    """
    named: dict[str, list[str]] = defaultdict(list)
    for image, split in stated:
        if split:
            named[split].append(image)
    if named:
        return FoundSplits("the annotations", dict(named), {})
    texts = contents.files.get(".txt", [])
    sets = [text for text in texts if _is_below(text, "imagesets", contents.root)]
    sets = [text for text in sets if _is_below(text, "main", contents.root)] or sets
    lists = [text for text in texts if is_split_word(stem_of(text))]
    for origin, files in (("ImageSets", sets), ("lists of images", lists)):
        found = _of_lists(files, images, contents)
        if found.images:
            return FoundSplits(origin, found.images, found.missing)
    by_folder: dict[str, list[str]] = defaultdict(list)
    for image in images:
        split = split_of_folder(os.path.dirname(image), contents.images_root)
        if split:
            by_folder[split].append(image)
    return FoundSplits("folders" if by_folder else "", dict(sorted(by_folder.items())), {})


def split_of_folder(folder: str, root: Path) -> str:
    """The split that a folder or one above it is named after, below a root; empty if there is none."""
    for part in reversed(_parts(folder, root)):
        if is_split_word(part):
            return part
        if meaning := split_meaning(part):
            return meaning
    return ""


def split_of_file(path: Path, root: Path) -> str:
    """The split that the name of an annotation file or its folder tells; empty if they do not."""
    stem = _SHARD.sub("", stem_of(str(path)))
    own = stem if is_split_word(stem) else split_meaning(stem)
    return own or split_of_folder(os.path.dirname(path), root)


def _of_lists(files: Sequence[str], images: Sequence[str], contents: Contents) -> FoundSplits:
    known = _Known(images if files else (), contents.images_root)
    found: dict[str, list[str]] = {}
    missing: dict[str, list[tuple[str, str]]] = {}
    origin: dict[str, str] = {}
    for file in files:
        try:
            lines = [line.strip() for line in read_text(Path(file)).splitlines()]
        except DataError:
            continue
        led = [(f"{file}:{number}", line, known.image(line)) for number, line in enumerate(lines, 1) if line]
        if not any(image for _, _, image in led) or _is_of_a_class(lines):
            continue
        split = stem_of(file)
        if split in found and found[split] != [image for _, _, image in led if image]:
            raise DataError(f"{contents.path}: {origin[split]} and {file} both list split {split!r}; keep one of them")
        origin[split] = file
        found[split] = [image for _, _, image in led if image]
        missing[split] = [(place, line) for place, line, image in led if not image]
    return FoundSplits("", dict(sorted(found.items())), missing)


class _Known:
    """The images of a data set by what a line of a list may say."""

    def __init__(self, images: Sequence[str], root: Path) -> None:
        self._ends: dict[str, set[str]] = defaultdict(set)
        for image in images:
            parts = [*_parts(os.path.dirname(image), root), os.path.basename(image)]
            for start in range(len(parts)):
                end = "/".join(parts[start:])
                self._ends[end].add(image)
                self._ends[os.path.splitext(end)[0]].add(image)

    def image(self, line: str) -> str | None:
        """The only image that a line may mean: a path with any of its folders, or a stem."""
        name, _, mark = line.rpartition(" ")
        texts = [line]
        if name and mark in _MARKS:
            texts.append(name)
        for text in texts:
            parts = [part for part in text.strip().replace("\\", "/").split("/") if part not in ("", ".", "..")]
            for start in range(len(parts)):
                found = self._ends.get("/".join(parts[start:]), set())
                if found:
                    return next(iter(found)) if len(found) == 1 else None
        return None


def _is_of_a_class(lines: Sequence[str]) -> bool:
    """Whether a list marks each image with 1, 0 or -1, as those of a single class do."""
    marked = [line.rpartition(" ")[2] for line in lines if line]
    return all(mark in _MARKS for mark in marked) and all(" " in line for line in lines if line)


def _parts(folder: str, root: Path) -> list[str]:
    relative = os.path.relpath(folder or os.curdir, root)
    return [] if relative == os.curdir else relative.split(os.sep)


def _is_below(file: str, folder: str, root: Path) -> bool:
    return folder in (part.casefold() for part in _parts(os.path.dirname(file), root))
