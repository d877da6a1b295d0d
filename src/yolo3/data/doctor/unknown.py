"""Classes that are not among the names: one finding each, with the number of objects."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from yolo3.data.doctor.finding import Finding, at, of_fault
from yolo3.data.faults import Fault
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import FoundObject


def is_of_class(fault: Fault, faulty: Mapping[str, FoundObject]) -> bool:
    """Whether a fault is about an object of an unknown class."""
    found = faulty.get(fault.place)
    return fault.kind == "class" and found is not None and found.label is not None


def unknown_classes(
    samples: SampleSet, split: str | None, objects: Sequence[FoundObject], faults: Sequence[Fault]
) -> list[Finding]:
    """One finding for all objects with a class number out of range, and one for each unknown name.

    Args:
        samples: Samples of a split.
        split: Name of the split.
        objects: All annotated objects of the split.
        faults: Faults that the reader reported.
    """
    faulty = {found.place: found for found in objects if not found.taken}
    told: dict[str | None, list[tuple[Fault, FoundObject]]] = defaultdict(list)
    for fault in faults:
        if is_of_class(fault, faulty):
            found = faulty[fault.place]
            told[found.label if isinstance(found.label, str) else None].append((fault, found))
    return [_finding(samples, split, label, members, objects) for label, members in told.items()]


def _finding(
    samples: SampleSet,
    split: str | None,
    label: str | None,
    members: Sequence[tuple[Fault, FoundObject]],
    objects: Sequence[FoundObject],
) -> Finding:
    """The finding about the objects with one unknown name, or with unknown numbers."""
    fault, first = members[0]
    image = None if first.image is None else samples.path(first.image)
    boxes = tuple(found.box for _, found in members if found.image == first.image and np.isfinite(found.box).all())
    if len(members) == 1:
        return of_fault(fault, "error", image, boxes)
    where = "the data set" if split is None else f"split {split!r}"
    if label is not None:
        one = of_fault(fault, "error", image, boxes)
        what = f"{one.what}: {len(members):,} objects in {where}"
        fix = one.fix
    else:
        used = {found.label for found in objects if isinstance(found.label, int)}
        what = (
            f"{where} uses classes {min(used)}..{max(used)}, 'names' has {len(samples.names)}: "
            f"{len(members):,} objects have a class that is not in 0..{len(samples.names) - 1}"
        )
        fix = "fix the labels or add the names" if 0 in used else "are the labels 1-based? Then subtract 1"
    file, line, record = at(fault.place)
    return Finding("error", "unknown class", what, file, fix, line, record, image, boxes)
