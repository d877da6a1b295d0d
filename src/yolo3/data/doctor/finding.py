"""What the doctor finds: one complaint, its place, its mend."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolo3.data.box_checks import Box
from yolo3.data.faults import DataError, Fault, FaultKind

Severity = Literal["harm", "doubt", "note"]

SEVERITIES: dict[Severity, str] = {
    "harm": "training would stop, learn what is wrong, or be measured wrongly",
    "doubt": "training runs, but look whether this is meant",
    "note": "good to know",
}
"""What each severity means, worst first."""

Kind = Literal[
    "annotation",
    "missing picture",
    "misleading path",
    "damaged picture",
    "picture size",
    "picture in two splits",
    "duplicate picture",
    "EXIF rotation",
    "picture mode",
    "dark picture",
    "unused picture",
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
"""What sort of complaint it is: the headings of a report."""

_OF_FAULTS: dict[FaultKind, tuple[Kind, str]] = {
    "syntax": ("annotation", "mend the file"),
    "reference": ("annotation", "mend the file"),
    "size": ("picture size", "write the picture's own"),
    "missing": ("missing picture", "add it or take it out of the list"),
    "path": ("misleading path", "correct the path"),
    "image": ("damaged picture", "replace it or take it out"),
    "class": ("unknown class", "mend the label or add the name"),
    "not finite": ("not finite", "mend or delete it"),
    "reversed": ("reversed box", "mend or delete it"),
    "outside": ("box outside", "mend the box or the size"),
    "empty": ("empty box", "mend or delete it; it is left out"),
}


@dataclass(frozen=True)
class Finding:
    """One complaint about a data set."""

    severity: Severity
    kind: Kind
    what: str
    """What is wrong."""
    file: Path
    mend: str
    """What to do about it."""
    line: int | None = None
    """Of the file; None where the file as a whole is meant, or a record."""
    record: str = ""
    """Of a file without useful lines: ``annotation 7`` of a JSON file."""
    picture: Path | None = None
    """That shows it."""
    boxes: tuple[Box, ...] = ()
    """xyxy pixels of that picture: where to look."""

    @property
    def place(self) -> str:
        """The file, and the line or record: ``train.txt:7``."""
        if self.line is not None:
            return f"{self.file}:{self.line}"
        return f"{self.file}: {self.record}" if self.record else str(self.file)

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.mend}"


def at(place: str) -> tuple[Path, int | None, str]:
    """The file, line and record of a place as readers write it: ``a.xml:7``, ``a.json: annotation 3``, ``a.txt``."""
    if match := re.fullmatch(r"(.+):(\d+)", place):
        return Path(match[1]), int(match[2]), ""
    file, _, record = place.partition(": ")
    return Path(file), None, record


def of_fault(fault: Fault, severity: Severity, picture: Path | None = None, boxes: Iterable[Box] = ()) -> Finding:
    """A reader's complaint as a finding."""
    file, line, record = at(fault.place)
    kind, usual_mend = _OF_FAULTS[fault.kind]
    what, mend = _split_mend(fault.text.removeprefix(f"{file}: "), usual_mend)
    return Finding(severity, kind, what, file, mend, line, record, picture, tuple(boxes))


def of_error(error: DataError, kind: Kind, otherwise: Path, picture: Path | None = None) -> Finding:
    """What kept a file from being read at all, as a finding; of harm.

    Args:
        error: its text begins with the place.
        kind: of complaint.
        otherwise: the file to blame if the text names none.
        picture: that shows it.
    """
    match = re.fullmatch(r"(?P<file>.+?)(:(?P<line>\d+))?: (?P<text>.+)", str(error), flags=re.DOTALL)
    file, line, text = (match["file"], match["line"], match["text"]) if match else (otherwise, None, str(error))
    what, mend = _split_mend(text, "mend the file")
    return Finding("harm", kind, what, Path(file), mend, None if line is None else int(line), picture=picture)


def _split_mend(text: str, usual: str) -> tuple[str, str]:
    what, semicolon, mend = text.rpartition("; ")
    return (what, mend) if semicolon else (text, usual)
