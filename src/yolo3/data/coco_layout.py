"""Where the files of a COCO data set lie."""

import os
from collections.abc import Sequence
from pathlib import Path

from yolo3.data.faults import DataError
from yolo3.data.reading import choose_split


def annotation_file(path: Path, split: str | None = None) -> Path | None:
    """The file that holds the annotations of a split; None where those of all splits are in several files.

    Raises:
        DataError: an unknown split, no file at all.
    """
    files = annotation_files(path)
    if split is not None:
        return files[choose_split(files, split, str(path))]
    return next(iter(files.values())) if len(files) == 1 else None


def find_pictures(file: Path, file_names: Sequence[str]) -> list[Path | None]:
    """Where the pictures that an annotation file names lie; None of those that are not there."""
    folders = picture_folders(file, _split_name(file), other_splits=set())
    return [find_picture(file_name, folders) for file_name in file_names]


def annotation_files(path: Path) -> dict[str, Path]:
    """The annotation file of each split.

    Raises:
        DataError: no file at all.
    """
    if path.is_file():
        return {_split_name(path): path}
    files = sorted([*path.glob("*.json"), *path.glob("annotations/*.json"), *path.glob("*/_annotations.coco.json")])
    boxes = [file for file in files if file.stem.startswith("instances_")]  # COCO has captions and keypoints beside
    if not files:
        raise DataError(f"{path}: no annotation file; expected *.json there or in {path / 'annotations'}")
    return {_split_name(file): file for file in boxes or files}


def _split_name(path: Path) -> str:
    return path.parent.name if path.stem == "_annotations.coco" else path.stem.removeprefix("instances_")


def picture_folders(file: Path, split: str, other_splits: set[str]) -> list[Path]:
    """Where the pictures of an annotation file may lie, likeliest first."""
    root = file.parent.parent if file.parent.name == "annotations" else file.parent
    likely = [file.parent, root / split, root / "images" / split, root / "images", root]
    around = [inner for folder in (root / "images", root) if folder.is_dir() for inner in sorted(folder.iterdir())]
    folders = [*likely, *(inner for inner in around if inner.name not in other_splits)]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def find_picture(file_name: str, folders: Sequence[Path]) -> Path | None:
    """The first that is there."""
    return next((folder / file_name for folder in folders if os.path.isfile(folder / file_name)), None)
