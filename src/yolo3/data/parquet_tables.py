"""Parquet: a row per image, with its objects, as the data sets of Hugging Face have them.

The column ``image`` holds encoded images or their paths. ``objects`` is a struct of lists, or a list of structs:
``bbox`` and ``category``, or a similar name. Boxes are left, top, width, height in pixels, unless they fit their images
in another order only, or no number is above 1. Encoded images stay in the file; see `yolo3.images.rows`. The split is
that of the name of the file (``train-00000-of-00003.parquet``) or of its folder; class names are those that the files
state, or else numbers.

Source:
    https://huggingface.co/docs/datasets/object_detection
"""

from pathlib import Path

from yolo3.data.data_format import DataFormat, no_own_folders
from yolo3.data.layout.annotations import AnnotationFiles
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout
from yolo3.data.layout.opening import LayoutReader
from yolo3.data.parquet_columns import EXPECTED, class_names, has_boxes
from yolo3.data.parquet_images import RowReader
from yolo3.data.parquet_writing import write_parquet
from yolo3.images.tables import SUFFIX, packages


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
    fitting = [file for file in files if has_boxes(Path(file))]
    if not fitting and is_meant:
        fitting = files  # what they lack is told when they are read
    if not fitting:
        return None
    reader = RowReader(fitting, contents.root)
    kind = AnnotationFiles((SUFFIX,), has_boxes, reader.images, own_names=class_names)
    return FoundLayout("parquet", "Parquet", kind, fitting, contents)


_READER = LayoutReader(_find, f"no Parquet file with boxes; expected {EXPECTED}")

PARQUET = DataFormat(
    name="parquet",
    read=_READER.read,
    splits=_READER.splits,
    write=write_parquet,
    recognise=no_own_folders,
    expected="*.parquet with images and objects",
    box_order="xywh",
    find=_find,
)
