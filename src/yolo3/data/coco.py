"""COCO: one JSON file for all pictures of a split."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolo3.data.coco_layout import annotation_files, find_picture, picture_folders
from yolo3.data.faults import DataError, Fault, OnFault, refuse
from yolo3.data.images import image_size
from yolo3.data.reading import LARGEST_EDGE, OnObject, SampleSetBuilder, check_names, choose_split, ignore, read_text
from yolo3.data.sample import SampleSet
from yolo3.data.writing import Album, Placement

Entry = dict[str, Any]
"""An object of the JSON file."""
_LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class _File:
    path: Path
    images: dict[int, Entry]
    """By image id."""
    annotations: dict[int, list[Entry]]
    """By image id."""
    categories: dict[int, str]
    """Names by category id, in order of the ids."""


def read_coco(
    path: Path,
    split: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
) -> SampleSet:
    """Read ``instances_*.json`` and its like, of all splits or of one.

    A picture is looked for beside the file, in folders of the split's name, in ``images``, and in the folders there.
    The pictures need not exist if an annotation file is given and none of them does.

    Args:
        path: a JSON file, or a folder with some, or with some in ``annotations``, or with folders that each hold an
            ``_annotations.coco.json``.
        split: ``train`` for ``instances_train2017.json``, and so on; None is every file.
        names: of the classes, in order; None is the order of the category ids, which may start anywhere and have gaps.
        on_fault: told of every fault; if it returns, the faulty thing is left out.
        on_object: told of every object, faulty or not.

    Raises:
        DataError: the first fault, unless ``on_fault`` says otherwise; an unknown split; files that disagree.

    Source:
        https://cocodataset.org/#format-data
    """
    available = annotation_files(path)
    chosen = available if split is None else [choose_split(available, split, str(path))]
    files = {name: _load(available[name], on_fault) for name in chosen}
    builder = SampleSetBuilder(names or _common_names(list(files.values())), on_fault, on_object)
    for name, file in files.items():
        folders = picture_folders(file.path, name, other_splits=available.keys() - {name})
        pictures = {image_id: find_picture(entry["file_name"], folders) for image_id, entry in file.images.items()}
        if path.is_file() and not any(pictures.values()):  # annotations alone
            pictures = {image_id: path.parent / entry["file_name"] for image_id, entry in file.images.items()}
        for image_id, entry in file.images.items():
            picture, place = pictures[image_id], f"{file.path}: image {image_id}"
            if picture is None:
                text = f"no picture {entry['file_name']} in {folders[0]} nor near it; add it or take its entry out"
                on_fault(Fault("missing", place, text))
            elif (size := _image_size(entry, picture)) is None:
                on_fault(Fault("size", place, "no 'height' and 'width' above 0; write the picture's own"))
            else:
                builder.add_image(picture, size, image_id if len(files) == 1 else None)
                for annotation in file.annotations.get(image_id, ()):
                    _add_object(builder, file, annotation)
    samples = builder.build(f"COCO data set {path}" + (f", split {split!r}" if split is not None else ""))
    return replace(samples, category_ids=_category_ids(samples.names, list(files.values())))


def coco_splits(path: Path) -> tuple[str, ...]:
    """The splits that have an annotation file."""
    return tuple(sorted(annotation_files(path)))


def write_coco(folder: Path, album: Album, pictures: Placement = "copy") -> list[str]:
    """Write a data set into an empty folder.

    Returns:
        What the format has no room for, in words: nothing. Difficult objects are marked so, beside COCO's own keys.
    """
    album.place(folder / "images", pictures)
    (folder / "annotations").mkdir()
    image_ids = {file_name: number for number, file_name in enumerate(album.pictures, start=1)}
    for split, file_names in album.splits.items():
        content: dict[str, list[Entry]] = {"images": [], "annotations": []}
        content["categories"] = [{"id": number, "name": name} for number, name in enumerate(album.names, start=1)]
        for file_name in file_names:
            sample, image_id = album.pictures[file_name], image_ids[file_name]
            height, width = sample.size
            content["images"].append({"id": image_id, "file_name": file_name, "width": width, "height": height})
            for index, (left, top, right, bottom) in enumerate(sample.boxes.astype(float).round(4).tolist()):
                annotation = {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image_id,
                    "category_id": int(sample.labels[index]) + 1,
                    "bbox": [left, top, round(right - left, 4), round(bottom - top, 4)],
                    "area": round(float(sample.area[index]), 4),
                    "iscrowd": int(sample.crowd[index]),
                }
                content["annotations"].append(annotation | ({"difficult": 1} if sample.difficult[index] else {}))
        text = json.dumps(content, ensure_ascii=False)
        (folder / "annotations" / f"instances_{split}.json").write_text(text, encoding="utf-8")
    return []


def read_lists(path: Path) -> dict[str, list[Entry]]:
    """The images, annotations and categories of a COCO file, as they stand.

    Raises:
        DataError: a file that is missing or damaged, or without these lists.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not all(_is_list_of_objects(content.get(key)) for key in _LISTS):
        raise DataError(f"{path}: a COCO file holds three lists of objects: images, annotations and categories")
    return content


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        DataError: a file that is missing or damaged.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not well-formed JSON ({error.msg}); mend the file") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
        raise DataError(f"{path}: JSON that cannot be read ({error}); mend the file") from error


def whole(value: object) -> int | None:
    """A number that may be an id, which some programs write as 3.0; None if it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def _load(path: Path, on_fault: OnFault) -> _File:
    """Read a JSON file and sort its entries by the image they belong to."""
    content = read_lists(path)
    images: dict[int, Entry] = {}
    for entry in content["images"]:
        image_id = whole(entry.get("id"))
        if image_id is None or not isinstance(entry.get("file_name"), str):
            text = f"an image needs a whole 'id' and a 'file_name', not {_shown(entry, 'id', 'file_name')}"
            on_fault(Fault("syntax", str(path), text))
        elif image_id in images:
            on_fault(Fault("reference", f"{path}: image {image_id}", "two images have this id; give each its own"))
        else:
            images[image_id] = entry
    listed = {whole(entry.get("id")) for entry in content["images"]}
    annotations = defaultdict(list)
    for entry in content["annotations"]:
        image_id = whole(entry.get("image_id"))
        if image_id is not None and image_id in listed:
            annotations[image_id].append(entry)
        else:
            text = f"its image_id {entry.get('image_id')!r} is not among the images; mend it or take it out"
            on_fault(Fault("reference", f"{path}: annotation {entry.get('id')}", text))
    return _File(path, images, annotations, _categories(path, content["categories"]))


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _categories(path: Path, entries: list[Entry]) -> dict[int, str]:
    numbers = [whole(entry.get("id")) for entry in entries]
    if None in numbers or not all("name" in entry for entry in entries):
        raise DataError(f"{path}: a category needs a whole 'id' and a 'name'")
    names = {number: str(entry["name"]) for number, entry in zip(numbers, entries, strict=True) if number is not None}
    if len(names) < len(entries):
        raise DataError(f"{path}: two categories have one id; give each its own")
    check_names(list(names.values()), f"{path}: categories")
    return dict(sorted(names.items()))


def _common_names(files: Sequence[_File]) -> list[str]:
    first, *others = files
    names = list(first.categories.values())
    for file in others:
        if list(file.categories.values()) != names:
            raise DataError(f"{file.path}: its categories differ from those of {first.path}; read one split alone")
    return names


def _category_ids(names: Sequence[str], files: Sequence[_File]) -> tuple[int, ...] | None:
    """The id of each class, where all files have it, and the same."""
    numbers = [{name: number for number, name in file.categories.items()} for file in files]
    if any(ids != numbers[0] for ids in numbers) or not all(name in numbers[0] for name in names):
        return None
    return tuple(numbers[0][name] for name in names)


def _image_size(entry: Entry, picture: Path) -> tuple[int, int] | None:
    height, width = entry.get("height"), entry.get("width")
    if height is None and width is None and picture.is_file():
        return image_size(picture)
    if not (isinstance(height, int) and isinstance(width, int)):
        return None
    return (height, width) if 0 < min(height, width) <= max(height, width) <= LARGEST_EDGE else None


def _add_object(builder: SampleSetBuilder, file: _File, entry: Entry) -> None:
    place = f"{file.path}: annotation {entry.get('id')}"
    category = entry.get("category_id")
    number = whole(category)
    name = None if number is None else file.categories.get(number)
    try:
        left, top, width, height = map(float, entry["bbox"])
        area = None if entry.get("area") is None else float(entry["area"])
    except (KeyError, TypeError, ValueError):
        text = f"needs a 'bbox' [left, top, width, height] in pixels, not {_shown(entry, 'bbox', 'area')}"
        return builder.on_fault(Fault("syntax", place, text))
    if name is None:
        text = f"its category_id {category!r} is not among the categories {sorted(file.categories)}"
        return builder.on_fault(Fault("class", place, text))
    difficult, crowd = bool(entry.get("difficult")), bool(entry.get("iscrowd"))
    box = (left, top, left + width, top + height)
    builder.add_object(place, name, box, difficult=difficult, crowd=crowd, area=area)


def _shown(entry: Entry, *keys: str) -> str:
    text = ", ".join(f"{key}: {entry.get(key)!r}" for key in keys)
    return text if len(text) < 100 else f"{text[:100]}…"
