"""What detecting in many images costs, and whether it survives.

    python benchmarks/many.py                               # everything
    python benchmarks/many.py ways parts --num-images 500   # one process, two, Ray; parts against one file
    python benchmarks/many.py kills                         # kill -9 at twenty random moments
    python benchmarks/many.py memory                        # 1,000 and 100,000 frames
    python benchmarks/many.py bookkeeping                   # CPU time of writing alone, without a network

Images are noise of 80 x 60 pixels or, for ``ways`` and ``parts``, JPEGs of 640 x 480. Every command runs in a process
of its own; CPU seconds are those of it and its children, peak memory is that of its largest process. Ray's actors are
no children of the command, so both leave them out there.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from yolo3 import YOLOv3, save_checkpoint
from yolo3.bulk import PartFolder, Share, wanted
from yolo3.checkpoint import ModelCard
from yolo3.choices import PartFormat
from yolo3.cli.parts_done import finish_parts, steps_of
from yolo3.cli.results import told, written
from yolo3.sources import Frame
from yolo3.structures import Detections
from yolo3.text_table import text_table

YOLO3 = (sys.executable, "-m", "yolo3")
_WRITTEN = 3000  # images without a network
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
    parser.add_argument("--num-images", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kills", type=int, default=20)
    run_parts(parser, PARTS)


def run_parts(parser: argparse.ArgumentParser, parts: Mapping[str, Callable[[argparse.Namespace], None]]) -> None:
    """Run the parts that the command line names, all unless it names some, each in a folder of its own."""
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all unless given")
    options = parser.parse_args()
    if unknown := set(options.parts) - parts.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    for part in options.parts or parts:
        print(f"\n## {part} (load of the machine {os.getloadavg()[0]:.1f})\n", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            parts[part](options)
            os.chdir("/")


def ways(options: argparse.Namespace) -> None:
    """One process, two, and Ray, each with the whole of its start."""
    _model(0.25, 416)
    write_images(options.num_images, (640, 480))
    base = (*YOLO3, "detect", "run", "images", "--part-size", "50", "--overwrite", "--output", "out")
    commands = {"one process": base, "--devices 2": (*base, "--devices", "2")}
    if find_spec("ray"):
        example = Path(__file__).parents[1] / "examples/detect_ray.py"
        commands["Ray, 2 actors"] = (sys.executable, str(example), "run", "images", "--output", "of_ray")
    _table(commands, options, lambda: shutil.rmtree("of_ray", ignore_errors=True))


def parts(options: argparse.Namespace) -> None:
    """The same images into one file of JSON lines, and into parts. The runs take turns."""
    _model(0.25, 416)
    write_images(options.num_images, (640, 480))
    words = (*YOLO3, "detect", "run", "images")
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


def bookkeeping(options: argparse.Namespace) -> None:
    """What writing costs per image with 20 objects, without a network: as one file, in parts, and parts passed over."""
    torch.manual_seed(0)
    names = tuple(f"class {number}" for number in range(80))
    found = Detections(400 * torch.rand(20, 4), torch.rand(20), torch.randint(80, (20,)), names)

    def frames() -> Iterator[Frame]:
        for number in range(_WRITTEN):
            frame = Frame.of_file(f"images/{number:012d}.jpg")
            frame._size = (480, 640)  # it is not there to be read
            yield frame

    def plain() -> None:
        with written(Path("."), ("jsonl",)) as write:
            for frame, each in told(((frame, found) for frame in frames()), ("jsonl",)):
                write(frame, each)

    def in_parts(format: PartFormat) -> None:
        folder = PartFolder(Path(format), (format,))
        folder.path.mkdir(exist_ok=True)
        images = wanted(frames(), 100, Share(), folder)
        finish_parts(folder, steps_of(_Knowing(found), images, 100, "a" * 64, "skip", folder), _WRITTEN, None)

    ways: dict[str, Callable[[], None]] = {
        "one file of JSON lines": plain,
        "parts of 100, JSON lines": lambda: in_parts("jsonl"),
        "parts of 100, Parquet": lambda: in_parts("parquet"),
        "passed over by --resume": lambda: in_parts("parquet"),
    }
    rows = [("", "CPU ms per image")]
    for name, way in ways.items():
        costs = []
        for _ in range(5):
            if "--resume" not in name:
                shutil.rmtree("jsonl", ignore_errors=True)
                shutil.rmtree("parquet", ignore_errors=True)
            began = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                way()
            costs.append(1000 * (time.process_time() - began) / _WRITTEN)
        rows.append((name, f"{median(costs):.3f}"))
    print("\n".join(text_table(rows)))


@dataclass(frozen=True)
class _Knowing:
    """A detector that has the same detections for every image."""

    found: Detections

    def outcomes(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        return ((frame, self.found) for frame in frames)


def kills(options: argparse.Namespace) -> None:
    """3,000 images in parts of 100, killed at random moments and resumed each time."""
    _model(0.1, 64)
    write_images(3000, (80, 60))
    words = (*YOLO3, "detect", "run", "images", *_TINY, "--part-size", "100", "--formats", "parquet,jsonl")
    whole = measured((*words, "--output", "whole"))
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
    write_images(100, (80, 60))
    rows = [("images", "s", "images per second", "peak memory, MB")]
    for count in (1000, 10_000, 100_000):
        with open("list.txt", "w") as file:
            file.writelines(f"images/{number % 100:06d}.jpg\n" for number in range(count))
        words = ("--part-size", "1000", "--overwrite", "--output", "out")
        cost = measured((*YOLO3, "detect", "run", "list.txt", *_TINY, *words))
        rows.append((f"{count:,}", f"{cost.wall:.0f}", f"{count / cost.wall:.0f}", f"{cost.memory * 1000:.0f}"))
        print("\n".join(text_table(rows[-1:])), flush=True)
    print("\n".join(text_table(rows)))


PARTS = {"ways": ways, "parts": parts, "bookkeeping": bookkeeping, "kills": kills, "memory": memory}


def _table(
    commands: dict[str, tuple[str, ...]], options: argparse.Namespace, prepare: Callable[[], None] = lambda: None
) -> None:
    """Medians of several runs of each command, which take turns; and of their ratios to the first command's."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(options.repeats):
        prepare()
        for name, command in commands.items():
            costs[name].append(measured(command))
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


def measured(command: tuple[str, ...]) -> Cost:
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


def write_images(count: int, size: tuple[int, int]) -> None:
    Path("images").mkdir()
    for number in range(count):
        Image.effect_noise(size, 50).convert("RGB").save(f"images/{number:06d}.jpg")


def _rows(folder: Path) -> list[dict]:
    return [json.loads(line) for part in sorted(folder.glob("part-*.jsonl")) for line in part.open()]


if __name__ == "__main__":
    main()
