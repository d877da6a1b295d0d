"""The report: text for a terminal, JSON for programs."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from yolo3.data.doctor.examination import Examination
from yolo3.data.doctor.finding import SEVERITIES, Finding, Kind
from yolo3.text_table import text_table

_MOST_CLASSES = 20  # rows of the terminal's table

Table = list[list[str]]
"""Rows; the first is the heading."""


def text_report(examination: Examination, most: int = 5) -> str:
    """What was found, for people.

    Args:
        examination: of a data set.
        most: places of each kind of complaint that are named; the rest are counted.
    """
    lines = [headline(examination), "", *_aligned(class_table(examination), _MOST_CLASSES)]
    lines += ["", *_aligned(network_table(examination))] if examination.fit else []
    for severity, meaning in SEVERITIES.items():
        groups = by_kind(examination.of(severity))
        lines += ["", f"{severity.upper()}: {meaning}"] if groups else []
        for kind, findings in groups.items():
            lines.append(f"  {kind} ({len(findings):,})")
            lines += [f"    {finding}" for finding in findings[:most]]
            lines += [f"    … and {len(findings) - most:,} more"] if len(findings) > most else []
    return "\n".join([*lines, "", verdict(examination)])


def json_report(examination: Examination) -> str:
    """Everything that was found, for programs: the fields of an `Examination`, and whether training would be harmed."""
    content: dict[str, Any] = {"harmed": examination.harmed, **asdict(examination)}
    return json.dumps(content, ensure_ascii=False, indent=2, default=str)  # paths become text


def by_kind(findings: Iterable[Finding]) -> dict[Kind, list[Finding]]:
    """Findings under the headings of their kinds, in the order in which the kinds first occur."""
    groups: dict[Kind, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.kind, []).append(finding)
    return groups


def headline(examination: Examination) -> str:
    """What the data set is, in a line."""
    emptied = f", {examination.emptied_pictures:,} whose objects are all faulty" if examination.emptied_pictures else ""
    pictures = f"{examination.pictures:,} pictures ({examination.empty_pictures:,} without objects{emptied})"
    return f"{examination.path} ({examination.format}): {pictures}, {sum(examination.counts):,} boxes"


def verdict(examination: Examination) -> str:
    """The end of it, in a line."""
    counts = {severity: len(examination.of(severity)) for severity in SEVERITIES}
    found = ", ".join(f"{count:,} {severity}" for severity, count in counts.items() if count)
    if examination.harmed:
        return f"not ready for training ({found})"
    return "ready for training" + (f" ({found})" if found else ": nothing to complain of")


def class_table(examination: Examination) -> Table:
    """Objects of each class, in all and in each split."""
    splits = list(examination.split_counts)
    rows = [["class", "all", *splits]]
    rows.append(["(pictures)", f"{examination.pictures:,}", *(f"{examination.split_pictures[s]:,}" for s in splits)])
    for label, (name, count) in enumerate(zip(examination.names, examination.counts, strict=True)):
        rows.append([name, f"{count:,}", *(f"{examination.split_counts[split][label]:,}" for split in splits)])
    return rows


def network_table(examination: Examination) -> Table:
    """How each scale of the network would serve the objects."""
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
