"""The door to every annotation format: open a data set whatever it is written in, and write one."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from yolo3.choices import Placement
from yolo3.data.building import OnObject, ignore
from yolo3.data.coco import coco_splits, read_coco
from yolo3.data.coco_layout import candidates
from yolo3.data.coco_writing import write_coco
from yolo3.data.faults import DataError, OnFault, refuse
from yolo3.data.json_files import may_be_coco
from yolo3.data.sample import SampleSet
from yolo3.data.seen import folders_below, what_is_seen
from yolo3.data.voc import read_voc, voc_splits
from yolo3.data.voc_writing import write_voc
from yolo3.data.writing import Album, new_dataset
from yolo3.data.yolo import read_yolo, write_yolo, yolo_splits
from yolo3.data.yolo_description import description_files

Format = Literal["voc", "coco", "yolo"]

_READERS = {"voc": read_voc, "coco": read_coco, "yolo": read_yolo}
_SPLITS = {"voc": voc_splits, "coco": coco_splits, "yolo": yolo_splits}
_WRITERS = {"voc": write_voc, "coco": write_coco, "yolo": write_yolo}
_FILES: dict[str, Format] = {".json": "coco", ".yaml": "yolo", ".yml": "yolo", ".data": "yolo"}

CORNERS = "left, top, right, bottom"
SIDES = "left, top, width, height"
CENTRE = "centre x, centre y, width, height"
BOX_ORDERS: dict[str, str] = {"voc": CORNERS, "coco": SIDES, "yolo": CENTRE}
"""What the four numbers of a box are."""


def open_dataset(
    path: str | os.PathLike[str],
    split: str | None = None,
    format: Format | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
    allow_outside: bool = False,
) -> SampleSet:
    """Read the annotations of a data set; its pictures are read when they are needed.

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
    read = _READERS[_known(format or dataset_format(path))]
    return read(Path(path), split, names, on_fault, on_object, allow_outside)


def dataset_format(path: str | os.PathLike[str]) -> Format:
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
    expected = "expected Annotations/*.xml (voc), *.json (coco), data.yaml or obj.data (yolo)"
    raise DataError(f"{path}: no known format; {expected}" + (_instead(path) if path.is_dir() else ""))


def _fitting(path: Path) -> list[Format]:
    """The formats that a path may be in."""
    if path.is_file():
        return [_FILES[path.suffix]] if path.suffix in _FILES else []
    signs: dict[Format, bool] = {
        "voc": (path / "Annotations").is_dir(),
        "yolo": bool(description_files(path)),
        "coco": any(map(may_be_coco, candidates(path))),
    }
    return [name for name, is_there in signs.items() if is_there]


def _instead(folder: Path) -> str:
    """What is in a folder of no known format, and what below it has one."""
    below = next((inner for inner in folders_below(folder) if len(_fitting(inner)) == 1), None)
    advice = "" if below is None else f"; {below} has one ({_fitting(below)[0]}): give that path"
    return f"; seen: {what_is_seen(folder)}{advice}"


def dataset_splits(path: str | os.PathLike[str], format: Format | None = None) -> tuple[str, ...]:
    """The splits that a data set has, by name.

    Raises:
        DataError: as `dataset_format`.
    """
    return _SPLITS[_known(format or dataset_format(path))](Path(path))


def write_dataset(
    samples: SampleSet | Mapping[str, SampleSet],
    folder: str | os.PathLike[str],
    format: Format,
    pictures: Placement = "copy",
) -> list[str]:
    """Write a data set with its pictures into a new folder, whole or not at all.

    Args:
        samples: its splits by name; a set alone becomes the split ``train``.
        folder: that does not exist.
        format: how to write it.
        pictures: ``copy`` them, or ``link`` to them, which saves room but breaks if they are moved.

    Returns:
        What the format has no room for, in words; empty if the data set survives whole.

    Raises:
        DataError: the folder exists; a picture does not.
        ValueError: an unknown format, splits of different classes.
    """
    write = _WRITERS[_known(format)]
    album = Album.of({"train": samples} if isinstance(samples, SampleSet) else samples)
    with new_dataset(Path(folder)) as unfinished:
        return write(unfinished, album, pictures)


def _known(format: Format) -> Format:
    if format not in _READERS:
        raise ValueError(f"unknown format {format!r}; choose {', '.join(_READERS)}")
    return format
