"""The examination of a data set: all checks in one pass."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from yolo3.boxes import COCO_ANCHORS, Anchors, height_width
from yolo3.data.doctor.annotations import check_boxes, check_classes
from yolo3.data.doctor.finding import SEVERITIES, Finding, Severity
from yolo3.data.doctor.images import check_images
from yolo3.data.doctor.network import NetworkFit, check_network
from yolo3.data.doctor.reading_images import Progress, read_images
from yolo3.data.doctor.survey import Survey, survey
from yolo3.data.formats import find_dataset
from yolo3.data.source import DataPlace, DataSource
from yolo3.images import MAX_MEGAPIXELS, check_limit

Item = TypeVar("Item")


@dataclass(frozen=True)
class Examination:
    """Content of a data set, and the findings."""

    path: Path
    format: str
    """Name of the annotation format."""
    findings: tuple[Finding, ...]
    """Findings, worst first."""
    images: int
    """Number of images."""
    empty_images: int
    """Number of images without objects."""
    names: tuple[str, ...]
    """Class names, in order."""
    counts: tuple[int, ...]
    """Number of objects per class."""
    split_images: Mapping[str, int]
    """Number of images per split."""
    split_counts: Mapping[str, tuple[int, ...]]
    """Number of objects per class, for each split."""
    fit: NetworkFit | None
    """Fit of the anchors to the objects; None if there are no objects."""
    emptied_images: int = 0
    """Number of images whose objects are all faulty."""
    notes: tuple[str, ...] = ()
    """How the data set was found and read, one per line."""

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(finding.severity == "error" for finding in self.findings)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)


def no_progress(items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
    """Show no progress."""
    return items


def examine(
    path: DataPlace,
    format: str | None = None,
    image_size: int | tuple[int, int] = 416,
    anchors: Anchors = COCO_ANCHORS,
    progress: Progress = no_progress,
    max_megapixels: float = MAX_MEGAPIXELS,
    allow_outside: bool = False,
) -> Examination:
    """Find everything in a data set that would spoil training. Nothing is changed.

    Every annotation is read, then every image is decoded completely, by several threads.

    Args:
        path: Data set, see `open_dataset`.
        format: Name of a format. None recognises it.
        image_size: Size of the network input, pixels: an edge, or (height, width).
        anchors: Anchors of the network.
        progress: Progress bar.
        max_megapixels: Largest image that is read, in 10⁶ pixels; a larger one is a finding.
        allow_outside: Read images that the data set names outside its folder.

    Raises:
        ValueError: A path without a data set; an image size that is not a multiple of every stride. Faults inside the
            data set raise nothing.
    """
    check_limit(max_megapixels)
    network_size = height_width(image_size)
    source = DataSource.of(path, allow_outside)
    with source.listed():
        read = survey(find_dataset(source, format))
        fit, of_network = check_network(read, anchors, network_size)
        of_images = check_images(read, read_images(read, progress, max_megapixels))
    # faults of the whole data set come before single places
    findings = [*check_classes(read), *check_boxes(read), *read.findings, *of_images, *of_network]
    if not len(read.samples):
        findings.append(
            Finding("error", "missing image", "no image can be used", read.path, "fix the other findings first")
        )
    return _summed_up(read, findings, fit)


def _summed_up(read: Survey, findings: list[Finding], fit: NetworkFit | None) -> Examination:
    samples = read.samples
    held = read.samples.held
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
        notes=read.notes,
    )
