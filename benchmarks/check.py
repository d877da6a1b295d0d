"""What `yolo3 check` costs on a large data set: wall time, processor time and peak memory, on one core and on several.

    python benchmarks/check.py [--images 100000] [--formats yolo voc coco] [--cores 1 2] [--folder /tmp/large]

The images are drawn once, small and all different, and every format has the same ones. With --folder they are kept for
another run. Linux only: the cores are those that the process may use.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

EDGE = 64
NAMES = ("cat", "dog", "hen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", choices=tuple(WRITERS), default=tuple(WRITERS))
    parser.add_argument("--cores", nargs="+", type=int, default=[1, os.cpu_count() or 1])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        boxes = make(folder, options.images, options.formats)
        print(f"yolo3 check on {options.images:,} images of {EDGE} x {EDGE} and {len(boxes):,} boxes")
        for name in options.formats:
            for cores in options.cores:
                seconds, processor, peak = measured(folder / name, cores)
                took = f"{seconds:.0f} s, {processor:.0f} s of processor, {peak:.0f} MB at most"
                print(f"  {name} on {cores} core{'s' if cores > 1 else ''}: {took}", flush=True)


def make(folder: Path, count: int, formats: list[str]) -> list[list[float]]:
    """Write the images and the annotations that are not there yet; the boxes, two per image."""
    rng = np.random.default_rng(0)
    corners = rng.integers(0, EDGE // 2, (2 * count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(8, EDGE // 2, (2 * count, 2))], axis=1).tolist()
    images = folder / "images"
    if not images.is_dir():
        images.mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            content = BytesIO()
            Image.fromarray(pixels).resize((EDGE, EDGE)).save(content, format="JPEG")
            (images / f"{number:06}.jpg").write_bytes(content.getvalue())
    for name in formats:
        if not (folder / name).exists():
            WRITERS[name](folder / name, images, boxes)
    return boxes


def write_yolo(folder: Path, images: Path, boxes: list[list[float]]) -> None:
    (folder / "labels").mkdir(parents=True)
    (folder / "images").symlink_to(images.absolute())
    (folder / "classes.txt").write_text("\n".join(NAMES))
    for number in range(len(boxes) // 2):
        lines = []
        for index in (2 * number, 2 * number + 1):
            x1, y1, x2, y2 = (edge / EDGE for edge in boxes[index])
            lines.append(f"{index % 3} {(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}\n")
        (folder / f"labels/{number:06}.txt").write_text("".join(lines))


def write_voc(folder: Path, images: Path, boxes: list[list[float]]) -> None:
    (folder / "Annotations").mkdir(parents=True)
    (folder / "JPEGImages").symlink_to(images.absolute())
    for number in range(len(boxes) // 2):
        objects = "".join(
            f"  <object>\n    <name>{NAMES[index % 3]}</name>\n    <difficult>0</difficult>\n    <bndbox>\n"
            + "".join(
                f"      <{edge}>{value}</{edge}>\n"
                for edge, value in zip(("xmin", "ymin", "xmax", "ymax"), boxes[index], strict=True)
            )
            + "    </bndbox>\n  </object>\n"
            for index in (2 * number, 2 * number + 1)
        )
        size = f"  <size>\n    <width>{EDGE}</width>\n    <height>{EDGE}</height>\n    <depth>3</depth>\n  </size>\n"
        text = f"<annotation>\n  <filename>{number:06}.jpg</filename>\n{size}{objects}</annotation>\n"
        (folder / f"Annotations/{number:06}.xml").write_text(text)


def write_coco(folder: Path, images: Path, boxes: list[list[float]]) -> None:
    folder.mkdir(parents=True)
    (folder / "images").symlink_to(images.absolute())
    entries = [
        {"id": number, "file_name": f"{number:06}.jpg", "width": EDGE, "height": EDGE}
        for number in range(len(boxes) // 2)
    ]
    annotations = [
        {
            "id": index,
            "image_id": index // 2,
            "category_id": index % 3,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "iscrowd": 0,
        }
        for index, (x1, y1, x2, y2) in enumerate(boxes)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES)]
    content = {"images": entries, "annotations": annotations, "categories": categories}
    (folder / "instances_train.json").write_text(json.dumps(content))


WRITERS: dict[str, Callable[[Path, Path, list[list[float]]], None]] = {
    "yolo": write_yolo,
    "voc": write_voc,
    "coco": write_coco,
}


def measured(data: Path, cores: int) -> tuple[float, float, float]:
    """Seconds, seconds of processor, and the largest memory of a process in MB, of one examination."""
    words = [sys.executable, "-m", "yolo3", "check", str(data), "--image-size", str(EDGE)]
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, allowed))
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status != 0:
        raise SystemExit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3


if __name__ == "__main__":
    main()
