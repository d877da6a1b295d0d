"""Writing Pascal VOC: an XML file per image, and lists of images for the splits."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from yolo3.choices import Placement
from yolo3.data.faults import DataError
from yolo3.data.images import facts_of
from yolo3.data.sample import Sample
from yolo3.data.writing import Album


def write_voc(folder: Path, album: Album, images: Placement = "copy") -> list[str]:
    """Write a data set into an empty folder.

    Returns:
        Descriptions of what the format cannot hold.
    """
    for inner in ("Annotations", "ImageSets/Main"):
        (folder / inner).mkdir(parents=True)
    album.place(folder / "JPEGImages", images)
    for file_name, sample in album.images.items():
        tree = ElementTree.ElementTree(_annotation_tree(file_name, sample, album.names))
        ElementTree.indent(tree)
        tree.write(folder / "Annotations" / f"{Path(file_name).stem}.xml", encoding="utf-8")
    for split, file_names in album.splits.items():
        stems = "".join(f"{Path(file_name).stem}\n" for file_name in file_names)
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(stems, encoding="utf-8")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in album.names), encoding="utf-8")
    crowds = sum(int(sample.crowd.sum()) for sample in album.images.values())
    return [f"{crowds} crowds are marked difficult: VOC has no mark for crowds"] if crowds else []


def _annotation_tree(file_name: str, sample: Sample, names: Sequence[str]) -> Element:
    root = Element("annotation")
    ElementTree.SubElement(root, "folder").text = "JPEGImages"
    ElementTree.SubElement(root, "filename").text = file_name
    size = ElementTree.SubElement(root, "size")
    for edge, value in (("width", sample.size[1]), ("height", sample.size[0]), ("depth", _depth(sample))):
        ElementTree.SubElement(size, edge).text = str(value)
    for box, label, hard in zip(sample.boxes, sample.labels, sample.difficult | sample.crowd, strict=True):
        element = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(element, "name").text = names[label]
        ElementTree.SubElement(element, "difficult").text = str(int(hard))
        corners = ElementTree.SubElement(element, "bndbox")
        for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            ElementTree.SubElement(corners, corner).text = f"{value:.7g}"
    return root


def _depth(sample: Sample) -> int:
    """Number of channels of the image; as for most, where its file does not tell."""
    try:
        return facts_of(sample.image).channels
    except DataError:
        return 3
