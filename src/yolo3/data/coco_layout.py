"""The files of a COCO data set, and where they are."""

from collections.abc import Sequence
from pathlib import Path

from yolo3.data.faults import DataError
from yolo3.data.json_files import may_be_coco
from yolo3.data.listing import files_like, visible
from yolo3.data.split_names import find_split


def annotation_file(path: Path, split: str | None = None) -> Path | None:
    """The annotation file of a split. Without a split: the only annotation file, or None if there are several.

    Raises:
        DataError: An unknown split; no file at all.
    """
    files = annotation_files(path)
    if split is not None:
        return files[find_split(files, split, str(path))]
    return next(iter(files.values())) if len(files) == 1 else None


def annotation_files(path: Path) -> dict[str, Path]:
    """The annotation file of each split.

    Raises:
        DataError: No file at all; two files for one split.
    """
    if path.is_file():
        return {split_name(path): path}
    every = candidates(path)
    files = [file for file in every if may_be_coco(file)]
    return split_files(path, files or list(filter(may_be_coco, files_like(path, (".json",)))) or every)


def split_files(path: Path, files: Sequence[Path]) -> dict[str, Path]:
    """The annotation file of each split, of some files of a data set.

    Raises:
        DataError: No file at all; two files for one split.
    """
    boxes = [file for file in files if file.stem.startswith("instances_")]  # COCO has captions and keypoints beside
    if not files:
        raise DataError(f"{path}: no annotation file; expected *.json there or in {path / 'annotations'}")
    named: dict[str, Path] = {}
    for file in boxes or files:
        other = named.setdefault(split_name(file), file)
        if other != file:
            raise DataError(f"{path}: {other} and {file} are both split {split_name(file)!r}; give the path of one")
    return named


def candidates(path: Path) -> list[Path]:
    """The JSON files in a folder that may be annotation files, by their places."""
    return visible(path, "*.json", "annotations/*.json", "*/_annotations.coco.json")


def split_name(path: Path) -> str:
    """The split that the name of an annotation file tells."""
    return path.parent.name if path.stem == "_annotations.coco" else path.stem.removeprefix("instances_")
