"""CSV: rows of an image, a box and a class, with the columns recognised by name."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from yolo3.data.csv_files import has_boxes, read_images
from yolo3.data.csv_writing import write_csv
from yolo3.data.data_format import DataFormat, no_own_folders
from yolo3.data.faults import OnFault, refuse
from yolo3.data.layout.annotations import AnnotationFiles
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout, find_layout
from yolo3.data.layout.opening import open_layout
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, ignore
from yolo3.data.work import QUIETLY, Work

_LACKING = "no CSV file with boxes; expected columns such as filename, xmin, ymin, xmax, ymax, class"


def read_csv(
    path: Path,
    split: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
    allow_outside: bool = False,
    work: Work = QUIETLY,
) -> SampleSet:
    """Read CSV files: a row per object, or per image without objects.

    Columns are recognised by name: the image (``filename``, ``image_id``, …), the class (``class``, ``label``, …), and
    the box as corners (``xmin``, ``ymin``, ``xmax``, ``ymax``), as corner and size (``x``, ``y``, ``w``, ``h``) or as a
    list (``bbox``). A file without header is read as image, left, top, right, bottom, class. If no number is above 1,
    boxes are fractions of the image.

    Args:
        path: CSV file, or a folder that has some.
        split: Name of a split, as a column, the name of the file or its folder says it. None reads all.
        names: Class names, in order. None takes them from ``classes.txt``, or else the sorted names in the file.
        on_fault: Called with every fault. If it returns, the faulty item is left out.
        on_object: Called with every object, faulty or not.
        allow_outside: Read images outside the folder too.
        work: Reading of many files: quietly, or with a progress bar and several processes.

    Raises:
        DataError: The first fault, unless ``on_fault`` returns; an unknown split; no CSV file with boxes.
    """
    return open_layout(path, _find, _LACKING, allow_outside, work).read(split, names, on_fault, on_object)


def csv_splits(path: Path) -> tuple[str, ...]:
    """The splits that columns, file names or folders tell."""
    return open_layout(path, _find, _LACKING).splits()


def _find(contents: Contents, is_chosen: bool) -> FoundLayout | None:
    """CSV files whose header names images and boxes; a file that the user named may lack a header."""
    files = AnnotationFiles(
        (".csv", ".tsv"),
        partial(has_boxes, may_lack_header=is_chosen),
        partial(read_images, root=contents.root, may_lack_header=is_chosen),
    )
    if contents.path.is_file() and contents.path.suffix.lower() in files.suffixes:
        return FoundLayout("csv", "CSV", files, [str(contents.path)], contents)
    return find_layout(contents, files, "csv", "CSV")


CSV = DataFormat(
    name="csv",
    read=read_csv,
    splits=csv_splits,
    write=write_csv,
    recognise=no_own_folders,
    expected="*.csv with columns of boxes",
    box_order="xyxy",
    find=_find,
)
