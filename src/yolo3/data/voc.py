"""Pascal VOC: an XML file for each picture, and lists of pictures for the splits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from yolo3.data.faults import DataError, Fault, OnFault, refuse
from yolo3.data.images import IMAGE_SUFFIXES
from yolo3.data.reading import (
    LARGEST_EDGE,
    Box,
    OnObject,
    SampleSetBuilder,
    check_names,
    choose_split,
    ignore,
    read_names,
    read_text,
)
from yolo3.data.sample import Sample, SampleSet
from yolo3.data.writing import Album, Placement
from yolo3.extras import not_installed

_NAMES_FILES = ("labels.txt", "classes.txt", "names.txt")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class _Object:
    place: str
    name: str
    box: Box
    difficult: bool


@dataclass(frozen=True)
class _Annotation:
    path: Path
    size: tuple[int, int]
    objects: list[_Object]


def read_voc(
    folder: Path,
    split: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
) -> SampleSet:
    """Read ``Annotations/*.xml``, of all pictures or of a split.

    Corners are taken as continuous pixels, as they stand. A box that has no area is left out.

    Args:
        folder: the one with ``Annotations``, ``JPEGImages`` and, for splits, ``ImageSets/Main``.
        split: a list in ``ImageSets/Main``, without its ``.txt``; None is every annotation.
        names: of the classes, in order; None takes them from ``labels.txt``, ``classes.txt`` or ``names.txt``, or else
            sorts those that occur in any annotation, whatever the split.
        on_fault: told of every fault; if it returns, the faulty thing is left out.
        on_object: told of every object, faulty or not.

    Raises:
        DataError: the first fault, unless ``on_fault`` says otherwise; an unknown split; no annotation at all.

    Source:
        The PASCAL VOC development kit, http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html
    """
    paths = {path.stem: path for path in sorted((folder / "Annotations").glob("*.xml"))}
    if not paths:
        raise DataError(f"{folder}: no annotation in {folder / 'Annotations'}; expected *.xml there")
    if split is None:
        wanted = [(str(path), stem) for stem, path in paths.items()]
    else:
        wanted = _split_list(folder, split, paths)
    names = names or _names_file(folder)
    needed = paths.keys() if names is None else {stem for _, stem in wanted}
    read = {stem: _read_annotation(path, on_fault) for stem, path in paths.items() if stem in needed}
    if names is None:
        names = sorted({item.name for annotation in read.values() if annotation for item in annotation.objects})
        check_names(names, str(folder / "Annotations"))

    builder = SampleSetBuilder(names, on_fault, on_object)
    pictures = _pictures(folder / "JPEGImages")
    for place, stem in wanted:
        annotation = read.get(stem)
        if stem not in paths:
            on_fault(Fault("missing", place, f"no annotation {folder / 'Annotations' / stem}.xml"))
        elif stem not in pictures:
            text = f"no picture {folder / 'JPEGImages' / stem}.jpg (or .png, …); add it or take its annotation out"
            on_fault(Fault("missing", place, text))
        elif annotation is not None:
            builder.add_image(pictures[stem], annotation.size)
            for item in annotation.objects:
                builder.add_object(item.place, item.name, item.box, difficult=item.difficult)
    return builder.build(f"Pascal VOC data set {folder}" + (f", split {split!r}" if split is not None else ""))


def voc_splits(folder: Path) -> tuple[str, ...]:
    """The lists in ``ImageSets/Main``, without those of single classes (``cat_train`` beside ``train``)."""
    stems = {path.stem for path in (folder / "ImageSets" / "Main").glob("*.txt")}
    return tuple(sorted(stem for stem in stems if stem.rpartition("_")[2] not in stems - {stem}))


def write_voc(folder: Path, album: Album, pictures: Placement = "copy") -> list[str]:
    """Write a data set into an empty folder.

    Returns:
        What the format has no room for, in words.
    """
    for inner in ("Annotations", "ImageSets/Main"):
        (folder / inner).mkdir(parents=True)
    album.place(folder / "JPEGImages", pictures)
    for file_name, sample in album.pictures.items():
        tree = ElementTree.ElementTree(_annotation_tree(file_name, sample, album.names))
        ElementTree.indent(tree)
        tree.write(folder / "Annotations" / f"{Path(file_name).stem}.xml", encoding="utf-8")
    for split, file_names in album.splits.items():
        stems = "".join(f"{Path(file_name).stem}\n" for file_name in file_names)
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(stems, encoding="utf-8")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in album.names), encoding="utf-8")
    crowds = sum(int(sample.crowd.sum()) for sample in album.pictures.values())
    return [f"{crowds} crowds are marked difficult: VOC has no mark for crowds"] if crowds else []


def _split_list(folder: Path, split: str, known: Collection[str]) -> list[tuple[str, str]]:
    """(place, stem) of each picture of a split."""
    path = folder / "ImageSets" / "Main" / f"{choose_split(voc_splits(folder), split, str(folder))}.txt"
    stems = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        stem, _, mark = line.strip().rpartition(" ")
        if line.strip() in known or mark not in ("-1", "0", "1"):  # a list of a single class marks its pictures so
            stem = line.strip()
        if stem:
            stems.append((f"{path}:{number}", stem.rstrip()))
    return stems


def _names_file(folder: Path) -> tuple[str, ...] | None:
    for name in _NAMES_FILES:
        if (folder / name).is_file():
            return read_names(folder / name)
    return None


def _pictures(folder: Path) -> dict[str, Path]:
    """Every picture by its stem; of several, the first in alphabetical order: .jpg before .png."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            found.setdefault(path.stem, path)
    return found


def _read_annotation(path: Path, on_fault: OnFault) -> _Annotation | None:
    """One XML file; None once a fault of the whole file was reported."""
    try:
        root = _parse(path)
    except SAXParseException as error:
        text = f"not well-formed XML ({error.getMessage()}); mend the file"
        on_fault(Fault("syntax", f"{path}:{error.getLineNumber()}", text))
        return None
    except OSError as error:
        on_fault(Fault("syntax", str(path), f"cannot be read ({error.strerror}); mend the file"))
        return None
    except (SAXException, ValueError) as error:  # what defusedxml refuses is a ValueError
        on_fault(Fault("syntax", str(path), f"XML that cannot be read safely ({error})"))
        return None
    size = _size(root)
    if size is None:
        text = "no <size> with a width and height above 0; write the picture's own"
        on_fault(Fault("size", f"{path}:{_line(root.find('size'), root)}", text))
        return None
    objects = [_read_object(element, path, on_fault) for element in root.iterfind("object")]
    return _Annotation(path, size, [item for item in objects if item is not None])


def _read_object(element: Element, path: Path, on_fault: OnFault) -> _Object | None:
    place = f"{path}:{_line(element.find('bndbox'), element)}"
    name = (element.findtext("name") or "").strip()
    corners = [element.findtext(f"bndbox/{corner}") or "" for corner in _CORNERS]
    try:
        left, top, right, bottom = map(float, corners)
    except ValueError:
        text = f"an object's <bndbox> needs xmin, ymin, xmax and ymax in pixels, not {corners}"
        on_fault(Fault("syntax", place, text))
        return None
    if not name:
        on_fault(Fault("syntax", place, "an object without a <name>; write its class"))
        return None
    difficult = (element.findtext("difficult") or "").strip() == "1"
    return _Object(place, name, (left, top, right, bottom), difficult)


def _size(root: Element) -> tuple[int, int] | None:
    try:
        height, width = (int(float(root.findtext(f"size/{edge}") or "")) for edge in ("height", "width"))
    except (ValueError, OverflowError):
        return None
    return (height, width) if 0 < min(height, width) <= max(height, width) <= LARGEST_EDGE else None


def _line(element: Element | None, otherwise: Element) -> str:
    return (otherwise if element is None else element).attrib["line"]


class _LinedTree(ContentHandler):
    """Builds a tree in which every element has its line as an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self._builder = ElementTree.TreeBuilder()
        self._place: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self._place = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        assert self._place is not None
        self._builder.start(name, {"line": str(self._place.getLineNumber())})

    def endElement(self, name: str) -> None:
        self._builder.end(name)

    def characters(self, content: str) -> None:
        self._builder.data(content)

    def root(self) -> Element:
        return self._builder.close()


def _parse(path: Path) -> Element:
    try:
        from defusedxml import sax
    except ModuleNotFoundError as error:
        raise not_installed("Pascal VOC annotations need", "defusedxml", "train") from error
    handler = _LinedTree()
    sax.parseString(path.read_bytes(), handler)
    return handler.root()


def _annotation_tree(file_name: str, sample: Sample, names: Sequence[str]) -> Element:
    root = Element("annotation")
    ElementTree.SubElement(root, "folder").text = "JPEGImages"
    ElementTree.SubElement(root, "filename").text = file_name
    size = ElementTree.SubElement(root, "size")
    for edge, value in (("width", sample.size[1]), ("height", sample.size[0]), ("depth", 3)):
        ElementTree.SubElement(size, edge).text = str(value)
    for box, label, hard in zip(sample.boxes, sample.labels, sample.difficult | sample.crowd, strict=True):
        element = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(element, "name").text = names[label]
        ElementTree.SubElement(element, "difficult").text = str(int(hard))
        corners = ElementTree.SubElement(element, "bndbox")
        for corner, value in zip(_CORNERS, box, strict=True):
            ElementTree.SubElement(corners, corner).text = f"{value:.7g}"
    return root
