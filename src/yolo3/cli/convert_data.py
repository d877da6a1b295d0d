"""``yolo3 convert-data``."""

from pathlib import Path
from typing import get_args

from yolo3.choices import Placement
from yolo3.cli.data_formats import FormatName
from yolo3.cli.options import NamedDataSet
from yolo3.data.label_tools import ForeignName


def convert_data(
    data: Path | None = None,
    output: Path | None = None,
    *,
    to: FormatName,
    dataset: NamedDataSet,
    from_: ForeignName | None = None,
    leave_out_faults: bool = False,
    placement: Placement = "copy",
) -> None:
    """Write a data set, with all its splits, in another format.

    Args:
        data: Data set: a folder, a COCO .json, a .csv, a .parquet, a data.yaml or an obj.data.
        output: Folder to write.
        to: Format to write.
        dataset: Reading of the annotations.
        from_: Label tool whose own file DATA is, where the tool cannot export one of the formats. It is read
            through globox.
        leave_out_faults: Leave out faulty boxes, lines and images, and report their number.
        placement: Copy the images, or make links, which save space but break if the images move.
    """
    from yolo3.cli.output import check_new
    from yolo3.cli.splits import open_split
    from yolo3.data import dataset_splits, write_dataset

    if str(dataset.images) in get_args(Placement) and not Path(str(dataset.images)).exists():
        raise ValueError(
            f"--images names the folder of the images; --placement {dataset.images} says how they get there"
        )
    if output is None:
        raise ValueError("no folder to make; name it after the data set, or with --output")
    check_new(output, remedy="name another")
    if from_ is not None and dataset.format is not None:
        raise ValueError(f"--from {from_} says the format of DATA; leave out --format {dataset.format}")
    format = from_ or dataset.format
    source = dataset.source(data)
    splits = {
        name or "train": open_split(source, name, format, leave_out_faults=leave_out_faults)
        for name in dataset_splits(source, format) or [None]
    }
    lost = write_dataset(splits, output, to, placement)
    for name, samples in splits.items():
        print(f"{name}: {samples.summary()}")
    for loss in dict.fromkeys([*lost, *(what for samples in splits.values() for what in samples.unread)]):
        print(f"lost: {loss}")
    print(f"{output}: {', '.join(splits)} as {to}")
