"""Checks of classes and boxes, from the annotations alone."""

import re
from collections import defaultdict

import numpy as np

from yolo3.data.box_orders import IN_WORDS, BoxOrder, is_misread, misfits
from yolo3.data.doctor.finding import Finding
from yolo3.data.doctor.survey import Survey, about
from yolo3.data.sample import Float64Array

_FEW = 10  # objects of a class: fewer are too few


def check_classes(survey: Survey) -> list[Finding]:
    """Find class numbers that count from 1, names that differ only in spelling, classes with few objects or none."""
    return [*_counted_from_one(survey), *_alike(survey), *_rare(survey)]


def check_boxes(survey: Survey) -> list[Finding]:
    """Find boxes in the wrong unit or the wrong order of numbers, and duplicate boxes."""
    return [*_fractions(survey), *_misread(survey), *_doubled(survey)]


def _counted_from_one(survey: Survey) -> list[Finding]:
    numbers = [found.label for found in survey.objects if isinstance(found.label, int)]
    count = len(survey.samples.names)
    if not numbers or min(numbers) != 1 or max(numbers) != count:
        return []
    last = next(found for found in survey.objects if found.label == count)
    what = f"class numbers run from 1 to {count}: {numbers.count(count)} objects have {count}, none has 0"
    return [about(survey, last, "error", "class numbers", what, "classes count from 0: subtract 1 from every number")]


def _alike(survey: Survey) -> list[Finding]:
    spellings = defaultdict(list)
    for name in survey.samples.names:
        spellings[re.sub(r"[\s_-]", "", name.casefold())].append(name)
    return [
        Finding(
            "warning", "class names", f"classes {_quoted(names)} differ only in spelling", survey.path, "make them one"
        )
        for names in spellings.values()
        if len(names) > 1
    ]


def _rare(survey: Survey) -> list[Finding]:
    samples = survey.samples
    findings = []
    counts = survey.split_counts
    for label, (name, total) in enumerate(zip(samples.names, samples.counts.tolist(), strict=True)):
        elsewhere = [split for split in counts if counts[split][label] and not split.startswith("train")]
        unlearnt = elsewhere and all(not counts[split][label] for split in counts if split.startswith("train"))
        if total == 0 and survey.held.get(name):
            what = f"none of the {survey.held[name]:,} objects of class {name!r} can be used"
            findings.append(Finding("warning", "class counts", what, survey.path, "fix the findings about them"))
        elif total == 0:
            what = f"class {name!r} has no object"
            fix = "annotate some, or remove the name"
            findings.append(Finding("warning", "class counts", what, survey.path, fix))
        elif unlearnt and any(split.startswith("train") for split in counts):
            what = f"class {name!r} is in {_quoted(elsewhere)} but not in training"
            findings.append(Finding("warning", "class counts", what, survey.path, "move some of its images"))
        elif total < _FEW:
            first = survey.taken[int((samples.labels == label).argmax())]
            what = f"class {name!r} has {total} object{'s' if total > 1 else ''}"
            fix = "too few to learn from; is the name mistyped?"
            findings.append(about(survey, first, "info", "class counts", what, fix))
    return findings


def _fractions(survey: Survey) -> list[Finding]:
    """Boxes within the first pixel, in a format that uses pixels."""
    if survey.format.in_fractions:
        return []
    return [
        about(
            survey,
            found,
            "error",
            "box unit",
            f"box ({', '.join(f'{edge:.4g}' for edge in found.box)}) lies within one pixel, as fractions would",
            f"{survey.format.name.upper()} boxes are in pixels: multiply by the image's width and height",
        )
        for found in survey.objects
        if np.isfinite(found.box).all() and min(found.box) >= 0 and 0 < max(found.box) <= 1
    ]


def _misread(survey: Survey) -> list[Finding]:
    """Boxes that do not fit their images in the order of the format, but do in another order."""
    said = survey.format.box_order
    every = [found for found in survey.objects if np.isfinite(found.box).all() and max(map(abs, found.box)) < 1e9]
    objects = [(found, found.image) for found in every if found.image is not None]
    if not objects:
        return []
    boxes = np.array([found.box for found, _ in objects], dtype=np.float64)
    sizes = survey.samples.sizes[[image for _, image in objects]]
    numbers = _as_written(boxes, said)
    unfit = {order: misfits(numbers, order, sizes) for order in IN_WORDS}
    meant = min(unfit, key=lambda order: (int(unfit[order].sum()), order != said))
    wrong = int(unfit[said].sum())
    left = int(unfit[meant].sum())
    if not is_misread(wrong, left, len(objects)):
        return []
    first, _ = objects[int(unfit[said].argmax())]
    what = (
        f"{wrong} of {len(objects)} boxes do not fit their images as ({IN_WORDS[said]}); "
        f"as ({IN_WORDS[meant]}) {'all' if left == 0 else f'all but {left}'} would"
    )
    fix = f"write every box as ({IN_WORDS[said]}), the order of {survey.format.name.upper()}"
    return [about(survey, first, "error", "box order", what, fix)]


def _as_written(boxes: Float64Array, order: BoxOrder) -> Float64Array:
    """(M, 4) xyxy -> the four numbers as the file has them, in pixels."""
    low, high = boxes[:, :2], boxes[:, 2:]
    first = (low + high) / 2 if order == "cxcywh" else low
    return np.concatenate([first, high if order == "xyxy" else high - low], axis=1)


def _doubled(survey: Survey) -> list[Finding]:
    """Boxes that are equal to the nearest pixel."""
    samples = survey.samples
    keys = np.column_stack([samples.image, samples.boxes.round().astype(np.int64)])
    _, group, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)  # one version of NumPy returns another shape
    repeated = np.flatnonzero(counts[group] > 1).tolist()
    taken = survey.taken
    first: dict[int, int] = {}
    findings = []
    for index in repeated:
        earlier = first.setdefault(int(group[index]), index)
        if earlier == index:
            continue
        ours, theirs = (samples.names[samples.labels[one]] for one in (index, earlier))
        whose = f"of class {ours!r} appears twice" if ours == theirs else f"has two classes, {theirs!r} and {ours!r}"
        what = f"a box {whose}, first at {taken[earlier].place}"
        findings.append(about(survey, taken[index], "warning", "duplicate box", what, "delete one"))
    return findings


def _quoted(names: list[str]) -> str:
    *first, last = map(repr, names)
    return f"{', '.join(first)} and {last}" if first else last
