"""Data sets as people have them: the same images and boxes in one layout after another."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

NAMES = ("cat", "hot dog", "køter")
SIZE = (64, 96)
"""(height, width) of every image."""

Boxes = list[tuple[str, float, float, float, float]]
"""Class, left, top, right and bottom of each object of an image."""
Drawn = Mapping[str, Mapping[str, Boxes]]
"""Boxes by split and image stem."""
Layout = Callable[[Path, Drawn], dict[str, str]]
"""Writes a data set into a folder. Returns the options that reading it needs."""

LAYOUTS: dict[str, Layout] = {}


def layout(function: Layout) -> Layout:
    LAYOUTS[function.__name__] = function
    return function


def drawn(num_train: int = 5, num_val: int = 3, seed: int = 0) -> dict[str, dict[str, Boxes]]:
    """Random boxes in whole pixels, so that every format can hold them; one image has none."""
    rng = np.random.default_rng(seed)
    content: dict[str, dict[str, Boxes]] = {"train": {}, "val": {}}
    for number in range(num_train + num_val):
        boxes = []
        for index in range(0 if number == 1 else 1 + number % 3):
            left, top = int(rng.integers(0, 40)), int(rng.integers(0, 30))
            right, bottom = left + int(rng.integers(8, 50)), top + int(rng.integers(8, 30))
            boxes.append((NAMES[(number + index) % 3], left, top, right, bottom))
        content["train" if number < num_train else "val"][f"img_{number:03}"] = boxes
    return content


def draw(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(map(ord, path.stem))
    pixels = np.random.default_rng(seed).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, format="JPEG" if path.suffix.lower() == ".jpg" else "PNG")
    return path


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def every(content: Drawn) -> Iterable[tuple[str, str, Boxes]]:
    return ((split, stem, boxes) for split, images in content.items() for stem, boxes in images.items())


def xml(file_name: str, boxes: Boxes) -> str:
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = file_name
    size = ElementTree.SubElement(root, "size")
    for edge, value in (("width", SIZE[1]), ("height", SIZE[0]), ("depth", 3)):
        ElementTree.SubElement(size, edge).text = str(value)
    for name, *box in boxes:
        item = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(item, "name").text = name
        corners = ElementTree.SubElement(item, "bndbox")
        for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            ElementTree.SubElement(corners, corner).text = str(value)
    return ElementTree.tostring(root, encoding="unicode")


def rows(boxes: Boxes) -> str:
    """Lines of YOLO."""
    height, width = SIZE
    lines = [
        f"{NAMES.index(name)} {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} "
        f"{(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n"
        for name, x1, y1, x2, y2 in boxes
    ]
    return "".join(lines)


def polygons(boxes: Boxes) -> str:
    """Lines of YOLO's outlines: pentagons and quadrilaterals that touch every edge of the box."""
    lines = []
    for number, (name, x1, y1, x2, y2) in enumerate(boxes):
        middle = (y1 + y2) / 2
        points = [(x1, middle), ((x1 + x2) / 2, y1), (x2, middle), ((x1 + x2) / 2, y2)]
        points += [(x1 + 1, y2 - 1)] if number % 2 else []
        numbers = " ".join(f"{x / SIZE[1]:.6f} {y / SIZE[0]:.6f}" for x, y in points)
        lines.append(f"{NAMES.index(name)} {numbers}\n")
    return "".join(lines)


def labelme(image: str, boxes: Boxes) -> str:
    shapes = []
    for number, (name, x1, y1, x2, y2) in enumerate(boxes):
        points = [[x2, y2], [x1, y1]] if number % 2 == 0 else [[x1, y2], [(x1 + x2) / 2, y1], [x2, y2]]
        kind = "rectangle" if number % 2 == 0 else "polygon"
        shapes.append({"label": name, "points": points, "shape_type": kind, "flags": {}, "group_id": None})
    content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None}
    return json.dumps(content | {"imageHeight": SIZE[0], "imageWidth": SIZE[1]}, indent=2)


def coco(images: Mapping[str, Boxes], prefix: str = "", outlines: str = "") -> str:
    content: dict[str, list[object]] = {"images": [], "annotations": [], "categories": []}
    content["categories"] = [{"id": 3 * number + 1, "name": name} for number, name in enumerate(NAMES)]
    for number, (stem, boxes) in enumerate(images.items()):
        content["images"].append(
            {"id": number, "file_name": f"{prefix}{stem}.jpg", "height": SIZE[0], "width": SIZE[1]}
        )
        for name, x1, y1, x2, y2 in boxes:
            entry: dict[str, object] = {"image_id": number, "category_id": 3 * NAMES.index(name) + 1}
            entry["id"] = len(content["annotations"]) + 1
            if outlines == "polygons":
                entry["segmentation"] = [[x1, y1, x2, y1, x2, (y1 + y2) / 2], [x1, y1 + 1, x1, y2, x2, y2]]
            elif outlines == "masks":
                mask = np.zeros(SIZE, dtype=np.uint8)
                mask[int(y1) : int(y2), int(x1) : int(x2)] = 1
                entry["segmentation"] = {"size": list(SIZE), "counts": runs(mask)}
            else:
                entry["bbox"] = [x1, y1, x2 - x1, y2 - y1]
            content["annotations"].append(entry)
    return json.dumps(content)


def runs(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths: columns from top to bottom, beginning with zeros."""
    counts = [0]
    value = 0
    for pixel in mask.T.reshape(-1).tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def table(path: Path, header: list[str] | None, lines: Iterable[list[object]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([*([header] if header else []), *lines])


@layout
def voc_annotations_beside_images(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"images/{stem}.jpg")
        put(folder / f"annotations/{stem}.xml", xml(f"{stem}.jpg", boxes))
        put(folder / f"{split}.txt", "".join(f"images/{one}.jpg\n" for one in content[split]))
    return {}


@layout
def voc_annots_by_split(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"dataset/{split}/imgs/{stem}.PNG")
        put(folder / f"dataset/{split}/annots/{stem}.XML", xml("image.jpg", boxes))  # a stale name in all of them
    return {}


@layout
def voc_beside_images(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"{split}/{stem}.jpg")
        put(folder / f"{split}/{stem}.xml", xml(f"{stem}.jpg", boxes))
    return {}


@layout
def voc_named_otherwise(folder: Path, content: Drawn) -> dict[str, str]:
    for number, (split, stem, boxes) in enumerate(every(content)):
        draw(folder / f"photos/{stem}.jpg")
        put(folder / f"xml/annotation {number}.xml", xml(f"{stem}.jpg", boxes))
        put(folder / f"ImageSets/Main/{split}.txt", "".join(f"{one}\n" for one in content[split]))
    return {}


@layout
def yolo_trees_below(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"my data/images/{split}/{stem}.jpg")
        put(folder / f"my data/labels/{split}/{stem}.txt", rows(boxes))
    put(folder / "my data/classes.txt", "\n".join(NAMES))
    return {}


@layout
def yolo_beside_images_with_names_above(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"obj_{split}_data/{stem}.jpg")
        put(folder / f"obj_{split}_data/{stem}.txt", rows(boxes))
    put(folder.parent / "my.names", "\n".join(NAMES))
    return {}


@layout
def yolo_by_split(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"{split}/images/größe {stem}.JPG")
        put(folder / f"{split}/labels/größe {stem}.TXT", rows(boxes))
    put(folder / "notes.json", json.dumps({"categories": [{"id": i, "name": n} for i, n in enumerate(NAMES)]}))
    return {}


@layout
def yolo_described_below(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"export/{split}/images/{stem}.jpg")
        put(folder / f"export/{split}/labels/{stem}.txt", rows(boxes))
    put(folder / "export/data.yaml", f"train: train/images\nval: val/images\nnames: {json.dumps(NAMES)}\n")
    return {}


@layout
def yolo_outlines(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"images/{split}/{stem}.jpg")
        put(folder / f"labels/{split}/{stem}.txt", polygons(boxes))
    put(folder / "data.yaml", f"names: {json.dumps(NAMES)}\n")
    return {}


@layout
def yolo_poses(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"images/{split}/{stem}.jpg")
        lines = [f"{line} 0.5 0.5 2 0.1 0.2 1 0 0 0\n" for line in rows(boxes).splitlines()]
        put(folder / f"labels/{split}/{stem}.txt", "".join(lines))
    names = json.dumps(NAMES)
    put(folder / "data.yaml", f"train: images/train\nval: images/val\nkpt_shape: [3, 3]\nnames: {names}\n")
    return {}


@layout
def coco_far_from_images(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, _ in every(content):
        draw(folder / f"data/raw/{split}/{stem}.jpg")
        put(folder / f"exports/boxes/instances_{split}.json", coco(content[split]))
    return {}


@layout
def coco_polygons_without_boxes(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, _ in every(content):
        draw(folder / f"{split}/{stem}.jpg")
        put(folder / f"annotations/{split}.json", coco(content[split], outlines="polygons"))
    return {}


@layout
def coco_masks_without_boxes(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, _ in every(content):
        draw(folder / f"{split}/{stem}.jpg")
        put(folder / f"annotations/{split}.json", coco(content[split], outlines="masks"))
    return {}


@layout
def labelme_beside_images(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"{split}/{stem}.jpg")
        put(folder / f"{split}/{stem}.json", labelme(f"{stem}.jpg", boxes))
    return {}


@layout
def labelme_apart(folder: Path, content: Drawn) -> dict[str, str]:
    for split, stem, boxes in every(content):
        draw(folder / f"photos/{split}/{stem}.jpg")
        put(folder / f"json/{split}/{stem}.json", labelme(f"..\\..\\photos\\{split}\\{stem}.jpg", boxes))
    return {}


@layout
def csv_of_roboflow(folder: Path, content: Drawn) -> dict[str, str]:
    for split, images in content.items():
        lines: list[list[object]] = []
        for stem, boxes in images.items():
            draw(folder / f"{split}/{stem}.jpg")
            lines += [[f"{stem}.jpg", SIZE[1], SIZE[0], name, *box] for name, *box in boxes]
            lines += [] if boxes else [[f"{stem}.jpg", SIZE[1], SIZE[0], "", "", "", "", ""]]
        header = ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]
        table(folder / f"{split}/_annotations.csv", header, lines)
    return {}


@layout
def csv_of_kaggle(folder: Path, content: Drawn) -> dict[str, str]:
    lines: list[list[object]] = []
    for split, stem, boxes in every(content):
        draw(folder / f"images/{stem}.jpg")
        lines += [[stem, split, name, f"[{x1}, {y1}, {x2 - x1}, {y2 - y1}]"] for name, x1, y1, x2, y2 in boxes]
        lines += [] if boxes else [[stem, split, "", ""]]
    table(folder / "labels.csv", ["image_id", "split", "label", "bbox"], lines)
    return {}


@layout
def csv_of_open_images(folder: Path, content: Drawn) -> dict[str, str]:
    for split, images in content.items():
        lines: list[list[object]] = []
        for stem, boxes in images.items():
            draw(folder / f"{split}/{stem}.jpg")
            for name, x1, y1, x2, y2 in boxes:
                lines.append([stem, "xclick", name, 1, x1 / SIZE[1], x2 / SIZE[1], y1 / SIZE[0], y2 / SIZE[0], 0])
            lines += [] if boxes else [[stem, "", "", "", "", "", "", "", ""]]
        header = ["ImageID", "Source", "LabelName", "Confidence", "XMin", "XMax", "YMin", "YMax", "IsGroupOf"]
        table(folder / f"{split}-annotations-bbox.csv", header, lines)
    return {}


@layout
def csv_of_retinanet(folder: Path, content: Drawn) -> dict[str, str]:
    for split, images in content.items():
        lines: list[list[object]] = []
        for stem, boxes in images.items():
            draw(folder / f"images/{split}/{stem}.jpg")
            path = f"/home/me/data/images/{split}/{stem}.jpg"
            lines += [[path, *box, name] for name, *box in boxes] or [[path, "", "", "", "", ""]]
        table(folder / f"{split}.csv", None, lines)
    return {"format": "csv"}


@layout
def csv_with_semicolons(folder: Path, content: Drawn) -> dict[str, str]:
    lines: list[list[object]] = []
    for split, stem, boxes in every(content):
        draw(folder / f"{split}/{stem}.jpg")
        for name, x1, y1, x2, y2 in boxes:
            lines.append([f"{split}/{stem}.jpg", name, x1, y1, x2 - x1, y2 - y1, split])
        lines += [] if boxes else [[f"{split}/{stem}.jpg", "", "", "", "", "", split]]
    table(folder / "boxes.csv", ["\ufeffpath", "class", "x", "y", "w", "h", "subset"], lines, ";")
    return {}


def parquet(
    path: Path, images: Mapping[str, Boxes], image: Callable[[str], object], sized: bool = True, order: str = "xywh"
) -> None:
    """A file of Hugging Face's form, objects as a struct of lists."""
    import pyarrow
    from pyarrow import parquet as pq

    rows = []
    for number, (stem, boxes) in enumerate(images.items()):
        numbers = [[x1, y1, x2, y2] if order == "xyxy" else [x1, y1, x2 - x1, y2 - y1] for _, x1, y1, x2, y2 in boxes]
        objects = {"id": list(range(len(boxes))), "bbox": numbers, "category": [NAMES.index(box[0]) for box in boxes]}
        size = {"width": SIZE[1], "height": SIZE[0]} if sized else {}
        rows.append({"image_id": number, "image": image(stem), **size, "objects": objects})
    label = {"names": list(NAMES), "_type": "ClassLabel"}
    features = {"objects": {"feature": {"category": label}, "_type": "Sequence"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    table_of_rows = pyarrow.Table.from_pylist(rows)
    described = table_of_rows.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(described, path, row_group_size=2)


@layout
def parquet_of_the_hub(folder: Path, content: Drawn) -> dict[str, str]:
    for split, images in content.items():
        stems = list(images)
        name = {"val": "validation"}.get(split, split)
        for shard in range(2):
            some = {stem: images[stem] for stem in stems[shard::2]}

            def encoded(stem: str) -> object:
                return {"bytes": draw(folder / f"../{stem}.jpg").read_bytes(), "path": f"{stem}.jpg"}

            parquet(folder / f"data/{name}-0000{shard}-of-00002.parquet", some, encoded)
    return {}


@layout
def parquet_without_sizes(folder: Path, content: Drawn) -> dict[str, str]:
    for split, images in content.items():

        def encoded(stem: str) -> object:
            return {"bytes": draw(folder / f"../{stem}.png").read_bytes(), "path": f"pics/{stem}.png"}

        parquet(folder / f"default/{split}/0000.parquet", images, encoded, sized=False, order="xyxy")
    return {}


@layout
def parquet_of_paths(folder: Path, content: Drawn) -> dict[str, str]:
    for split, images in content.items():
        for stem in images:
            draw(folder / f"pictures/{stem}.jpg")
        parquet(folder / f"{split}.parquet", images, lambda stem: f"pictures/{stem}.jpg")
    return {}


@pytest.fixture(params=sorted(LAYOUTS))
def laid_out(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Drawn, dict[str, str]]:
    """Name, folder and content of a data set in each layout, and the options that reading it needs."""
    content = drawn()
    folder = tmp_path / "above/data set"
    folder.mkdir(parents=True)
    return request.param, folder, content, LAYOUTS[request.param](folder, content)


@pytest.fixture
def laid_out_as(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a data set in a layout of a name."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        LAYOUTS[name](folder, drawn())
        return folder

    return make
