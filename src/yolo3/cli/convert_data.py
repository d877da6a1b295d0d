"""``yolo3 convert-data``."""

from pathlib import Path
from typing import Literal


def convert_data(
    data: Path,
    output: Path,
    *,
    to: Literal["voc", "coco", "yolo"],
    format: Literal["voc", "coco", "yolo"] | None = None,
    pictures: Literal["copy", "link"] = "copy",
) -> None:
    """Write a data set, with all its splits, in another format.

    Args:
        data: A data set: a folder, a COCO .json, a data.yaml or an obj.data.
        output: The folder to make.
        to: The format to write.
        format: Of the annotations that are read; recognised unless given.
        pictures: Copy them, or make links, which save room but break when the pictures are moved.
    """
    from yolo3.cli.output import check_new
    from yolo3.data import dataset_splits, open_dataset, write_dataset

    check_new(output, remedy="name another")
    names = dataset_splits(data, format) or ("train",)
    splits = {name: open_dataset(data, name, format) for name in names}
    lost = write_dataset(splits, output, to, pictures)
    for name, samples in splits.items():
        print(f"{name}: {samples.summary()}")
    for loss in lost:
        print(f"lost: {loss}")
    print(f"{output}: {', '.join(splits)} as {to}")
