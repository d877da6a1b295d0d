"""CSV: a row per object, or per image without objects, with the columns recognised by name.

Columns are the image (``filename``, ``image_id``, …), the class (``class``, ``label``, …), and the box as corners
(``xmin``, ``ymin``, ``xmax``, ``ymax``), as corner and size (``x``, ``y``, ``w``, ``h``) or as a list (``bbox``). A
file without header is read as image, left, top, right, bottom, class. If no number is above 1, boxes are fractions of
the image. The split is that of a column, of the name of the file or of its folder.
"""

from functools import partial

from yolo3.data.csv_files import has_boxes, read_images
from yolo3.data.csv_writing import write_csv
from yolo3.data.data_format import DataFormat, no_own_folders
from yolo3.data.layout.annotations import AnnotationFiles
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout, find_layout
from yolo3.data.layout.opening import LayoutReader


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


_READER = LayoutReader(
    _find, "no CSV file with boxes; expected columns such as filename, xmin, ymin, xmax, ymax, class"
)

CSV = DataFormat(
    name="csv",
    read=_READER.read,
    splits=_READER.splits,
    write=write_csv,
    recognise=no_own_folders,
    expected="*.csv with columns of boxes",
    box_order="xyxy",
    find=_find,
)
