"""What `yolo3 evaluate` takes on a large scale.

    python benchmarks/evaluating.py detections              # 1,000,000 detections in 30,000 images; 1,000 classes
    python benchmarks/evaluating.py classes --num-images 40 # a network of 1,000 classes

CPU seconds are those of the whole command, peak memory is that of its process.
"""

import argparse
import json
import shutil
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from many import YOLO3, measured, run_parts, write_images

from yolo3 import YOLOv3, save_checkpoint
from yolo3.bulk import PartFolder, Row
from yolo3.checkpoint import ModelCard
from yolo3.text_table import text_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-images", type=int, default=40, help="images for the network of 1,000 classes")
    run_parts(parser, PARTS)


def detections(options: argparse.Namespace) -> None:
    """`yolo3 evaluate --detections` on many detections: of a JSON file and of parts, which hold the same."""
    rows = [("detections of", "images", "detections", "classes", "s", "CPU s", "peak memory, GB")]
    for num_images, num_found, num_classes in ((30_000, 1_000_000, 80), (5000, 1_000_000, 1000)):
        _annotated(num_images, num_found, num_classes)
        averages = set()
        for found in ("found.json", "found"):
            words = ("truth.json", "--detections", found, "--overwrite", "--output", "e")
            cost = measured((*YOLO3, "evaluate", *words))
            averages.add(round(json.loads(Path("e/metrics.json").read_text())["AP"], 9))
            numbers = (
                "parts" if found == "found" else "a file",
                f"{num_images:,}",
                f"{num_found:,}",
                f"{num_classes:,}",
            )
            rows.append((*numbers, f"{cost.wall:.0f}", f"{cost.cpu:.0f}", f"{cost.memory:.2f}"))
        assert len(averages) == 1, averages
    print("\n".join(text_table(rows)))


def classes(options: argparse.Namespace) -> None:
    """An untrained network of 1,000 classes, evaluated: every slot scores above the threshold in every class."""
    names = tuple(f"class {number}" for number in range(1000))
    torch.manual_seed(0)
    save_checkpoint("run", YOLOv3(1000, width=0.25), ModelCard(names, image_size=(416, 416)))
    write_images(options.num_images, (640, 480))
    _annotated(options.num_images, 1000, 1000)
    shutil.move("truth.json", "images/truth.json")
    rows = [("batch", "images", "s", "peak memory, GB", "AP")]
    for batch_size in (1, 8):
        words = ("run", "images/truth.json", "--batch-size", str(batch_size), "--overwrite", "--output", "e")
        cost = measured((*YOLO3, "evaluate", *words))
        average = json.loads(Path("e/metrics.json").read_text())["AP"]
        numbers = (str(batch_size), f"{options.num_images:,}", f"{cost.wall:.0f}", f"{cost.memory:.2f}")
        rows.append((*numbers, f"{average:.9f}"))
        print("\n".join(text_table(rows[-1:])), flush=True)
    print("\n".join(text_table(rows)))


PARTS = {"detections": detections, "classes": classes}


def _annotated(num_images: int, num_found: int, num_classes: int) -> None:
    """A COCO file with seven objects in an image, and detections of which two in five are near one."""
    dice = np.random.default_rng(0)
    count = num_images * 7
    image = np.repeat(np.arange(num_images), 7) + 1
    label = dice.integers(1, num_classes + 1, count)
    corner = dice.uniform(0, (390, 230), (count, 2))  # within 640 x 480 whatever the size
    box = np.concatenate([corner, np.exp(dice.uniform(2, 5.5, (count, 2)))], axis=1).round(2)
    objects = zip(image.tolist(), label.tolist(), box.tolist(), strict=True)
    content = {
        "images": [{"id": number + 1, "file_name": f"{number:06d}.jpg"} for number in range(num_images)],
        "categories": [{"id": number + 1, "name": f"class {number}"} for number in range(num_classes)],
        "annotations": [
            {"id": number, "image_id": place, "category_id": kind, "bbox": sides, "iscrowd": int(number % 200 == 0)}
            for number, (place, kind, sides) in enumerate(objects, start=1)
        ],
    }
    Path("truth.json").write_text(json.dumps(content))
    near = dice.random(num_found) < 0.4
    which = dice.integers(0, count, num_found)
    place = np.where(near, image[which], dice.integers(1, num_images + 1, num_found))
    kind = np.where(near, label[which], dice.integers(1, num_classes + 1, num_found))
    moved = box[which] + dice.normal(0, 4, (num_found, 4))
    sides = np.abs(np.where(near[:, None], moved, box[dice.integers(0, count, num_found)]))
    sides = (sides * 16).round() / 16  # float32 holds them, so that the parts say the same
    score = np.where(near, dice.beta(3, 2, num_found), dice.beta(1, 5, num_found)).astype(np.float32)
    order = np.lexsort((-score, place))
    columns = [values[order].tolist() for values in (place, kind, sides, score)]
    with open("found.json", "w") as file:
        lines = (
            json.dumps(dict(zip(("image_id", "category_id", "bbox", "score"), row, strict=True)))
            for row in zip(*columns, strict=True)
        )
        file.write("[" + ",\n".join(lines) + "]")
    _write_parts(list(zip(*columns, strict=True)), num_images)


def _write_parts(found: list[tuple[int, int, list[float], float]], num_images: int) -> None:
    """Detections, sorted by image, as part files of 1,000 images."""
    folder = PartFolder(Path("found"), ("parquet",))
    folder.path.mkdir(exist_ok=True)
    for path in folder.path.iterdir():
        path.unlink()
    rows = []
    by_image = {number: list(each) for number, each in groupby(found, itemgetter(0))}
    for number in range(num_images):
        own = by_image.get(number + 1, [])
        rows.append(
            Row(
                path=f"{number:06d}.jpg",
                width=640,
                height=480,
                boxes=[[x, y, x + width, y + height] for _, _, (x, y, width, height), _ in own],
                scores=[score for *_, score in own],
                labels=[label - 1 for _, label, _, _ in own],
                names=[f"class {label - 1}" for _, label, _, _ in own],
                error=None,
                model_digest="",
            )
        )
        if len(rows) == 1000 or number == num_images - 1:
            folder.write(number // 1000, rows)
            rows = []


if __name__ == "__main__":
    main()
