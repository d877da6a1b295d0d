"""YOLO: a text file per image, with boxes in fractions of its size."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml

from yolo3.choices import Placement
from yolo3.data.data_format import DataFormat
from yolo3.data.faults import DataError, Fault, OnFault, refuse
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout
from yolo3.data.reading_files import sizes_of
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, SampleSetBuilder, ignore
from yolo3.data.split_names import find_split
from yolo3.data.work import QUIETLY, Work
from yolo3.data.writing import Album
from yolo3.data.yolo_content import DescribedBelow, described_below, find_labels
from yolo3.data.yolo_description import DESCRIPTION_SUFFIXES, describe, description_files, may_describe
from yolo3.data.yolo_images import YoloImage, YoloImages
from yolo3.data.yolo_labels import LabelFiles, count_label_files, holds_class_zero, read_labels, unused_labels


def read_yolo(
    path: Path,
    split: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
    allow_outside: bool = False,
    work: Work = QUIETLY,
) -> SampleSet:
    """Read one text file per image, with lines of ``class cx cy w h`` in fractions of the image.

    Of a polygon or an oriented box the box around it is read, and of a pose its box; the notes count them.

    The label file of an image is in the folder that has ``labels`` in place of ``images`` in its path, beside the
    image, or in a folder ``labels`` beside its own. An image without a label file has no objects. Paths that are
    relative to another folder are looked up beside the file that lists them. A listed image that does not exist is left
    out.

    Args:
        path: A ``data.yaml``, an ``obj.data``, or its folder.
        split: A key of that file: train, val (or valid), test, or another one whose value is a list ``*.txt``. None
            reads all splits.
        names: Class names, in order, in place of the file's own.
        on_fault: Called with every fault. If it returns, the faulty item is left out.
        on_object: Called with every object, faulty or not.
        allow_outside: Read images outside the folder of the description too.
        work: Reading of many files: quietly, or with a progress bar and several processes.

    Raises:
        DataError: The first fault, unless ``on_fault`` returns; an unknown split; a list or folder without an existing
            image.

    If the description has ``min_score: 0.5``, each line ends in a score, as `yolo3.results.yolo_labels` writes them,
    and objects with a lower score are left out.

    Source:
        https://docs.ultralytics.com/datasets/detect/ and Darknet's ``data.c``.
    """
    description = describe(path, allow_outside)
    chosen = list(description.splits)
    if split is not None:
        chosen = [find_split(description.splits, split, str(path))]
    images = YoloImages(description)
    missing: list[Fault] = []
    told: list[Fault] = []

    def tell(fault: Fault) -> None:
        told.append(fault)
        on_fault(fault)

    files = images.of(chosen, tell, missing.append)
    if not files and not told:
        raise DataError(
            f"{description.path}: no image found; state the folder of the images, such as train: images/train"
        )
    finder = LabelFiles(description.locator, lambda: images.paths)
    labels = _label_files(finder, files, on_fault)
    if files and not any(labels.values()):
        some = Path(files[0].path).with_suffix(".txt")
        text = f"none of its images has a label file, neither {some} nor any other"
        on_fault(Fault("missing", str(description.path), text))
    known = [label for _, label in sorted(labels.items())]
    builder = SampleSetBuilder(names or description.names, on_fault, on_object, cache(lambda: holds_class_zero(known)))
    for fault in missing:
        builder.skip(fault)
    empty = 0
    sizes = sizes_of(list(dict.fromkeys(files[index].path for index in labels)), work)
    for index, label in work.watch(labels.items(), len(labels), "reading labels"):
        size = sizes[files[index].path]
        if isinstance(size, DataError):
            on_fault(Fault("image", files[index].place, str(size)))
            continue
        builder.add_image(files[index].path, size)
        if label is not None:
            empty += not read_labels(builder, Path(label), size, description.min_score, description.keypoints)
    bare = next((files[index].path for index, label in labels.items() if label is None), "")
    count_label_files(builder, known, empty, bare)
    return builder.build(f"YOLO data set {path}", split)


def yolo_splits(path: Path) -> tuple[str, ...]:
    """The splits that the description names."""
    return tuple(describe(path).splits)


def write_yolo(folder: Path, album: Album, images: Placement = "copy") -> list[str]:
    """Write a data set with a ``data.yaml`` into an empty folder.

    Returns:
        Descriptions of what the format cannot hold.
    """
    album.place(folder / "images", images)
    (folder / "labels").mkdir()
    for file_name, sample in album.images.items():
        height, width = sample.size
        boxes = sample.boxes.astype(float) / (width, height, width, height)
        lines = [
            f"{label} {(left + right) / 2:.8f} {(top + bottom) / 2:.8f} {right - left:.8f} {bottom - top:.8f}\n"
            for (left, top, right, bottom), label, crowd in zip(boxes, sample.labels, sample.crowd, strict=True)
            if not crowd
        ]
        (folder / "labels" / f"{Path(file_name).stem}.txt").write_text("".join(lines), encoding="utf-8")
    for split, file_names in album.splits.items():
        listed = "".join(f"./images/{file_name}\n" for file_name in file_names)
        (folder / f"{split}.txt").write_text(listed, encoding="utf-8")
    content = {split: f"{split}.txt" for split in album.splits} | {"names": dict(enumerate(album.names))}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    crowds = sum(int(sample.crowd.sum()) for sample in album.images.values())
    difficult = sum(int((sample.difficult & ~sample.crowd).sum()) for sample in album.images.values())
    lost = []
    if crowds:
        lost.append(f"{crowds} crowds are left out: in YOLO files each would count as one object")
    if difficult:
        lost.append(f"{difficult} difficult objects lose that mark, which YOLO files do not have")
    return lost


def _label_files(finder: LabelFiles, files: Sequence[YoloImage], on_fault: OnFault) -> dict[int, str | None]:
    """The label file of each image, by index, without images whose label file is ambiguous."""
    found: dict[int, str | None] = {}
    for index, file in enumerate(files):
        try:
            found[index] = finder.of(file.path)
        except DataError as error:
            on_fault(Fault("path", file.path, str(error)))
    return found


def _recognise(path: Path) -> bool:
    if path.is_file():
        return path.suffix in DESCRIPTION_SUFFIXES
    return any(map(may_describe, description_files(path)))


def _find(contents: Contents, is_chosen: bool) -> DescribedBelow | FoundLayout | None:
    """A description in a folder below, or text files of numbers that pair with images by stem."""
    return described_below(contents, read_yolo, yolo_splits) or find_labels(contents)


YOLO = DataFormat(
    name="yolo",
    read=read_yolo,
    splits=yolo_splits,
    write=write_yolo,
    recognise=_recognise,
    expected="data.yaml or obj.data",
    box_order="cxcywh",
    in_fractions=True,
    states_size=False,
    unused_labels=unused_labels,
    find=_find,
)
