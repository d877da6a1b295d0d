"""The pictures' files: missing, damaged, turned, doubled, in two splits."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from os import cpu_count
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from yolo3.data.doctor.finding import Finding, Kind, at, of_error
from yolo3.data.doctor.survey import Survey
from yolo3.data.faults import DataError
from yolo3.data.images import IMAGE_SUFFIXES, examined, facts_of, in_words, unread_suffixes
from yolo3.data.listing import visible
from yolo3.data.split_names import may_share
from yolo3.images import MAX_MEGAPIXELS

Item = TypeVar("Item")

_TURNED = {
    2: "mirrored",
    3: "upside down",
    4: "upside down and mirrored",
    5: "lying and mirrored",
    6: "lying on its left side",
    7: "lying and mirrored",
    8: "lying on its right side",
}
_MODES = {
    "1": "are black and white: their three channels will be equal",
    "L": "are grey: their three channels will be equal",
    "LA": "are grey with transparency, which is dropped",
    "P": "have a palette, and become RGB",
    "PA": "have a palette with transparency, which is dropped",
    "RGBA": "have transparency, which is dropped",
    "CMYK": "are CMYK, and become RGB by a plain formula",
    "YCbCr": "are YCbCr, and become RGB",
    "I": "have 16 bits or more, of which the highest 8 are read",
}
_BLACK = 3  # of 255: what is left of black after JPEG


class Watch(Protocol):
    """Hands items on and shows how far they have come; a progress bar."""

    def __call__(self, items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
        """The items, of which there are ``total``; ``what`` is being done."""
        ...


@dataclass(frozen=True)
class PictureFile:
    """What a picture's file turned out to be."""

    path: Path
    digest: bytes
    """Of its bytes; of its name where it cannot be read."""
    mode: str = ""
    """Pillow's name for how pixels are stored; empty where there are none."""
    orientation: int = 1
    """EXIF's, 1 to 8."""
    is_nearly_black: bool = False
    """It has 16 bits, and those that are kept are nearly zero; see `Decoded`."""
    brightest: int = 255
    """Of all its values as they are read."""
    finding: Finding | None = None
    """What keeps it from being used."""


def open_pictures(survey: Survey, watch: Watch, max_megapixels: float = MAX_MEGAPIXELS) -> list[PictureFile]:
    """Read every picture of a data set to its end.

    Args:
        survey: The data set.
        watch: Told how far it has come.
        max_megapixels: Largest image that is read, in 10⁶ pixels.
    """
    samples = survey.samples
    paths = [samples.path(index) for index in range(len(samples))]
    sizes = [(height, width) for height, width in samples.sizes.tolist()]
    with ThreadPoolExecutor(min(8, cpu_count() or 1)) as pool:  # reading and decoding both let other threads run
        return list(
            watch(pool.map(partial(_open, max_megapixels=max_megapixels), paths, sizes), len(paths), "reading pictures")
        )


def _open(path: Path, size: tuple[int, int], max_megapixels: float) -> PictureFile:
    """Read a picture, which must be of (height, width)."""
    unread = partial(PictureFile, path, digest=os.fsencode(path))
    if not path.is_file():
        return unread(finding=of_error(DataError(f"{path}: no such picture"), "missing picture", path))
    kind: Kind = "damaged picture"
    try:
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
        facts = facts_of(path)
        kind = "picture size" if facts.size != size else kind
        seen = examined(path, size, max_megapixels)
        brightest = int(seen.pixels.max())
        return PictureFile(path, digest, facts.mode, facts.orientation, seen.is_nearly_black, brightest)
    except DataError as error:
        return unread(finding=of_error(error, kind, path, picture=path))
    except OSError as error:
        return unread(finding=of_error(DataError(f"{path}: cannot be read ({error.strerror})"), kind, path))


def check_pictures(survey: Survey, files: list[PictureFile]) -> list[Finding]:
    """Everything about pictures.

    Args:
        survey: of the data set.
        files: one for each of its pictures.
    """
    broken = [file.finding for file in files if file.finding is not None]
    doubled = [*_doubled(survey, files), *_shared(survey, files)]
    black = _black(survey, files)
    return [*broken, *doubled, *_turned(survey, files), *black, *_modes(files), *_unused(survey), *_orphans(survey)]


def _doubled(survey: Survey, files: list[PictureFile]) -> list[Finding]:
    """Pictures of the same bytes, within a split or in none."""
    splits = list(survey.splits.values())
    groups = defaultdict(list)
    for index, file in enumerate(files):
        groups[file.digest].append(index)
    pairs = [
        (indices[0], other)
        for indices in groups.values()
        for other in indices[1:]
        if any({indices[0], other} <= split for split in splits) or not any(other in split for split in splits)
    ]
    return [
        Finding(
            "doubt",
            "duplicate picture",
            f"the same picture as {files[first].path}",
            files[other].path,
            "keep the one whose boxes are right",
            picture=files[other].path,
        )
        for first, other in pairs
    ]


def _shared(survey: Survey, files: list[PictureFile]) -> list[Finding]:
    """Pictures in two splits, by their bytes; not of those that are meant to share, as train and trainval."""
    findings = []
    held = {
        split: {files[index].digest: files[index].path for index in sorted(indices, reverse=True)}
        for split, indices in survey.splits.items()
    }
    for one, other in combinations(held, 2):
        shared = sorted(held[one].keys() & held[other].keys(), key=lambda digest: held[other][digest])
        if may_share(one, other) or not shared:
            continue
        mend = "measure on pictures that training has not seen"
        if held[one].keys() == held[other].keys():
            what = f"splits {one!r} and {other!r} are the same {len(shared)} pictures"
            findings.append(Finding("harm", "picture in two splits", what, survey.path, mend))
            continue
        for digest in shared:
            theirs, ours = held[one][digest], held[other][digest]
            what = f"the picture is in splits {one!r} and {other!r}" + (f", as {theirs}" if theirs != ours else "")
            findings.append(
                Finding("harm", "picture in two splits", what, ours, f"{mend}: take it out of one", picture=ours)
            )
    return findings


def _turned(survey: Survey, files: list[PictureFile]) -> list[Finding]:
    """Pictures that EXIF turns: where sizes cannot tell, the boxes may have been drawn before the turn."""
    findings = []
    for file, (height, width) in zip(files, survey.samples.sizes.tolist(), strict=True):
        if file.orientation in _TURNED:
            told = survey.format != "yolo" and file.orientation >= 5 and height != width
            what = f"stored {_TURNED[file.orientation]}; EXIF turns it upright"
            mend = (
                "its boxes are of the upright picture" if told else "look whether its boxes are of the upright picture"
            )
            findings.append(
                Finding("note" if told else "doubt", "EXIF rotation", what, file.path, mend, picture=file.path)
            )
    return findings


def _black(survey: Survey, files: list[PictureFile]) -> list[Finding]:
    """Pictures that show nothing, and have boxes all the same."""
    counts = np.diff(survey.samples.object_ends, prepend=0).tolist()
    return [
        Finding(
            "doubt",
            "dark picture",
            f"the picture is black all over, and has {count} box{'es' if count > 1 else ''}",
            file.path,
            "replace it or take it out",
            picture=file.path,
        )
        for file, count in zip(files, counts, strict=True)
        if count and file.brightest <= _BLACK and not file.is_nearly_black  # which `_modes` tells
    ]


def _modes(files: list[PictureFile]) -> list[Finding]:
    stored = defaultdict(list)
    dark = [file.path for file in files if file.is_nearly_black]
    for file in files:
        stored["I" if file.mode.startswith("I") else file.mode].append(file.path)
    return [
        Finding(
            "note", "picture mode", f"{len(paths)} of {len(files)} pictures {_MODES[mode]}", paths[0], "nothing to do"
        )
        for mode, paths in stored.items()
        if mode in _MODES
    ] + [
        Finding(
            "doubt",
            "picture mode",
            f"{len(dark)} of {len(files)} images have 16 bits and only values below 4,096: they come out nearly black",
            path,
            "spread values of 10 or 12 bits over all 16",
            picture=path,
        )
        for path in dark[:1]
    ]


def _unused(survey: Survey) -> list[Finding]:
    """Pictures that lie beside those of the data set and have no place in it."""
    used = {survey.samples.path(index) for index in range(len(survey.samples))}
    findings = []
    for folder in sorted({path.parent for path in used}):
        if folder.is_dir():
            files = visible(folder, "*")
            beside = {path for path in files if path.suffix.lower() in IMAGE_SUFFIXES} - used
            if unread := unread_suffixes(files):
                what = in_words(unread)
                findings.append(Finding("doubt", "unused picture", what, folder, "convert them to JPEG or PNG"))
            if beside:
                what = f"pictures in no annotation or list: {len(beside):,}, the first {min(beside).name}"
                mend = "name them, with no objects if there are none"
                findings.append(Finding("note", "unused picture", what, folder, mend))
    return findings


def _orphans(survey: Survey) -> list[Finding]:
    """Files in YOLO's ``labels`` whose picture is missing: nothing else names it."""
    if survey.format != "yolo":
        return []
    folders = {at(found.place)[0].parent for found in survey.objects}
    known = {survey.samples.path(index).stem for index in range(len(survey.samples))} | {"classes"}
    return [
        Finding(
            "doubt",
            "unused label file",
            "labels of a picture that is not there",
            path,
            "add the picture or delete them",
        )
        for folder in sorted(folder for folder in folders if "labels" in folder.parts)
        for path in visible(folder, "*.txt")
        if path.stem not in known
    ]
