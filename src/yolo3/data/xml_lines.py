"""XML from untrusted sources, each element with its line."""

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from yolo3.data.faults import DataError, Fault, OnFault
from yolo3.data.reading import read_bytes
from yolo3.system.extras import not_installed


def parse_xml(path: Path, on_fault: OnFault) -> Element | None:
    """The root of an XML file; None after a fault was reported.

    Raises:
        ModuleNotFoundError: A missing package: defusedxml, which reads XML safely.
    """
    try:
        from defusedxml import sax
    except ModuleNotFoundError as error:
        raise not_installed("Pascal VOC annotations need", "defusedxml", "train") from error
    handler = _LinedTree()
    try:
        sax.parseString(read_bytes(path), handler)
        return handler.root()
    except SAXParseException as error:
        text = f"not well-formed XML ({error.getMessage()}); fix the file"
        on_fault(Fault("syntax", f"{path}:{error.getLineNumber()}", text))
    except DataError as error:
        on_fault(Fault("syntax", str(path), str(error).removeprefix(f"{path}: ") + "; fix the file"))
    except (SAXException, ValueError) as error:  # defusedxml raises a ValueError
        on_fault(Fault("syntax", str(path), f"XML that cannot be read safely ({error})"))
    return None


def line_of(element: Element | None, otherwise: Element) -> str:
    """The first line of an element."""
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
