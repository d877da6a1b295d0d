"""Writing Parquet: one file per split, with the images in it, as the data sets of Hugging Face have them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from yolo3.choices import Placement
from yolo3.data.images import checked_content
from yolo3.data.sample import Sample
from yolo3.data.writing import Album
from yolo3.images.tables import packages

_GROUP_BYTES = 2**23
_GROUP_ROWS = 100
"""Limits of a row group: an image that is read alone takes its whole group along."""
_MARKS = ("iscrowd", "difficult")


def write_parquet(folder: Path, album: Album, images: Placement = "copy") -> list[str]:
    """Write a data set into an empty folder: a file such as ``data/train-00000-of-00001.parquet`` for each split.

    ``load_dataset`` of Hugging Face's library opens the folder, with images, boxes and class names.

    Args:
        folder: Folder.
        album: Data set.
        images: Images are always copied into the files.

    Returns:
        Descriptions of what the format cannot hold.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
    """
    arrow, parquet = packages(str(folder))
    (folder / "data").mkdir()
    schema = _schema(arrow, album.names)
    numbers = {name: number for number, name in enumerate(album.images)}
    for split, file_names in album.splits.items():
        path = folder / f"data/{split}-00000-of-00001.parquet"
        # encoded images do not get smaller
        with parquet.ParquetWriter(path, schema, compression={"image.bytes": "NONE"}) as file:
            for rows in _groups(album, numbers, list(dict.fromkeys(file_names))):
                file.write_table(arrow.Table.from_pylist(rows, schema), row_group_size=len(rows))
    repeated = sum(len(names) - len(set(names)) for names in album.splits.values())
    lost = []
    if repeated:
        lost.append(f"{repeated} images that were listed repeatedly appear once")
    if images == "link":
        lost.append("links: the images are copied into the files")
    return lost


def _groups(album: Album, numbers: dict[str, int], file_names: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """The rows of each row group."""
    rows: list[dict[str, Any]] = []
    size = 0
    for file_name in file_names:
        sample = album.images[file_name]
        content = checked_content(sample.image)
        rows.append(_row(file_name, numbers[file_name], sample, content))
        size += len(content)
        if size >= _GROUP_BYTES or len(rows) == _GROUP_ROWS:
            yield rows
            rows = []
            size = 0
    if rows:
        yield rows


def _row(file_name: str, number: int, sample: Sample, content: bytes) -> dict[str, Any]:
    height, width = sample.size
    boxes = sample.boxes.astype(float)
    boxes[:, 2:] -= boxes[:, :2]
    objects = {
        "bbox": boxes.tolist(),
        "category": sample.labels.tolist(),
        "area": sample.area.tolist(),
        "iscrowd": sample.crowd.tolist(),
        "difficult": sample.difficult.tolist(),
    }
    image = {"bytes": content, "path": file_name}
    return {"image": image, "image_id": number, "width": width, "height": height, "objects": objects}


def _schema(arrow: Any, names: Sequence[str]) -> Any:
    """The types of the columns, and the description of them that Hugging Face's library reads."""
    objects = arrow.struct(
        [
            ("bbox", arrow.list_(arrow.list_(arrow.float32()))),
            ("category", arrow.list_(arrow.int64())),
            ("area", arrow.list_(arrow.float32())),
            *((mark, arrow.list_(arrow.bool_())) for mark in _MARKS),
        ]
    )
    fields = {
        "image": arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())]),
        "image_id": arrow.int64(),
        "width": arrow.int32(),
        "height": arrow.int32(),
        "objects": objects,
    }
    features = {
        "image": {"_type": "Image"},
        "image_id": _value("int64"),
        "width": _value("int32"),
        "height": _value("int32"),
        "objects": {
            "feature": {
                "bbox": {"feature": _value("float32"), "_type": "Sequence"},
                "category": {"names": list(names), "_type": "ClassLabel"},
                "area": _value("float32"),
                **{mark: _value("bool") for mark in _MARKS},
            },
            "_type": "Sequence",
        },
    }
    described = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    return arrow.schema(list(fields.items()), metadata={"huggingface": described})


def _value(dtype: str) -> dict[str, str]:
    return {"dtype": dtype, "_type": "Value"}
