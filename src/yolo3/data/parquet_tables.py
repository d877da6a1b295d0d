"""Parquet: rows of an image and its objects, as the data sets of Hugging Face have them."""

from collections.abc import Sequence
from pathlib import Path

from yolo3.data.data_format import DataFormat, no_own_folders
from yolo3.data.faults import OnFault, refuse
from yolo3.data.layout.annotations import AnnotationFiles
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout
from yolo3.data.layout.opening import open_layout
from yolo3.data.parquet_columns import EXPECTED, class_names, has_boxes
from yolo3.data.parquet_images import RowReader
from yolo3.data.parquet_writing import write_parquet
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, ignore
from yolo3.data.work import QUIETLY, Work
from yolo3.images.tables import SUFFIX, packages

_LACKING = f"no Parquet file with boxes; expected {EXPECTED}"


def read_parquet(
    path: Path,
    split: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
    allow_outside: bool = False,
    work: Work = QUIETLY,
) -> SampleSet:
    """Read Parquet files: a row per image, with its objects.

    The column ``image`` holds encoded images or their paths. ``objects`` is a struct of lists, or a list of structs:
    ``bbox`` and ``category``, or a similar name. Boxes are left, top, width, height in pixels, unless they fit their
    images in another order only, or no number is above 1. Encoded images stay in the file; see `yolo3.images.rows`.

    Args:
        path: Parquet file, or a folder that has some.
        split: Name of a split, as the names of files (``train-00000-of-00003.parquet``) or folders tell it. None reads
            all.
        names: Class names, in order. None takes those that the files state, or else numbers.
        on_fault: Called with every fault. If it returns, the faulty item is left out.
        on_object: Called with every object, faulty or not.
        allow_outside: Read images outside the folder too.
        work: Reading of many files: quietly, or with a progress bar and several processes.

    Raises:
        DataError: The first fault, unless ``on_fault`` returns; an unknown split; no Parquet file with boxes.
        ModuleNotFoundError: pyarrow is not installed.

    Source:
        https://huggingface.co/docs/datasets/object_detection
    """
    return open_layout(path, _find, _LACKING, allow_outside, work).read(split, names, on_fault, on_object)


def parquet_splits(path: Path) -> tuple[str, ...]:
    """The splits that file names or folders tell."""
    return open_layout(path, _find, _LACKING).splits()


def _find(contents: Contents, is_chosen: bool) -> FoundLayout | None:
    """Parquet files with columns of images and boxes."""
    files = contents.annotations(SUFFIX)
    if not files:
        return None
    is_meant = is_chosen or contents.path.is_file()
    try:
        packages(files[0])
    except ModuleNotFoundError:
        if is_meant or not contents.images:  # nothing else that may be a data set
            raise
        return None
    fitting = [file for file in files if has_boxes(Path(file))] or (files if is_meant else [])
    if not fitting:
        return None
    reader = RowReader(fitting, contents.root)
    kind = AnnotationFiles((SUFFIX,), has_boxes, reader.images, own_names=class_names)
    return FoundLayout("parquet", "Parquet", kind, fitting, contents)


PARQUET = DataFormat(
    name="parquet",
    read=read_parquet,
    splits=parquet_splits,
    write=write_parquet,
    recognise=no_own_folders,
    expected="*.parquet with images and objects",
    box_order="xywh",
    find=_find,
)
