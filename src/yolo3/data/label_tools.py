"""Files of label tools in the tools' own formats, which are recognised so that a message can say what to do."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolo3.data.listing import files_like

ForeignName = Literal["cvat", "via"]
"""Formats of label tools that ``yolo3 convert-data --from`` reads, through globox."""

_BEGINNING = 1 << 16  # bytes that are looked at
_MOST_FILES = 50  # files that are looked at


@dataclass(frozen=True)
class LabelTool:
    """A label tool and its own format."""

    title: str
    export: str
    """Export to choose in the tool, in words."""
    format: ForeignName | None = None
    """Format that is read through globox; None for one that is not."""

    def advice(self, file: Path) -> str:
        """What a file of the tool is, and what to do, in one line."""
        convert = f"; or yolo3 convert-data {file} NEW --from {self.format} --to yolo" if self.format else ""
        return f"{self.title}'s own format: {self.export}{convert}"


CVAT = LabelTool("CVAT", "export the task as 'COCO 1.0' or 'Pascal VOC 1.1'", "cvat")
VIA = LabelTool("VGG Image Annotator", "choose Annotation, Export Annotations (COCO format)", "via")
LABEL_STUDIO = LabelTool("Label Studio", "choose Export, 'YOLO with Images' or 'COCO with Images'")


def tool_of(file: Path) -> LabelTool | None:
    """The label tool in whose own format a file is, at a quick look; None for any other file."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_BEGINNING).decode("utf-8", "ignore").lstrip("\ufeff")
    except OSError:
        return None
    suffix = file.suffix.lower()
    if suffix == ".xml":
        is_cvat = re.match(r"(\s|<\?.*?\?>|<!--.*?-->)*<annotations>", text, re.DOTALL) is not None
        return CVAT if is_cvat else None
    if suffix != ".json":
        return None
    if '"_via_img_metadata"' in text or ('"shape_attributes"' in text and '"regions"' in text):
        return VIA
    is_list = text.lstrip().startswith("[")
    if is_list and all(key in text for key in ('"annotations"', '"data"', '"result"')):
        return LABEL_STUDIO
    return None


def tool_in(path: Path) -> tuple[Path, LabelTool] | None:
    """The first file of a label tool in a folder, or the file itself; None if there is none."""
    files = [path] if path.is_file() else files_like(path, (".xml", ".json"))[:_MOST_FILES]
    return next(((file, tool) for file in files if (tool := tool_of(file)) is not None), None)


def may_have_more(path: Path) -> dict[str, int]:
    """Numbers of shapes in a file of CVAT or VIA that globox does not read, by their kind."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix.lower() == ".xml":
        kinds = re.findall(r"<(polygon|polyline|points|ellipse|cuboid|mask|skeleton)\b", text)
    else:
        metadata = json.loads(text)
        entries = metadata.get("_via_img_metadata", metadata).values()
        regions = (region for entry in entries for region in entry.get("regions", ()))
        names = (region.get("shape_attributes", {}).get("name", "shape") for region in regions)
        kinds = [name for name in names if name != "rect"]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
