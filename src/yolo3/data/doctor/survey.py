"""A complete reading of a data set, whatever its faults."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from yolo3.data.data_format import DataFormat
from yolo3.data.doctor.finding import Finding, FindingKind, Severity, at, of_error, of_fault
from yolo3.data.doctor.unknown import is_of_class, unknown_classes
from yolo3.data.faults import DataError, Fault
from yolo3.data.sample import Sample, SampleSet
from yolo3.data.sample_builder import FoundObject
from yolo3.data.source import FoundDataSet


@dataclass(frozen=True, eq=False)
class Survey:
    """All images and objects of a data set, and the faults that its reader reported."""

    path: Path
    found: FoundDataSet
    samples: SampleSet
    """Samples of all splits, each image once."""
    objects: tuple[FoundObject, ...]
    """All annotated objects of these images; the valid ones are the samples' boxes, in order."""
    held: Mapping[str, int]
    """Number of annotated objects per class, including those of unusable images; every file counts."""
    splits: Mapping[str, frozenset[int]]
    """Indices of the images of each split."""
    split_counts: Mapping[str, tuple[int, ...]]
    """Number of objects per class for each split, according to its own annotations."""
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    """How the data set was found and read, one per line."""

    @property
    def format(self) -> DataFormat:
        """Annotation format."""
        return self.found.format

    @cached_property
    def taken(self) -> list[FoundObject]:
        """(N,) the valid objects, as the files state them."""
        return [found for found in self.objects if found.taken]


@dataclass(frozen=True, eq=False)
class _Part:
    split: str | None
    samples: SampleSet
    objects: list[FoundObject]
    faults: list[Fault]


def survey(found: FoundDataSet) -> Survey:
    """Read every split of a data set, and annotations that no split lists where splits are lists of images."""
    path = found.source.path
    findings: list[Finding] = []
    parts: list[_Part] = []
    try:
        splits: list[str | None] = [*found.split_names]
    except DataError as error:
        findings.append(of_error(error, "annotation", path))
    else:
        if not splits or found.splits_are_lists:
            splits.append(None)  # all annotations, of which lists may leave some out
        for split in splits:
            # lists beside one store of annotations have the same classes: finding them once is enough
            names = parts[0].samples.names if parts and found.splits_are_lists else None
            objects: list[FoundObject] = []
            faults: list[Fault] = []
            try:
                samples = found.read(split, names, faults.append, objects.append)
            except DataError as error:
                findings += [*(of_fault(fault, "error") for fault in faults), of_error(error, "annotation", path)]
            else:
                parts.append(_Part(split, samples, objects, faults))
    for part in parts:
        findings += _faults(part) + _disagreement(parts[0], part) + _repeated(part)
        findings += [Finding("warning", "label file", text, path, "check that this is meant") for text in _noted(part)]
    findings += _annotated_twice(parts)
    return _joined(found, parts, list(dict.fromkeys(findings)))


def about(survey: Survey, found: FoundObject, severity: Severity, kind: FindingKind, what: str, fix: str) -> Finding:
    """A finding about one object."""
    file, line, record = at(found.place)
    image = None if found.image is None else survey.samples.path(found.image)
    return Finding(severity, kind, what, file, fix, line, record, image, (found.box,))


def _faults(part: _Part) -> list[Finding]:
    """Faults from the reader: training stops at faults, and goes on without skipped items."""
    faulty = {found.place: found for found in part.objects if not found.taken}
    told: list[tuple[Severity, Fault]] = [("error", fault) for fault in part.faults if not is_of_class(fault, faulty)]
    told += [("warning", fault) for fault in part.samples.skipped]
    findings = unknown_classes(part.samples, part.split, part.objects, part.faults)
    for severity, fault in told:
        found = faulty.get(fault.place)
        image = None if found is None or found.image is None else part.samples.path(found.image)
        boxes = () if found is None or not np.isfinite(found.box).all() else (found.box,)
        findings.append(of_fault(fault, severity, image, boxes))
    return findings


def _noted(part: _Part) -> list[str]:
    """Observations from the reader that change nothing."""
    where = "" if part.split is None else f"split {part.split!r}, "
    return [where + remark for remark in part.samples.remarks]


def _disagreement(first: _Part, part: _Part) -> list[Finding]:
    """Splits whose classes differ: one number would stand for two classes."""
    if part.samples.names == first.samples.names:
        return []
    file = at(part.objects[0].place)[0] if part.objects else part.samples.path(0).parent
    what = (
        f"the classes of split {part.split!r} are {', '.join(part.samples.names)}; "
        f"those of {first.split!r} are {', '.join(first.samples.names)}"
    )
    return [Finding("error", "class names", what, file, "give all splits the same classes, in the same order")]


def _repeated(part: _Part) -> list[Finding]:
    """Images that appear more than once in a split."""
    seen: set[Path] = set()
    findings = []
    for index in range(len(part.samples)):
        path = part.samples.path(index)
        if path in seen:
            where = "" if part.split is None else f" in split {part.split!r}"
            what = f"the image appears twice{where}"
            findings.append(Finding("warning", "duplicate image", what, path, "list it once", image=path))
        seen.add(path)
    return findings


def _annotated_twice(parts: list[_Part]) -> list[Finding]:
    """Images whose boxes differ between splits."""
    first: dict[Path, tuple[_Part, Sample]] = {}
    findings = []
    for part in parts:
        for sample in part.samples:
            earlier, other = first.setdefault(sample.image, (part, sample))
            if earlier is part or _boxes_by_name(earlier, other) == _boxes_by_name(part, sample):
                continue
            what = f"its boxes in split {part.split!r} differ from those in split {earlier.split!r}"
            fix = "annotate it once, in one split"
            findings.append(Finding("error", "image in two splits", what, sample.image, fix, image=sample.image))
    return findings


def _boxes_by_name(part: _Part, sample: Sample) -> list[tuple[str, ...]]:
    names = [part.samples.names[label] for label in sample.labels.tolist()]
    return sorted((name, *map(str, box)) for name, box in zip(names, sample.boxes.tolist(), strict=True))


def _joined(found: FoundDataSet, parts: list[_Part], findings: list[Finding]) -> Survey:
    names = list(dict.fromkeys(name for part in parts for name in part.samples.names))
    indices: dict[Path, int] = {}
    samples: list[Sample] = []
    objects: list[FoundObject] = []
    held: Counter[str] = Counter()
    held_in: list[int] = []
    splits: dict[str, frozenset[int]] = {}
    counts: dict[str, tuple[int, ...]] = {}
    for part in parts:
        numbers = np.array([names.index(name) for name in part.samples.names], dtype=np.int64)
        fresh: dict[int, int] = {}
        members = set()
        own = part.samples.held
        assert own is not None  # readers count
        for index, sample in enumerate(part.samples):
            if sample.image not in indices:
                fresh[index] = indices[sample.image] = len(samples)
                samples.append(replace(sample, labels=numbers[sample.labels], image_id=None))
                held_in.append(int(own[index]))
            members.add(indices[sample.image])
        objects += [item._replace(image=fresh[item.image]) for item in part.objects if item.image in fresh]
        held.update(_class_name(part.samples.names, item.label) for item in part.objects)
        if part.split is not None:
            splits[part.split] = frozenset(members)
            of_part = np.bincount(numbers[part.samples.labels], minlength=len(names))
            counts[part.split] = tuple(of_part.tolist())
    notes = tuple(dict.fromkeys(note for part in parts for note in part.samples.notes))
    whole = replace(SampleSet.from_samples(names, samples), held=np.array(held_in, dtype=np.int64))
    return Survey(found.source.path, found, whole, tuple(objects), held, splits, counts, tuple(findings), notes)


def _class_name(names: tuple[str, ...], label: int | str | None) -> str:
    """The name of a class; empty if it has none."""
    if isinstance(label, int):
        return names[label] if 0 <= label < len(names) else ""
    return label or ""
