"""Checks of image files: missing, damaged, rotated, duplicate, in two splits."""

from collections import defaultdict
from itertools import combinations

import numpy as np

from yolo3.data.doctor.finding import Finding, at
from yolo3.data.doctor.reading_images import ExaminedImage
from yolo3.data.doctor.survey import Survey
from yolo3.data.images import IMAGE_SUFFIXES, in_words, unread_suffixes
from yolo3.data.listing import visible
from yolo3.data.split_names import may_share

_TURNED = {
    2: "mirrored",
    3: "upside down",
    4: "upside down and mirrored",
    5: "rotated by 90° and mirrored",
    6: "rotated by 90° to the left",
    7: "rotated by 90° and mirrored",
    8: "rotated by 90° to the right",
}
_MODES = {
    "1": "are black and white: a network of three channels sees them three times",
    "L": "are grey: a network of three channels sees them three times",
    "LA": "are grey with transparency, which a network of three channels does not see",
    "P": "have a palette, and become RGB",
    "PA": "have a palette with transparency, which no network sees",
    "RGBA": "have transparency, which a network of three channels does not see",
    "CMYK": "are CMYK, and become RGB by a plain formula",
    "YCbCr": "are YCbCr, and become RGB",
    "I": "have 16 bits, of which 65,535 is white",
    "": "have channels without a meaning: for a network of as many (--channels)",
}
_BLACK = 3  # of 255: black after JPEG compression


def check_images(survey: Survey, files: list[ExaminedImage]) -> list[Finding]:
    """Find all faults of image files.

    Args:
        survey: Survey of the data set.
        files: Result of reading each image.
    """
    broken = [file.finding for file in files if file.finding is not None]
    doubled = [*_doubled(survey, files), *_shared(survey, files)]
    black = _black(survey, files)
    return [*broken, *doubled, *_turned(survey, files), *black, *_modes(files), *_unused(survey), *_orphans(survey)]


def _doubled(survey: Survey, files: list[ExaminedImage]) -> list[Finding]:
    """Images with the same bytes, within a split or outside all splits."""
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
            "warning",
            "duplicate image",
            f"the same image as {files[first].path}",
            files[other].path,
            "keep the one whose boxes are right",
            image=files[other].path,
        )
        for first, other in pairs
    ]


def _shared(survey: Survey, files: list[ExaminedImage]) -> list[Finding]:
    """Images in two splits, by their bytes, except in splits that are expected to share, such as train and trainval."""
    findings = []
    held = {
        split: {files[index].digest: files[index].path for index in sorted(indices, reverse=True)}
        for split, indices in survey.splits.items()
    }
    for one, other in combinations(held, 2):
        shared = sorted(held[one].keys() & held[other].keys(), key=lambda digest: held[other][digest])
        if may_share(one, other) or not shared:
            continue
        fix = "evaluate on images that training has not seen"
        if held[one].keys() == held[other].keys():
            what = f"splits {one!r} and {other!r} have the same {len(shared)} images"
            findings.append(Finding("error", "image in two splits", what, survey.path, fix))
            continue
        for digest in shared:
            theirs = held[one][digest]
            ours = held[other][digest]
            other_name = "" if theirs == ours else f", as {theirs}"
            what = f"the image is in splits {one!r} and {other!r}{other_name}"
            findings.append(
                Finding("error", "image in two splits", what, ours, f"{fix}: remove it from one of them", image=ours)
            )
    return findings


def _turned(survey: Survey, files: list[ExaminedImage]) -> list[Finding]:
    """Images with an EXIF rotation: if the size does not tell, the boxes may have been drawn before it."""
    findings = []
    for file, (height, width) in zip(files, survey.samples.sizes.tolist(), strict=True):
        if file.orientation in _TURNED:
            told = survey.format.states_size and file.orientation >= 5 and height != width
            what = f"stored {_TURNED[file.orientation]}; EXIF rotates it upright"
            fix = "its boxes refer to the upright image" if told else "check that its boxes refer to the upright image"
            findings.append(
                Finding("info" if told else "warning", "EXIF rotation", what, file.path, fix, image=file.path)
            )
    return findings


def _black(survey: Survey, files: list[ExaminedImage]) -> list[Finding]:
    """Images that are black and have boxes."""
    counts = np.diff(survey.samples.object_ends, prepend=0).tolist()
    return [
        Finding(
            "warning",
            "dark image",
            f"the image is entirely black but has {count} box{'es' if count > 1 else ''}",
            file.path,
            "replace or remove it",
            image=file.path,
        )
        for file, count in zip(files, counts, strict=True)
        if count and file.brightest <= _BLACK and not file.is_nearly_black  # which `_modes` tells
    ]


def _modes(files: list[ExaminedImage]) -> list[Finding]:
    stored = defaultdict(list)
    dark = [file.path for file in files if file.is_nearly_black]
    for file in files:
        mode = "I" if file.mode.startswith("I") else file.mode  # I;16 and I;16B too
        stored[mode].append(file.path)
    return [
        Finding("info", "image mode", f"{len(paths)} of {len(files)} images {_MODES[mode]}", paths[0], "nothing to do")
        for mode, paths in stored.items()
        if mode in _MODES
    ] + [
        Finding(
            "warning",
            "image mode",
            f"{len(dark)} of {len(files)} images have 16 bits and only values below 4,096: they become nearly black",
            path,
            "spread values of 10 or 12 bits over all 16",
            image=path,
        )
        for path in dark[:1]
    ]


def _unused(survey: Survey) -> list[Finding]:
    """Image files in the folders of the data set that it does not use."""
    used = {survey.samples.path(index) for index in range(len(survey.samples))}
    findings = []
    for folder in sorted({path.parent for path in used}):
        if folder.is_dir():
            files = visible(folder, "*")
            beside = {path for path in files if path.suffix.lower() in IMAGE_SUFFIXES} - used
            if unread := unread_suffixes(files):
                what = in_words(unread)
                findings.append(Finding("warning", "unused image", what, folder, "convert them to JPEG or PNG"))
            if beside:
                what = f"images in no annotation or list: {len(beside):,}, the first {min(beside).name}"
                fix = "list them, without objects if they have none"
                findings.append(Finding("info", "unused image", what, folder, fix))
    return findings


def _orphans(survey: Survey) -> list[Finding]:
    """Annotation files without their image, in formats where nothing else names the image."""
    if survey.found.layout is not None:  # which tells them itself
        return []
    used = {at(found.place)[0] for found in survey.objects}
    images = [survey.samples.path(index) for index in range(len(survey.samples))]
    return [
        Finding(
            "warning",
            "unused label file",
            "labels of a missing image",
            path,
            "add the image or delete them",
        )
        for path in survey.format.unused_labels(used, images)
    ]
