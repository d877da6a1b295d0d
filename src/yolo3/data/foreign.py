"""Formats of label tools that are read through globox, and not written."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from yolo3.choices import Placement
from yolo3.data.data_format import DataFormat, no_own_folders
from yolo3.data.faults import DataError, Fault, OnFault
from yolo3.data.label_tools import CVAT, VIA, LabelTool, may_have_more, tool_of
from yolo3.data.layout.annotations import AnnotationFiles, StatedImage, StatedObject
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout, find_layout
from yolo3.data.layout.opening import LayoutReader
from yolo3.data.writing import Album
from yolo3.system.extras import not_installed


def _read_cvat(file: Path, globox: Any) -> Any:
    if b"<!ENTITY" in file.read_bytes():  # globox's parser expands them, to any size
        raise DataError(f"{file}: it defines entities, which CVAT does not write")
    return globox.AnnotationSet.from_cvat(file)


def _read_via(file: Path, globox: Any) -> Any:
    return globox.AnnotationSet.from_via_json(file, label_key=_label_key(file))


def _label_key(file: Path) -> str:
    """The attribute of the regions that is their class: the only one, or one with a usual name."""
    content = json.loads(file.read_text(encoding="utf-8"))
    entries = content.get("_via_img_metadata", content).values()
    regions = [region for entry in entries for region in entry.get("regions", ())]
    keys = Counter(key for region in regions for key in region.get("region_attributes", {}))
    usual = [key for key in keys if key.casefold() in ("label", "class", "name", "type", "category", "label_id")]
    chosen = [*usual, *keys][:1] if len(usual) == 1 or len(keys) == 1 else []
    if not chosen:
        raise DataError(
            f"{file}: the class may be any of the attributes {', '.join(keys) or '(none)'}; call it 'label'"
        )
    return chosen[0]


def _read_file(file: Path, on_fault: OnFault, tool: LabelTool, read: Callable[[Path, Any], Any]) -> list[StatedImage]:
    """The images of one file; empty if the file as a whole was reported as faulty."""
    try:
        import globox
    except ModuleNotFoundError as missing:
        raise not_installed(f"{file}: the format of {tool.title} needs", "globox", "interop") from missing
    try:
        found = list(read(file, globox))
        unread = Counter({f"<{kind}> of {tool.title}": count for kind, count in may_have_more(file).items()})
    except Exception as error:  # globox lets those of its parsers through
        said = " ".join(str(error).split()).removeprefix(f"{file}: ")
        on_fault(Fault("syntax", str(file), f"globox cannot read it ({said}); {tool.export}"))
        return []
    images = [_image(file, annotation) for annotation in found]
    if images:  # counted once, with the first
        images[0] = replace(images[0], unread=unread)
    return images


def _image(file: Path, annotation: Any) -> StatedImage:
    place = f"{file}: image {annotation.image_id}"
    width, height = annotation.image_size or (None, None)
    objects = [
        StatedObject(f"{place}, object {number}", str(box.label), (box.xmin, box.ymin, box.xmax, box.ymax))
        for number, box in enumerate(annotation.boxes)
    ]
    return StatedImage(file, place, str(annotation.image_id), height, width, objects)


def _format(tool: LabelTool, suffix: str, read: Callable[[Path, Any], Any]) -> DataFormat:
    """The format of a label tool."""
    assert tool.format is not None
    name = tool.format
    files = AnnotationFiles(
        (suffix,), lambda file: tool_of(file) == tool, partial(_read_file, tool=tool, read=read), is_slow=False
    )

    def find(contents: Contents, is_chosen: bool) -> FoundLayout | None:
        return find_layout(contents, files, name, tool.title)

    def write(folder: Path, album: Album, images: Placement = "copy") -> list[str]:
        raise ValueError(f"the format {name} is read and not written; {tool.title} imports COCO and Pascal VOC")

    reader = LayoutReader(find, f"no file of {tool.title}")
    expected = f"*{suffix} of {tool.title}"
    return DataFormat(name, reader.read, reader.splits, write, no_own_folders, expected, box_order="xyxy", find=find)


FOREIGN_FORMATS: tuple[DataFormat, ...] = (_format(CVAT, ".xml", _read_cvat), _format(VIA, ".json", _read_via))
"""Formats that only their name chooses; they are not recognised."""
