"""Reading COCO: one JSON file per split."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from yolo3.data.coco_images import FileImages
from yolo3.data.coco_layout import annotation_files
from yolo3.data.coco_table import AnnotationTable, Entry, annotation_table, shown, unread_keys
from yolo3.data.faults import DataError, Fault, OnFault, refuse
from yolo3.data.json_files import LISTS, read_json, uncollected, what_it_is, whole
from yolo3.data.reading import check_names
from yolo3.data.sample import IntArray, SampleSet
from yolo3.data.sample_builder import ObjectTable, OnObject, SampleSetBuilder, ignore
from yolo3.data.sizes import edge_length, whole_size
from yolo3.data.split_names import find_split
from yolo3.data.work import QUIETLY, Work


@dataclass(frozen=True)
class _File:
    path: Path
    images: list[tuple[int, Entry]]
    """Ids and entries of the readable images, each id once."""
    listed: dict[int, int]
    """Index of each id, including those of unreadable images."""
    annotations: list[Entry]
    unread: list[str]
    """Descriptions of content that is not read."""
    categories: dict[int, str]
    """Names by category id, in the order of the ids."""


def read_coco(
    path: Path,
    split: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
    allow_outside: bool = False,
    work: Work = QUIETLY,
) -> SampleSet:
    """Read ``instances_*.json`` and similar files: all splits or one.

    The images of a file are in one folder: one named after the split, the folder of the file itself, ``images``, or
    another one that is not named after a different split. If ``path`` is an annotation file and none of its images
    exists, the annotations are read without them.

    Args:
        path: A JSON file; a folder that has some, or has some in ``annotations``; or a folder of folders that each
            have an ``_annotations.coco.json``.
        split: Name of a split, such as ``train`` for ``instances_train2017.json``. None reads every file.
        names: Class names, in order. None orders them by category id; ids may start anywhere and have gaps.
        on_fault: Called with every fault. If it returns, the faulty item is left out.
        on_object: Called with every object, faulty or not.
        allow_outside: Read images outside the data set's folder too.
        work: Reading of many files: quietly, or with a progress bar and several processes.

    Raises:
        DataError: The first fault, unless ``on_fault`` returns; an unknown split; files that disagree; images that
            may be in several folders.

    Source:
        https://cocodataset.org/#format-data
    """

    def images_of(file: Path) -> FileImages:
        return FileImages.of(file, None if path.is_file() else path, allow_outside)

    return read_files(path, annotation_files(path), images_of, split, names, on_fault, on_object)


def read_files(
    path: Path,
    available: Mapping[str, Path],
    images_of: Callable[[Path], FileImages],
    split: str | None,
    names: Sequence[str] | None,
    on_fault: OnFault,
    on_object: OnObject,
) -> SampleSet:
    """The samples of a split, or of all files, given the file of each split and where its images are."""
    chosen = list(available) if split is None else [find_split(available, split, str(path))]
    with uncollected():
        files = [_load(available[name], on_fault) for name in chosen]
        builder = SampleSetBuilder(names or _common_names(files), on_fault, on_object)
        for file in files:
            _add(builder, file, images_of(file.path), may_be_absent=path.is_file(), has_ids=len(files) == 1)
    samples = builder.build(f"COCO data set {path}", split)
    return replace(samples, category_ids=_category_ids(samples.names, files))


def coco_splits(path: Path) -> tuple[str, ...]:
    """The splits that have an annotation file."""
    return tuple(sorted(annotation_files(path)))


def read_lists(path: Path) -> dict[str, list[Entry]]:
    """The images, annotations and categories of a COCO file, unchanged.

    Raises:
        DataError: A file that is missing, damaged or without these lists.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not all(_is_list_of_objects(content.get(key)) for key in LISTS):
        text = "a COCO file holds three lists of objects: images, annotations and categories"
        known = what_it_is(path, content)
        if known is not None:
            text += f"; this is {known}"
        raise DataError(f"{path}: {text}")
    return content


def _load(path: Path, on_fault: OnFault) -> _File:
    """Read a JSON file."""
    content = read_lists(path)
    images: dict[int, Entry] = {}
    unusable = set()
    for entry in content["images"]:
        image_id = whole(entry.get("id"))
        if image_id is None or not isinstance(entry.get("file_name"), str):
            text = f"an image needs a whole 'id' and a 'file_name', not {shown(entry, 'id', 'file_name')}"
            on_fault(Fault("syntax", str(path), text))
            unusable.add(image_id)
        elif image_id in images:
            on_fault(Fault("reference", f"{path}: image {image_id}", "two images have this id; give each its own"))
        else:
            images[image_id] = entry
    listed = {image_id: index for index, image_id in enumerate(images)}
    listed |= {image_id: len(images) for image_id in unusable - images.keys() if image_id is not None}
    unread = [words for name in LISTS for words in unread_keys(content[name], name)]
    unread += [f"the file's {key!r:.60}" for key in content if key not in LISTS and content[key]]
    return _File(
        path, list(images.items()), listed, content["annotations"], unread, _categories(path, content["categories"])
    )


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and set(map(type, value)) <= {dict}


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
    """The id of each class, if all files have the same ids."""
    numbers = [{name: number for number, name in file.categories.items()} for file in files]
    if any(ids != numbers[0] for ids in numbers) or not all(name in numbers[0] for name in names):
        return None
    return tuple(numbers[0][name] for name in names)


def _add(builder: SampleSetBuilder, file: _File, images: FileImages, may_be_absent: bool, has_ids: bool) -> None:
    """Add the images and objects of a file."""
    taken = _add_images(builder, file, images, may_be_absent, has_ids)  # index in the file -> in the set

    table = annotation_table(file.annotations, file.listed, file.categories, str(file.path))
    if table.outlined:
        builder.tell(f"{table.outlined:,} annotations of {file.path} have no 'bbox'; the box around the outline counts")
    for odd in table.odd:
        image = -1 if odd.image is None else int(taken[odd.image])
        if image >= 0:
            builder.refuse_object(odd.fault.kind, odd.fault.place, odd.fault.text, odd.class_name, image)
        else:
            builder.on_fault(odd.fault)
            builder.miss_object(odd.fault.place, odd.class_name)
    _add_objects(builder, file, table, taken[table.image])
    for what in file.unread:
        builder.leave_unread(what)


def _add_images(
    builder: SampleSetBuilder, file: _File, images: FileImages, may_be_absent: bool, has_ids: bool
) -> IntArray:
    """Add images. Returns the index in the set of each image in the file, or -1 for an image that is left out."""
    places = images.locate([entry["file_name"] for _, entry in file.images])
    if may_be_absent and not any(isinstance(place, str) for place in places):  # annotations alone
        beside = [os.path.join(file.path.parent, entry["file_name"]) for _, entry in file.images]
        places = [
            place if isinstance(place, DataError) or not images.locator.holds_folder(os.path.dirname(path)) else path
            for place, path in zip(places, beside, strict=True)
        ]
    taken = np.full(len(file.images) + 1, -1)
    for index, ((image_id, entry), image) in enumerate(zip(file.images, places, strict=True)):
        place = f"{file.path}: image {image_id}"
        if image is None:
            text = f"no image {entry['file_name']} in {images.expected} nor near it; add it, or remove its entry"
            builder.on_fault(Fault("missing", place, text))
        elif isinstance(image, DataError):
            builder.on_fault(Fault("path", place, str(image)))
        elif (size := _image_size(entry, image)) is None:
            builder.on_fault(Fault("size", place, "no 'height' and 'width' above 0; write the size of the image"))
        else:
            taken[index] = len(builder)
            builder.add_image(image, size, image_id if has_ids else None)
    return taken


def _image_size(entry: Entry, image: str) -> tuple[int, int] | None:
    try:
        return whole_size(edge_length(entry.get("height")), edge_length(entry.get("width")), image)
    except ValueError:  # not a number of pixels, or no image to look at
        return None


def _add_objects(builder: SampleSetBuilder, file: _File, table: AnnotationTable, image: IntArray) -> None:
    """Add the objects of images in the set, and report the others."""
    numbers = {name: number for number, name in enumerate(builder.names)}
    label_of = {category: numbers.get(name, -1) for category, name in file.categories.items()}
    ids, inverse = np.unique(table.category, return_inverse=True)
    labels = np.array([label_of[category] for category in ids.tolist()], dtype=np.int64)[inverse.reshape(-1)]

    def place(index: int) -> str:
        return f"{file.path}: annotation {table.entries[index].get('id')}"

    for index in np.flatnonzero(image < 0).tolist():
        builder.miss_object(place(index), file.categories[int(table.category[index])])
    for index in np.flatnonzero((image >= 0) & (labels < 0)).tolist():
        name = file.categories[int(table.category[index])]
        builder.refuse_object("class", place(index), builder.unknown_class(name), name, int(image[index]))
    known = np.flatnonzero((image >= 0) & (labels >= 0))
    builder.add_table(
        ObjectTable(
            image[known],
            labels[known],
            table.boxes[known],
            table.area[known],
            table.difficult[known],
            table.crowd[known],
            lambda index: place(int(known[index])),
        )
    )
