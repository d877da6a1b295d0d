"""The report: text for a terminal, JSON for programs."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from yolo3.data.doctor.examination import Examination
from yolo3.data.doctor.finding import SEVERITIES, Finding, FindingKind, Severity
from yolo3.text_table import text_table

_MOST_CLASSES = 20  # rows of the terminal's table

Table = list[list[str]]
"""Rows, the first of which is the header."""


def text_report(examination: Examination, most: int = 5) -> str:
    """The findings as text.

    Args:
        examination: Examination of a data set.
        most: Number of findings listed per kind; the others are counted.
    """
    lines = [headline(examination), *examination.notes, "", *_aligned(class_table(examination), _MOST_CLASSES)]
    if examination.fit:
        lines += ["", *_aligned(network_table(examination))]
    for severity, meaning in SEVERITIES.items():
        groups = by_kind(examination.of(severity))
        if groups:
            lines += ["", f"{severity.upper()}: {meaning}"]
        for kind, findings in groups.items():
            lines.append(f"  {kind} ({len(findings):,})")
            lines += [f"    {finding}" for finding in findings[:most]]
            if len(findings) > most:
                lines.append(f"    … and {len(findings) - most:,} more")
    return "\n".join([*lines, "", verdict(examination)])


def json_report(examination: Examination) -> str:
    """All findings as JSON: the fields of an `Examination`, and whether there are errors."""
    content: dict[str, Any] = {"has_errors": examination.has_errors, **asdict(examination)}
    return json.dumps(content, ensure_ascii=False, indent=2, default=str)  # paths become text


def by_kind(findings: Iterable[Finding]) -> dict[FindingKind, list[Finding]]:
    """Findings by kind, in the order in which the kinds first occur."""
    groups: dict[FindingKind, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.kind, []).append(finding)
    return groups


def headline(examination: Examination) -> str:
    """A summary of the data set, in one line."""
    emptied = f", {examination.emptied_images:,} whose objects are all faulty" if examination.emptied_images else ""
    images = f"{examination.images:,} images ({examination.empty_images:,} without objects{emptied})"
    return f"{examination.path} ({examination.format}): {images}, {sum(examination.counts):,} boxes"


def verdict(examination: Examination) -> str:
    """The verdict, in one line."""
    counts = {severity: len(examination.of(severity)) for severity in SEVERITIES}
    found = ", ".join(_counted(severity, count) for severity, count in counts.items() if count)
    if examination.has_errors:
        return f"not ready for training ({found})"
    return "ready for training" + (f" ({found})" if found else ": nothing found")


def _counted(severity: Severity, count: int) -> str:
    """``1 error``, ``2 warnings``, ``3 info``."""
    return f"{count:,} {severity}" + ("s" if count > 1 and severity != "info" else "")


def class_table(examination: Examination) -> Table:
    """The number of objects per class, in total and in each split."""
    splits = list(examination.split_counts)
    rows = [["class", "all", *splits]]
    rows.append(["(images)", f"{examination.images:,}", *(f"{examination.split_images[s]:,}" for s in splits)])
    for label, (name, count) in enumerate(zip(examination.names, examination.counts, strict=True)):
        rows.append([name, f"{count:,}", *(f"{examination.split_counts[split][label]:,}" for split in splits)])
    return rows


def network_table(examination: Examination) -> Table:
    """The fit of each scale of the network to the objects."""
    fit = examination.fit
    if fit is None:
        return []
    rows = [
        [f"scale at {fit.image_size[0]} x {fit.image_size[1]}", "objects with an anchor of IoU ≥ 0.5", "without a slot"]
    ]
    for scale in fit.scales:
        rows.append([f"stride {scale.stride}", f"{scale.recall:.1%}", f"{scale.lost:,}"])
    return [*rows, ["any", f"{fit.recall:.1%}", ""]]


def _aligned(table: Table, most: int | None = None) -> list[str]:
    """The lines of a table, of which at most so many rows are shown."""
    lines = text_table(table)
    if most is None or len(lines) <= most + 1:
        return lines
    return [*lines[: most + 1], f"… and {len(lines) - most - 1} more"]
