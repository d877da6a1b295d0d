"""YOLO: a text file for each picture, in fractions of its size."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from yolo3.data.faults import DataError, Fault, OnFault, refuse
from yolo3.data.images import count_unread, find_images, image_size, in_words
from yolo3.data.reading import OnObject, SampleSetBuilder, choose_split, ignore, read_text
from yolo3.data.sample import SampleSet
from yolo3.data.writing import Album, Placement
from yolo3.data.yolo_description import YoloDescription, describe, locate


def read_yolo(
    path: Path,
    split: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
) -> SampleSet:
    """Read one text file a picture, with lines of ``class cx cy w h`` in fractions of the picture.

    A picture's labels lie in ``labels`` where its path says ``images``, or beside it, or in a folder ``labels`` beside
    its own; a picture without any is one without objects. Paths that are relative to some other folder are looked up
    beside the file that lists them. A listed picture that does not exist is left out.

    Args:
        path: ``data.yaml``, ``obj.data``, or the folder of one.
        split: a key of that file: train, val (or valid), test, or another one that is a list ``*.txt``; None is all.
        names: of the classes, in order, instead of the file's own.
        on_fault: told of every fault; if it returns, the faulty thing is left out.
        on_object: told of every object, faulty or not.

    Raises:
        DataError: the first fault, unless ``on_fault`` says otherwise; an unknown split; a list or folder without a
            picture that exists.

    A description may have ``min_score: 0.5``: lines then end in a score, as those of `yolo3.results.yolo_labels` do,
    and objects that score less are left out.

    Source:
        https://docs.ultralytics.com/datasets/detect/ and Darknet's ``data.c``.
    """
    description = describe(path)
    chosen = list(description.splits) if split is None else [choose_split(description.splits, split, str(path))]
    builder = SampleSetBuilder(names or description.names, on_fault, on_object)
    entries = dict.fromkeys(entry for name in chosen for entry in description.splits[name])
    pictures: dict[Path, str] = {}  # and where each is named
    for entry in entries:
        for picture, place in _pictures(entry, description, builder):
            pictures.setdefault(picture, place)
    if not pictures:
        raise DataError(f"{description.path}: it leads to no picture; say where they are: train: images/train")
    labels = {picture: _label_file(picture) for picture in pictures}
    if not any(labels.values()):
        some = next(iter(pictures)).with_suffix(".txt")
        text = f"none of its pictures has labels, neither {some} nor another"
        on_fault(Fault("missing", str(description.path), text))
    for picture, place in pictures.items():
        try:
            size = image_size(picture)
        except DataError as error:
            on_fault(Fault("image", place, str(error)))
            continue
        builder.add_image(picture, size)
        if (label_file := labels[picture]) is not None:
            _read_labels(builder, label_file, size, description.min_score)
    return builder.build(f"YOLO data set {path}" + (f", split {split!r}" if split is not None else ""))


def yolo_splits(path: Path) -> tuple[str, ...]:
    """The splits that the description names."""
    return tuple(describe(path).splits)


def write_yolo(folder: Path, album: Album, pictures: Placement = "copy") -> list[str]:
    """Write a data set with a ``data.yaml`` into an empty folder.

    Returns:
        What the format has no room for, in words.
    """
    album.place(folder / "images", pictures)
    (folder / "labels").mkdir()
    for file_name, sample in album.pictures.items():
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
    crowds = sum(int(sample.crowd.sum()) for sample in album.pictures.values())
    difficult = sum(int((sample.difficult & ~sample.crowd).sum()) for sample in album.pictures.values())
    lost = [f"{crowds} crowds are left out: YOLO files would take each for one object"] if crowds else []
    return lost + ([f"{difficult} difficult objects lose that mark: YOLO files have none"] if difficult else [])


def _pictures(entry: str, description: YoloDescription, builder: SampleSetBuilder) -> Iterator[tuple[Path, str]]:
    """Every picture of a list, a folder, a pattern or a single file, and the place that names it."""
    found, place = locate(entry, description.roots), f"{description.path}: {entry}"
    if found is None:
        matches = [
            match for root in description.roots for match in sorted(glob.glob(str(root / entry), recursive=True))
        ]
        pictures = [Path(match) for match in matches]
    elif found.is_dir():
        pictures = find_images(found)
        if unread := count_unread(found):
            builder.skip(Fault("image", str(found), f"{in_words(unread)}; convert them to JPEG or PNG"))
    elif found.suffix.lower() == ".txt":
        yield from _listed_pictures(found, description, builder)
        return
    else:
        pictures = [found]
    if not pictures:
        text = f"no picture there; looked in {', '.join(map(str, description.roots))}"
        builder.on_fault(Fault("missing", place, text))
    yield from ((picture, place) for picture in pictures)


def _listed_pictures(path: Path, description: YoloDescription, builder: SampleSetBuilder) -> Iterator[tuple[Path, str]]:
    lines = [(number, line.strip()) for number, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
    roots = list(dict.fromkeys([path.parent, *description.roots]))
    absent = 0
    for number, line in lines:
        picture = locate(line, roots)
        if picture is None:
            absent += 1
            builder.skip(Fault("missing", f"{path}:{number}", f"no picture {line}"))
        else:
            yield picture, f"{path}:{number}"
    if not lines:
        builder.on_fault(Fault("missing", str(path), "the list is empty; write a picture's path on each line"))
    elif absent == len(lines):
        text = f"none of its {absent} pictures exists, neither {lines[0][1]} nor any after it; mend the paths"
        builder.on_fault(Fault("missing", str(path), text))


def _label_file(picture: Path) -> Path | None:
    """Where the labels of a picture are; None if it has none."""
    name = f"{picture.stem}.txt"
    candidates = [picture.with_suffix(".txt"), picture.parent.parent / "labels" / name]
    if "images" in picture.parts[:-1]:
        last = len(picture.parts) - 1 - picture.parts[::-1].index("images", 1)
        candidates.insert(0, Path(*picture.parts[:last], "labels", *picture.parts[last + 1 : -1], name))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _line(fields: Sequence[str], min_score: float | None) -> str:
    """What a line should be, and what may be the matter with this one."""
    if min_score is not None:
        return "class cx cy w h score, as min_score in the description says"
    if len(fields) == 6:
        return (
            "class cx cy w h; if the sixth is a score, say min_score: 0.5 in the data.yaml, and lower ones are left out"
        )
    return "class cx cy w h; boxes are read, polygons and scores are not"


def _read_labels(builder: SampleSetBuilder, path: Path, size: tuple[int, int], min_score: float | None) -> None:
    height, width = size
    try:
        lines = read_text(path).splitlines()
    except DataError as error:
        return builder.on_fault(Fault("syntax", str(path), str(error).removeprefix(f"{path}: ")))
    for number, line in enumerate(lines, start=1):
        place, fields = f"{path}:{number}", line.split()
        if not fields:
            continue
        try:
            label, cx, cy, w, h, *score = map(float, fields)
            if len(score) != (min_score is not None):
                raise ValueError
        except ValueError:
            builder.on_fault(Fault("syntax", place, f"{line.strip()[:60]!r} is not {_line(fields, min_score)}"))
            continue
        if min_score is not None and not score[0] >= min_score:
            continue
        if not label.is_integer():
            builder.on_fault(Fault("class", place, f"class {fields[0]} is not a whole number"))
        elif max(cx, cy, w, h) > 2:
            text = f"{line.strip()!r}: are these pixels? YOLO files hold fractions of the picture, 0 to 1"
            builder.on_fault(Fault("outside", place, text))
        else:
            box = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
            builder.add_object(place, int(label), box)
