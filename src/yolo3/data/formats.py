"""The door to every annotation format: open a data set whatever it is written in, and write one."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from yolo3.data.building import OnObject, ignore
from yolo3.data.coco import COCO
from yolo3.data.data_format import DataFormat
from yolo3.data.faults import DataError, OnFault, refuse
from yolo3.data.sample import SampleSet
from yolo3.data.seen import folders_below, what_is_seen
from yolo3.data.voc import VOC
from yolo3.data.writing import Album, Placement, new_dataset
from yolo3.data.yolo import YOLO

FORMATS: tuple[DataFormat, ...] = (VOC, COCO, YOLO)
"""Every annotation format. Another one is added here, and nowhere else."""


def find_format(name: str) -> DataFormat:
    """The format of a name.

    Raises:
        ValueError: An unknown name; the message lists the known ones.
    """
    for format in FORMATS:
        if format.name == name:
            return format
    raise ValueError(f"unknown format {name!r}; choose {', '.join(format.name for format in FORMATS)}")


def open_dataset(
    path: str | os.PathLike[str],
    split: str | None = None,
    format: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
    allow_outside: bool = False,
) -> SampleSet:
    """Read the annotations of a data set; its images are read when they are needed.

    Args:
        path: the folder of a Pascal VOC, COCO or YOLO data set, or the file that describes it: a COCO JSON file, a
            ``data.yaml`` or an ``obj.data``.
        split: train, val, …, as the data set calls it; None is all of it.
        format: how it is written; None recognises it.
        names: of the classes, in the order of their numbers; None takes the data set's own.
        on_fault: told of every fault; if it returns, the faulty thing is left out.
        on_object: told of every object, faulty or not.
        allow_outside: take images that the data set names and that are not in its folder.

    Returns:
        The samples; `SampleSet.summary` says what was found and what left out.

    Raises:
        DataError: a data set of no known format, an unknown split, and the first fault in it.
        ValueError: an unknown format.
    """
    chosen = find_format(format or dataset_format(path))
    return chosen.read(Path(path), split, names, on_fault, on_object, allow_outside)


def dataset_format(path: str | os.PathLike[str]) -> str:
    """Recognise how a data set is written.

    Raises:
        DataError: nothing there, no format that fits, or several.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such data set; give the path of its folder or of the file that describes it")
    fitting = _fitting(path)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DataError(f"{path}: it could be {' or '.join(fitting)}; say which with format (--format)")
    expected = ", ".join(f"{format.expected} ({format.name})" for format in FORMATS)
    raise DataError(f"{path}: no known format; expected {expected}" + (_instead(path) if path.is_dir() else ""))


def _fitting(path: Path) -> list[str]:
    """Names of the formats that a path may be in."""
    return [format.name for format in FORMATS if format.recognise(path)]


def _instead(folder: Path) -> str:
    """What is in a folder of no known format, and what below it has one."""
    below = next((inner for inner in folders_below(folder) if len(_fitting(inner)) == 1), None)
    advice = "" if below is None else f"; {below} has one ({_fitting(below)[0]}): give that path"
    return f"; seen: {what_is_seen(folder)}{advice}"


def dataset_splits(path: str | os.PathLike[str], format: str | None = None) -> tuple[str, ...]:
    """The splits that a data set has, by name.

    Raises:
        DataError: as `dataset_format`.
    """
    return find_format(format or dataset_format(path)).splits(Path(path))


def write_dataset(
    samples: SampleSet | Mapping[str, SampleSet],
    folder: str | os.PathLike[str],
    format: str,
    images: Placement = "copy",
) -> list[str]:
    """Write a data set with its images into a new folder, whole or not at all.

    Args:
        samples: its splits by name; a set alone becomes the split ``train``.
        folder: that does not exist.
        format: how to write it.
        images: ``copy`` them, or ``link`` to them, which saves room but breaks if they are moved.

    Returns:
        What the format has no room for, in words; empty if the data set survives whole.

    Raises:
        DataError: the folder exists; an image does not.
        ValueError: an unknown format, splits of different classes.
    """
    chosen = find_format(format)
    album = Album.of({"train": samples} if isinstance(samples, SampleSet) else samples)
    with new_dataset(Path(folder)) as unfinished:
        return chosen.write(unfinished, album, images)
