"""Open a data set in any annotation format, and write one."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from yolo3.choices import Placement
from yolo3.data.coco import COCO
from yolo3.data.csv_tables import CSV
from yolo3.data.data_format import DataFormat
from yolo3.data.faults import DataError, OnFault, refuse
from yolo3.data.foreign import FOREIGN_FORMATS
from yolo3.data.images import find_images
from yolo3.data.label_tools import tool_in
from yolo3.data.labelme import LABELME
from yolo3.data.parquet_tables import PARQUET
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, ignore
from yolo3.data.seen import folders_below, what_is_seen
from yolo3.data.source import DataPlace, DataSource, FoundDataSet, NoKnownFormat
from yolo3.data.voc import VOC
from yolo3.data.writing import Album, new_dataset
from yolo3.data.yolo import YOLO

FORMATS: tuple[DataFormat, ...] = (VOC, COCO, YOLO, LABELME, CSV, PARQUET)
"""All annotation formats. A new format is added here, and nowhere else."""


def find_format(name: str | DataFormat) -> DataFormat:
    """The format of a name; one of your own as it is.

    Raises:
        ValueError: An unknown name; the message lists the known ones.
    """
    for format in (*FORMATS, *FOREIGN_FORMATS):
        if format.name == name:
            return format
    if isinstance(name, DataFormat):
        return name
    raise ValueError(f"unknown format {name!r}; choose {', '.join(format.name for format in FORMATS)}")


def open_dataset(
    path: DataPlace,
    split: str | None = None,
    format: str | DataFormat | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
    allow_outside: bool = False,
    images: str | os.PathLike[str] | None = None,
) -> SampleSet:
    """Read the annotations of a data set. Its images are read when they are needed.

    Args:
        path: Folder of a data set or of its annotations; a file that describes it or holds the annotations: a COCO JSON
            file, a CSV or Parquet file, a ``data.yaml`` or an ``obj.data``; or a `DataSource`.
        split: Name of a split, such as train or val. None reads all splits.
        format: Name of a format in `FORMATS`, or a format of your own. None recognises it.
        names: Class names, in the order of their numbers. None takes the data set's own.
        on_fault: Called with every fault. If it returns, the faulty item is left out.
        on_object: Called with every object, faulty or not.
        allow_outside: Read images that the data set names outside its folder.
        images: Folder of the images. None looks for them in the folder of the data set.

    Returns:
        The samples. `SampleSet.summary` tells what was found and what was left out.

    Raises:
        DataError: A data set of no known format; an unknown split; the first fault, unless ``on_fault`` returns.
        ValueError: An unknown format.
    """
    source = DataSource.of(path, allow_outside)
    if images is not None:
        source = DataSource(source.path, Path(images), source.names, source.allow_outside)
    return find_dataset(source, format).read(split, names, on_fault, on_object)


def find_dataset(path: DataPlace, format: str | DataFormat | None = None) -> FoundDataSet:
    """What a place holds: its format, and how it is read.

    Args:
        path: Data set, see `open_dataset`.
        format: Name of a format in `FORMATS`, or a format of your own. None recognises it.

    Raises:
        DataError: A path that does not exist; no matching format, or several.
        ValueError: An unknown format.
    """
    source = DataSource.of(path)
    try:
        return source.found(FORMATS, None if format is None else find_format(format))
    except NoKnownFormat as error:
        raise _helpful(source, error) from error


def dataset_format(path: DataPlace) -> str:
    """Recognise the format of a data set.

    Raises:
        DataError: A path that does not exist; no matching format, or several.
    """
    return find_dataset(path).format.name


def dataset_splits(path: DataPlace, format: str | DataFormat | None = None) -> tuple[str, ...]:
    """The names of the splits of a data set.

    Raises:
        DataError: See `dataset_format`.
    """
    return find_dataset(path, format).split_names


def _helpful(source: DataSource, error: NoKnownFormat) -> DataError:
    """The error of a place of no known format, with what is expected and what is there."""
    tool = tool_in(source.path)
    if tool is not None:
        return DataError(f"{error}; {tool[0]} is {tool[1].advice(tool[0])}")
    expected = ", ".join(f"{format.expected} ({format.name})" for format in FORMATS)
    return DataError(f"{error}; expected {expected}" + (_instead(source.path) if source.path.is_dir() else ""))


def _instead(folder: Path) -> str:
    """A hint for a folder of no known format: its content, and a folder below it in a format's own layout."""
    below = next((inner for inner in folders_below(folder) if len(_fitting(inner)) == 1), None)
    advice = "" if below is None else f"; {below} has a known format ({_fitting(below)[0]}): give that path"
    elsewhere = "; if the images are elsewhere, name their folder with --images (images=)"
    return f"{'' if any(find_images(folder)) else elsewhere}; found: {what_is_seen(folder)}{advice}"


def _fitting(path: Path) -> list[str]:
    """Names of the formats in whose own layout a folder may be."""
    return [format.name for format in FORMATS if format.recognise(path)]


def write_dataset(
    samples: SampleSet | Mapping[str, SampleSet],
    folder: str | os.PathLike[str],
    format: str | DataFormat,
    images: Placement = "copy",
) -> list[str]:
    """Write a data set with its images into a new folder, completely or not at all.

    Args:
        samples: Splits by name. A single set becomes the split ``train``.
        folder: Folder to make; it must be absent or empty.
        format: Name of a format in `FORMATS`, or a format of your own.
        images: ``copy`` copies the images. ``link`` makes symbolic links, which save space but break if the images
            move.

    Returns:
        Descriptions of what the format cannot hold; empty if nothing is lost.

    Raises:
        DataError: A folder that has content; an image that does not exist.
        ValueError: An unknown format; splits with different classes.
    """
    chosen = find_format(format)
    album = Album.of({"train": samples} if isinstance(samples, SampleSet) else samples)
    with new_dataset(Path(folder)) as unfinished:
        return chosen.write(unfinished, album, images)
