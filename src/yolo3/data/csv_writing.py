"""Writing CSV: one file per split, with a row per object."""

import csv
from pathlib import Path

from yolo3.choices import Placement
from yolo3.data.sample import Sample
from yolo3.data.writing import Album

_COLUMNS = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")


def write_csv(folder: Path, album: Album, images: Placement = "copy") -> list[str]:
    """Write a data set into an empty folder: images in ``images``, and a file such as ``train.csv`` for each split.

    The columns are those of TensorFlow's examples. An image without objects has a row without a box.

    Returns:
        Descriptions of what the format cannot hold.
    """
    album.place(folder / "images", images)
    marks = ("difficult", "iscrowd") if any(_marked(sample) for sample in album.images.values()) else ()
    for split, file_names in album.splits.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow((*_COLUMNS, *marks))
            for file_name in dict.fromkeys(file_names):
                rows.writerows(_rows(f"images/{file_name}", album.images[file_name], album.names, bool(marks)))
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in album.names), encoding="utf-8")
    repeated = sum(len(names) - len(set(names)) for names in album.splits.values())
    return [f"{repeated} images that were listed repeatedly appear once"] if repeated else []


def _rows(name: str, sample: Sample, names: tuple[str, ...], has_marks: bool) -> list[tuple[object, ...]]:
    height, width = sample.size
    if not len(sample.boxes):
        return [(name, width, height, "", "", "", "", "")]
    boxes = sample.boxes.astype(float).round(4).tolist()
    rows: list[tuple[object, ...]] = []
    for index, box in enumerate(boxes):
        marks = (int(sample.difficult[index]), int(sample.crowd[index])) if has_marks else ()
        rows.append((name, width, height, names[sample.labels[index]], *box, *marks))
    return rows


def _marked(sample: Sample) -> bool:
    return bool(sample.difficult.any() or sample.crowd.any())
