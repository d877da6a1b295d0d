"""COCO: one JSON file per split."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from yolo3.data.coco_images import FileImages
from yolo3.data.coco_layout import annotation_file, candidates, split_files
from yolo3.data.coco_reading import coco_splits, read_coco, read_files, read_lists
from yolo3.data.coco_writing import write_coco
from yolo3.data.data_format import DataFormat
from yolo3.data.faults import OnFault
from yolo3.data.json_files import may_be_coco
from yolo3.data.layout.contents import Contents
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject

__all__ = ["COCO", "CocoLayout", "coco_splits", "read_coco", "read_lists"]


@dataclass(frozen=True)
class CocoLayout:
    """COCO files in any folders, and their images."""

    files: dict[str, Path]
    """Annotation file of each split."""
    contents: Contents

    def splits(self) -> tuple[str, ...]:
        """The splits that have an annotation file."""
        return tuple(sorted(self.files))

    def seen(self) -> str:
        """What was found, in words."""
        return ", ".join(map(str, self.files.values()))

    def read(self, split: str | None, names: Sequence[str] | None, on_fault: OnFault, on_object: OnObject) -> SampleSet:
        """The samples of a split, or of all files."""
        contents = self.contents

        def images_of(file: Path) -> FileImages:
            others = [other for other in self.files.values() if other != file]
            return FileImages.among(file, others, contents.images_root, contents.allow_outside)

        samples = read_files(contents.path, self.files, images_of, split, names, on_fault, on_object)
        found = f"found by content: {self.seen()}; images in {contents.images_root}"
        return replace(samples, notes=(found, *samples.notes))


def _find(contents: Contents, is_chosen: bool) -> CocoLayout | None:
    """JSON files of images, annotations and categories, in any folders."""
    files = [path for path in map(Path, contents.annotations(".json")) if may_be_coco(path)]
    return CocoLayout(split_files(contents.path, files), contents) if files else None


def _recognise(path: Path) -> bool:
    if path.is_file():
        return path.suffix == ".json"
    return any(map(may_be_coco, candidates(path)))


COCO = DataFormat(
    name="coco",
    read=read_coco,
    splits=coco_splits,
    write=write_coco,
    recognise=_recognise,
    expected="*.json",
    box_order="xywh",
    coco_file=annotation_file,
    find=_find,
)
