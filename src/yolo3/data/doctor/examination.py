"""The examination: everything that is looked at, in one pass."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.data.doctor.annotations import check_boxes, check_classes
from yolo3.data.doctor.finding import SEVERITIES, Finding, Severity
from yolo3.data.doctor.images import Progress, check_images, read_images
from yolo3.data.doctor.network import NetworkFit, check_network
from yolo3.data.doctor.survey import Survey, survey
from yolo3.data.formats import dataset_format, find_format
from yolo3.images import MAX_MEGAPIXELS, check_limit

Item = TypeVar("Item")


@dataclass(frozen=True)
class Examination:
    """What a data set holds, and what was found in it."""

    path: Path
    format: str
    """Name of the annotation format."""
    findings: tuple[Finding, ...]
    """Worst first."""
    images: int
    empty_images: int
    """Without objects."""
    names: tuple[str, ...]
    """Of the classes."""
    counts: tuple[int, ...]
    """Objects of each class."""
    split_images: Mapping[str, int]
    split_counts: Mapping[str, tuple[int, ...]]
    """Objects of each class in each split."""
    fit: NetworkFit | None
    """None where there is no object to place."""
    emptied_images: int = 0
    """Whose objects are all faulty."""

    @property
    def has_errors(self) -> bool:
        """Training would be."""
        return any(finding.severity == "error" for finding in self.findings)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)


def no_progress(items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
    """Show no progress."""
    return items


def examine(
    path: str | os.PathLike[str],
    format: str | None = None,
    image_size: int | tuple[int, int] = 416,
    anchors: Anchors = COCO_ANCHORS,
    progress: Progress = no_progress,
    max_megapixels: float = MAX_MEGAPIXELS,
    allow_outside: bool = False,
) -> Examination:
    """Look for everything in a data set that would harm training; nothing in it is changed.

    Every annotation is read, then every image to its end, by several threads.

    Args:
        path: the data set, as for `open_dataset`.
        format: how it is written; None recognises it.
        image_size: of the network input, pixels: an edge, or (height, width).
        anchors: of the network.
        progress: told how far it has come; a progress bar.
        max_megapixels: Largest image that is read, in 10⁶ pixels; a larger one is a finding.
        allow_outside: Look at images that the data set names and that are not in its folder.

    Raises:
        ValueError: no data set there, or an image size that is not a multiple of every stride. What is wrong inside the
            data set raises nothing.
    """
    check_limit(max_megapixels)
    path = Path(path)
    height_width = (image_size, image_size) if isinstance(image_size, int) else image_size
    read = survey(path, find_format(format or dataset_format(path)), allow_outside)
    fit, of_network = check_network(read, anchors, height_width)
    of_images = check_images(read, read_images(read, progress, max_megapixels))
    # what is wrong throughout comes before the single places
    findings = [*check_classes(read), *check_boxes(read), *read.findings, *of_images, *of_network]
    if not len(read.samples):
        findings.append(Finding("error", "missing image", "not one image can be used", path, "fix the rest first"))
    return _summed_up(read, findings, fit)


def _summed_up(read: Survey, findings: list[Finding], fit: NetworkFit | None) -> Examination:
    samples, held = read.samples, read.samples.held
    assert held is not None  # a survey counts
    return Examination(
        path=read.path,
        format=read.format.name,
        findings=tuple(sorted(findings, key=lambda finding: list(SEVERITIES).index(finding.severity))),
        images=len(samples),
        empty_images=int((held == 0).sum()),
        emptied_images=int(((held > 0) & (np.diff(samples.object_ends, prepend=0) == 0)).sum()),
        names=samples.names,
        counts=tuple(samples.counts.tolist()),
        split_images={split: len(indices) for split, indices in read.splits.items()},
        split_counts=dict(read.split_counts),
        fit=fit,
    )
