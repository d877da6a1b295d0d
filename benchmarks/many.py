"""What detecting in many images costs, and whether it survives.

    python benchmarks/many.py                               # everything
    python benchmarks/many.py ways parts --num-images 500   # one process, two, Ray; parts against one file
    python benchmarks/many.py kills                         # kill -9 at twenty random moments
    python benchmarks/many.py memory                        # 1,000 and 100,000 frames
    python benchmarks/many.py evaluate                      # 1,000,000 detections in 30,000 images; 1,000 classes
    python benchmarks/many.py classes                       # a network of 1,000 classes, evaluated

Images are noise of 80 x 60 pixels or, for ``ways`` and ``parts``, JPEGs of 640 x 480. Every command runs in a process
of its own; CPU seconds are those of it and its children, peak memory is that of its largest process. Ray's actors are no
children of the command, so both leave them out there.
"""

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from yolo3 import YOLOv3, save_checkpoint
from yolo3.bulk import PartFolder, Row
from yolo3.checkpoint import ModelCard
from yolo3.text_table import text_table

_YOLO3 = (sys.executable, "-m", "yolo3")
_TINY = ("--min-score", "0", "--max-detections", "3")


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all cores, children included."""
    memory: float
    """Peak of its largest process, GB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all unless given")
    parser.add_argument("--num-images", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    for part in options.parts or PARTS:
        print(f"\n## {part} (load of the machine {os.getloadavg()[0]:.1f})\n", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            PARTS[part](options)
            os.chdir("/")


def ways(options: argparse.Namespace) -> None:
    """One process, two, and Ray, each with the whole of its start."""
    _model(0.25, 416)
    _images(options.num_images, (640, 480))
    base = (*_YOLO3, "detect", "run", "images", "--part-size", "50", "--overwrite", "--output", "out")
    commands = {"one process": base, "--devices 2": (*base, "--devices", "2")}
    if find_spec("ray"):
        example = Path(__file__).parents[1] / "examples/detect_ray.py"
        commands["Ray, 2 actors"] = (sys.executable, str(example), "run", "images", "--output", "of_ray")
    _table(commands, options, lambda: shutil.rmtree("of_ray", ignore_errors=True))


def parts(options: argparse.Namespace) -> None:
    """The same images into one file of JSON lines, and into parts. The runs take turns."""
    _model(0.25, 416)
    _images(options.num_images, (640, 480))
    words = (*_YOLO3, "detect", "run", "images")
    anew = (*words, "--overwrite", "--output", "out")
    in_parts = (*words, "--part-size", "100", "--formats")
    commands = {
        "one file": (*anew, "--formats", "jsonl"),
        "parts of 100, JSON lines": (*in_parts, "jsonl", "--overwrite", "--output", "out"),
        "parts of 100, Parquet": (*in_parts, "parquet", "--overwrite", "--output", "out"),
        "parts of 100, Parquet, --resume": (*in_parts, "parquet", "--resume", "--output", "fresh"),
        "the same again: nothing is left to do": (*in_parts, "parquet", "--resume", "--output", "fresh"),
    }
    _table(commands, options, lambda: shutil.rmtree("fresh", ignore_errors=True))


def kills(options: argparse.Namespace) -> None:
    """3,000 images in parts of 100, killed at random moments and resumed each time."""
    _model(0.1, 64)
    _images(3000, (80, 60))
    words = (*_YOLO3, "detect", "run", "images", *_TINY, "--part-size", "100", "--formats", "parquet,jsonl")
    whole = _measured((*words, "--output", "whole"))
    dice = random.Random(0)
    command = (*words, "--output", "out", "--resume")
    done = []
    for _ in range(options.kills):
        before = len(list(Path("out").glob("part-*.jsonl")))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if dice.random() < 0.7:  # else at any moment of its start
            while len(list(Path("out").glob("part-*.jsonl"))) == before and process.poll() is None:
                time.sleep(0.005)
        time.sleep(dice.uniform(0, whole.wall / 30))
        process.kill()
        process.wait()
        done.append(len(list(Path("out").glob("part-*.jsonl"))))
    print(f"parts there after each kill: {done}")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    expected, found = (_rows(Path(name)) for name in ("whole", "out"))
    assert [row["path"] for row in found] == [row["path"] for row in expected]
    assert len({row["path"] for row in found}) == 3000
    far = max(
        float(np.abs(np.subtract(row["boxes"], other["boxes"])).max())
        for row, other in zip(found, expected, strict=True)
    )
    assert all(row["labels"] == other["labels"] for row, other in zip(found, expected, strict=True))
    left = [path.name for path in Path("out").iterdir() if path.name.startswith(".")]
    print(f"3,000 images, each once; largest difference of a box {far:.2g} pixels; unfinished files left: {len(left)}")


def memory(options: argparse.Namespace) -> None:
    """A list of images of any length, each of them one of a hundred files."""
    _model(0.1, 64)
    _images(100, (80, 60))
    rows = [("images", "s", "images per second", "peak memory, MB")]
    for count in (1000, 10_000, 100_000):
        with open("list.txt", "w") as file:
            file.writelines(f"images/{number % 100:06d}.jpg\n" for number in range(count))
        words = ("--part-size", "1000", "--overwrite", "--output", "out")
        cost = _measured((*_YOLO3, "detect", "run", "list.txt", *_TINY, *words))
        rows.append((f"{count:,}", f"{cost.wall:.0f}", f"{count / cost.wall:.0f}", f"{cost.memory * 1000:.0f}"))
        print("\n".join(text_table(rows[-1:])), flush=True)
    print("\n".join(text_table(rows)))


def evaluate(options: argparse.Namespace) -> None:
    """`yolo3 evaluate --detections` on many detections: of a JSON file and of parts, which hold the same."""
    rows = [("detections of", "images", "detections", "classes", "s", "CPU s", "peak memory, GB")]
    for num_images, num_found, num_classes in ((30_000, 1_000_000, 80), (5000, 1_000_000, 1000)):
        _annotated(num_images, num_found, num_classes)
        averages = set()
        for found in ("found.json", "found"):
            words = ("truth.json", "--detections", found, "--overwrite", "--output", "e")
            cost = _measured((*_YOLO3, "evaluate", *words))
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
    _images(options.num_images, (640, 480))
    _annotated(options.num_images, 1000, 1000)
    shutil.move("truth.json", "images/truth.json")
    rows = [("batch", "images", "s", "peak memory, GB", "AP")]
    for batch_size in (1, 8):
        words = ("run", "images/truth.json", "--batch-size", str(batch_size), "--overwrite", "--output", "e")
        cost = _measured((*_YOLO3, "evaluate", *words))
        average = json.loads(Path("e/metrics.json").read_text())["AP"]
        numbers = (str(batch_size), f"{options.num_images:,}", f"{cost.wall:.0f}", f"{cost.memory:.2f}")
        rows.append((*numbers, f"{average:.9f}"))
        print("\n".join(text_table(rows[-1:])), flush=True)
    print("\n".join(text_table(rows)))


PARTS = {"ways": ways, "parts": parts, "kills": kills, "memory": memory, "evaluate": evaluate, "classes": classes}


def _table(
    commands: dict[str, tuple[str, ...]], options: argparse.Namespace, prepare: Callable[[], None] = lambda: None
) -> None:
    """Medians of several runs of each command, which take turns; and of their ratios to the first command's."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(options.repeats):
        prepare()
        for name, command in commands.items():
            costs[name].append(_measured(command))
    first = next(iter(costs.values()))
    rows = [("", "s", "CPU s", "images per second", "peak memory, GB", "time, ratio", "CPU time, ratio")]
    for name, each in costs.items():
        wall = median(cost.wall for cost in each)
        numbers = (wall, median(cost.cpu for cost in each), options.num_images / wall)
        memory = max(cost.memory for cost in each)
        of_wall = median(cost.wall / other.wall for cost, other in zip(each, first, strict=True))
        of_cpu = median(cost.cpu / other.cpu for cost, other in zip(each, first, strict=True))
        rows.append(
            (name, *(f"{number:.1f}" for number in numbers), f"{memory:.2f}", f"{of_wall:.3f}", f"{of_cpu:.3f}")
        )
    print("\n".join(text_table(rows)))


def _measured(command: tuple[str, ...]) -> Cost:
    """Run a command to its end."""
    code = (
        "import resource, subprocess, sys, time\n"
        "begin = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    wall, cpu, kilobytes = map(float, ran.stdout.split())
    return Cost(wall, cpu, kilobytes / 1e6)


def _model(width: float, size: int) -> None:
    torch.manual_seed(0)
    save_checkpoint("run", YOLOv3(2, width=width), ModelCard(("cat", "dog"), image_size=(size, size)))


def _images(count: int, size: tuple[int, int]) -> None:
    Path("images").mkdir()
    for number in range(count):
        Image.effect_noise(size, 50).convert("RGB").save(f"images/{number:06d}.jpg")


def _rows(folder: Path) -> list[dict]:
    return [json.loads(line) for part in sorted(folder.glob("part-*.jsonl")) for line in part.open()]


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
