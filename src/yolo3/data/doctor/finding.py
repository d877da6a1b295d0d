"""A finding of the doctor: a fault, its place and its fix."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolo3.data.box_checks import BoxCorners
from yolo3.data.faults import DataError, Fault, FaultKind

Severity = Literal["error", "warning", "info"]
"""How much a finding matters, worst first."""

SEVERITIES: dict[Severity, str] = {
    "error": "training would stop, learn what is wrong, or be measured wrongly",
    "warning": "training runs, but check that this is meant",
    "info": "good to know",
}
"""Meaning of each severity, worst first."""

FindingKind = Literal[
    "annotation",
    "missing image",
    "misleading path",
    "damaged image",
    "image size",
    "image in two splits",
    "duplicate image",
    "EXIF rotation",
    "image mode",
    "dark image",
    "unused image",
    "label file",
    "unused label file",
    "unknown class",
    "class numbers",
    "class names",
    "class counts",
    "box order",
    "box unit",
    "not finite",
    "reversed box",
    "box outside",
    "empty box",
    "tiny box",
    "duplicate box",
    "lost object",
    "anchor fit",
]
"""Kind of finding: the headings of a report."""

_OF_FAULTS: dict[FaultKind, tuple[FindingKind, str]] = {
    "syntax": ("annotation", "fix the file"),
    "reference": ("annotation", "fix the file"),
    "size": ("image size", "write the size of the image"),
    "missing": ("missing image", "add it, or remove it from the list"),
    "path": ("misleading path", "correct the path"),
    "image": ("damaged image", "replace or remove it"),
    "class": ("unknown class", "fix the label or add the name"),
    "not finite": ("not finite", "fix or delete it"),
    "reversed": ("reversed box", "fix or delete it"),
    "outside": ("box outside", "fix the box or the size"),
    "empty": ("empty box", "fix or delete it; it is left out"),
}


@dataclass(frozen=True)
class Finding:
    """One fault of a data set."""

    severity: Severity
    kind: FindingKind
    what: str
    """Description of the fault."""
    file: Path
    """File with the fault."""
    fix: str
    """Remedy."""
    line: int | None = None
    """Line number in the file; None for a fault of the whole file or of a record."""
    record: str = ""
    """Record in a file without useful line numbers, such as ``annotation 7`` in a JSON file."""
    image: Path | None = None
    """Image that shows the fault."""
    boxes: tuple[BoxCorners, ...] = ()
    """Faulty boxes, xyxy pixels of that image."""

    @property
    def place(self) -> str:
        """File with line or record: ``train.txt:7``."""
        if self.line is not None:
            return f"{self.file}:{self.line}"
        return f"{self.file}: {self.record}" if self.record else str(self.file)

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.fix}"


def at(place: str) -> tuple[Path, int | None, str]:
    """File, line and record of a place that a reader reports: ``a.xml:7``, ``a.json: annotation 3``, ``a.txt``."""
    if match := re.fullmatch(r"(.+):(\d+)", place):
        return Path(match[1]), int(match[2]), ""
    file, _, record = place.partition(": ")
    return Path(file), None, record


def of_fault(fault: Fault, severity: Severity, image: Path | None = None, boxes: Iterable[BoxCorners] = ()) -> Finding:
    """The finding of a reader's fault."""
    file, line, record = at(fault.place)
    kind, usual_fix = _OF_FAULTS[fault.kind]
    what, fix = _split_fix(fault.text.removeprefix(f"{file}: "), usual_fix)
    return Finding(severity, kind, what, file, fix, line, record, image, tuple(boxes))


def of_error(error: DataError, kind: FindingKind, otherwise: Path, image: Path | None = None) -> Finding:
    """The finding of an error that kept a file from being read, with severity ``error``.

    Args:
        error: Error whose text begins with the place.
        kind: Kind of finding.
        otherwise: File to name if the text names none.
        image: Image that shows the fault.
    """
    match = re.fullmatch(r"(?P<file>.+?)(:(?P<line>\d+))?: (?P<text>.+)", str(error), flags=re.DOTALL)
    if match is None:
        what, fix = _split_fix(str(error), "fix the file")
        return Finding("error", kind, what, Path(otherwise), fix, image=image)
    what, fix = _split_fix(match["text"], "fix the file")
    line = None if match["line"] is None else int(match["line"])
    return Finding("error", kind, what, Path(match["file"]), fix, line, image=image)


def _split_fix(text: str, usual: str) -> tuple[str, str]:
    what, semicolon, fix = text.rpartition("; ")
    return (what, fix) if semicolon else (text, usual)
