"""The XML file of one image, as Pascal VOC has it."""

import re
from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element

from yolo3.data.faults import Fault, OnFault
from yolo3.data.layout.annotations import StatedImage, StatedObject
from yolo3.data.sizes import edge_length
from yolo3.data.xml_lines import line_of, parse_xml

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_BEGINNING = 4096  # bytes in which the root of an XML file begins
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

_SILENT = {"truncated": ("", "0"), "occluded": ("", "0"), "pose": ("", "Unspecified"), "part": (), "polygon": ()}
"""Elements of an object that are not read, each with the texts that carry no information."""


def read_annotation(path: Path, on_fault: OnFault) -> StatedImage | None:
    """One XML file; None if the file as a whole was reported as faulty."""
    root = parse_xml(path, on_fault)
    if root is None:
        return None
    if root.tag != "annotation":
        text = f"the root is <{root.tag}>, not <annotation>; move the file elsewhere, or export it as Pascal VOC"
        on_fault(Fault("syntax", str(path), text))
        return None
    try:
        height, width = (edge_length(root.findtext(f"size/{edge}")) for edge in ("height", "width"))
    except ValueError:
        text = "no <size> with a width and height above 0; write the size of the image"
        on_fault(Fault("size", f"{path}:{line_of(root.find('size'), root)}", text))
        return None
    unread: Counter[str] = Counter()
    for element in root.iterfind("object"):
        unread.update({f"<{child.tag}>" for child in element if _says_more(child)})
    objects = [_read_object(element, path) for element in root.iterfind("object")]
    file_name = (root.findtext("filename") or "").strip()
    return StatedImage(path, str(path), file_name, height, width, objects, unread=unread)


def _says_more(element: Element) -> bool:
    return element.tag in _SILENT and (element.text or "").strip() not in _SILENT[element.tag]


def _read_object(element: Element, path: Path) -> StatedObject:
    place = f"{path}:{line_of(element.find('bndbox'), element)}"
    name = (element.findtext("name") or "").strip()
    difficult = (element.findtext("difficult") or "").strip() == "1"
    corners = [element.findtext(f"bndbox/{corner}") or "" for corner in _CORNERS]
    try:
        left, top, right, bottom = map(float, corners)
    except ValueError:
        fault = f"an object's <bndbox> needs xmin, ymin, xmax and ymax in pixels, not {corners}"
        return StatedObject(place, name or None, None, fault)
    if not name:
        return StatedObject(place, None, None, "an object without a <name>; write its class")
    return StatedObject(place, name, (left, top, right, bottom), difficult=difficult)


def is_annotation(path: Path) -> bool:
    """Whether the root of an XML file is ``annotation``, at a quick look."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError:
        return False
    text = beginning.decode("utf-16" if beginning[:2] in _UTF_16 else "utf-8", "ignore").lstrip("\ufeff")
    return re.match(r"(\s|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>]*>)*<annotation[\s>]", text, re.DOTALL) is not None
