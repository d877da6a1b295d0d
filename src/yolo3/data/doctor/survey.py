"""A data set read to its end, whatever is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from yolo3.data.doctor.finding import Finding, Kind, Severity, at, of_error, of_fault
from yolo3.data.faults import DataError, Fault
from yolo3.data.formats import Format, dataset_splits, open_dataset
from yolo3.data.reading import FoundObject
from yolo3.data.sample import Sample, SampleSet


@dataclass(frozen=True, eq=False)
class Survey:
    """All pictures and objects of a data set, and what its readers complained of."""

    path: Path
    format: Format
    samples: SampleSet
    """Every picture once, whatever splits it is in."""
    objects: tuple[FoundObject, ...]
    """All that the files hold; those that are taken are the samples' boxes, in order."""
    splits: Mapping[str, frozenset[int]]
    """The indices of each split's pictures."""
    findings: tuple[Finding, ...]

    @cached_property
    def taken(self) -> list[FoundObject]:
        """(N,) the samples' boxes as they stand in the files."""
        return [found for found in self.objects if found.taken]


@dataclass(frozen=True, eq=False)
class _Part:
    split: str | None
    samples: SampleSet
    objects: list[FoundObject]
    faults: list[Fault]


def survey(path: Path, format: Format) -> Survey:
    """Read every split of a data set, and in VOC also the annotations that no split lists."""
    findings: list[Finding] = []
    parts: list[_Part] = []
    try:
        splits: list[str | None] = [*dataset_splits(path, format)]
    except DataError as error:
        findings.append(of_error(error, "annotation", path))
    else:
        for split in splits if splits and format != "voc" else [*splits, None]:
            # all splits of a VOC set have the same classes: to find them once is enough
            names = parts[0].samples.names if parts and format == "voc" else None
            objects: list[FoundObject] = []
            faults: list[Fault] = []
            try:
                samples = open_dataset(path, split, format, names, faults.append, objects.append)
            except DataError as error:
                findings += [*(of_fault(fault, "harm") for fault in faults), of_error(error, "annotation", path)]
            else:
                parts.append(_Part(split, samples, objects, faults))
    for part in parts:
        findings += _complaints(part) + _disagreement(parts[0], part) + _repeated(part)
    return _joined(path, format, parts, list(dict.fromkeys(findings)))


def about(survey: Survey, found: FoundObject, severity: Severity, kind: Kind, what: str, mend: str) -> Finding:
    """A finding about one object."""
    file, line, record = at(found.place)
    picture = survey.samples.path(found.picture)
    return Finding(severity, kind, what, file, mend, line, record, picture, (found.box,))


def _complaints(part: _Part) -> list[Finding]:
    """Its reader's: training stops at faults, and goes on without what was skipped."""
    faulty = {found.place: found for found in part.objects if not found.taken}
    told: list[tuple[Severity, Fault]] = [("harm", fault) for fault in part.faults]
    told += [("doubt", fault) for fault in part.samples.skipped]
    findings = []
    for severity, fault in told:
        found = faulty.get(fault.place)
        picture = None if found is None else part.samples.path(found.picture)
        boxes = () if found is None or not np.isfinite(found.box).all() else (found.box,)
        findings.append(of_fault(fault, severity, picture, boxes))
    return findings


def _disagreement(first: _Part, part: _Part) -> list[Finding]:
    """Splits whose classes differ: one number would mean two things."""
    if part.samples.names == first.samples.names:
        return []
    file = at(part.objects[0].place)[0] if part.objects else part.samples.path(0).parent
    what = (
        f"the classes of split {part.split!r} are {', '.join(part.samples.names)}; "
        f"those of {first.split!r} are {', '.join(first.samples.names)}"
    )
    return [Finding("harm", "class names", what, file, "give all splits the same classes, in the same order")]


def _repeated(part: _Part) -> list[Finding]:
    """Pictures that a split holds more than once."""
    seen: set[Path] = set()
    findings = []
    for index in range(len(part.samples)):
        path = part.samples.path(index)
        if path in seen:
            what = "the picture stands twice" + (f" in split {part.split!r}" if part.split is not None else "")
            findings.append(Finding("doubt", "duplicate picture", what, path, "list it once", picture=path))
        seen.add(path)
    return findings


def _joined(path: Path, format: Format, parts: list[_Part], findings: list[Finding]) -> Survey:
    names = list(dict.fromkeys(name for part in parts for name in part.samples.names))
    indices: dict[Path, int] = {}
    samples: list[Sample] = []
    objects: list[FoundObject] = []
    splits: dict[str, frozenset[int]] = {}
    for part in parts:
        numbers = np.array([names.index(name) for name in part.samples.names], dtype=np.int64)
        fresh: dict[int, int] = {}
        members = set()
        for index, sample in enumerate(part.samples):
            if sample.image not in indices:
                fresh[index] = indices[sample.image] = len(samples)
                samples.append(replace(sample, labels=numbers[sample.labels], image_id=None))
            members.add(indices[sample.image])
        objects += [found._replace(picture=fresh[found.picture]) for found in part.objects if found.picture in fresh]
        if part.split is not None:
            splits[part.split] = frozenset(members)
    return Survey(path, format, SampleSet.from_samples(names, samples), tuple(objects), splits, tuple(findings))
