"""AP of recipes, measured as a careful experimenter would: several seeds, the last epoch, nothing chosen on test.

    python benchmarks/accuracy.py bccd small --variants default box-weight-2 --epochs 60 --output runs/accuracy
    python benchmarks/accuracy.py bccd --variants default --final --output runs/accuracy-final

A data set is a folder in any known format, or one of the names small, crowded and rotated, which stand for drawn
shapes. Each variant is `yolo3 train` with some changes (`variants.py`). Training uses the split train and measures on
val; the last epoch is kept. With --final, training uses trainval, or else train, and measures on test: do that once,
when everything has been chosen. Finished trainings stay in the output folder, so that the same command continues after
an interruption.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from variants import VARIANTS

from yolo3.choices import ShapesKind
from yolo3.data import dataset_splits
from yolo3.data.shapes import DRAWINGS, write_shapes
from yolo3.text_table import text_table

COMMON = (
    "--model",
    "yolov3_compact",
    "--width",
    "0.25",
    "--image-size",
    "320",
    "--num-workers",
    "0",
)


@dataclass(frozen=True)
class Result:
    """A training."""

    data: str
    variant: str
    seed: int
    AP: float
    AP50: float
    seconds: float
    """CPU time of the whole command."""


def run(
    data: Path, splits: Sequence[str], variant: str, seed: int, epochs: int, folder: Path, words: Sequence[str]
) -> Result:
    """Train once, and measure the last epoch."""
    before = _cpu_seconds()
    program = [sys.executable, str(Path(__file__).with_name("variants.py")), variant]
    command = [*program, str(data), *COMMON, "--epochs", str(epochs), "--keep", "last"]
    command += ["--train-split", splits[0], "--val-split", splits[1], "--validate-every", str(epochs)]
    command += ["--seed", str(seed), "--output", str(folder), "--overwrite", *words]
    with folder.with_suffix(".log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT)
    metrics = json.loads((folder / "metrics.json").read_text())
    return Result(data.name, variant, seed, metrics["AP"], metrics["AP50"], _cpu_seconds() - before)


def chosen_splits(data: Path, is_final: bool) -> tuple[str, str]:
    """The splits to train on and to measure on.

    Raises:
        ValueError: A data set without them.
    """
    available = set(dataset_splits(data, None))
    if not is_final and {"train", "val"} <= available:
        return "train", "val"
    if is_final and "test" in available:
        return ("trainval" if "trainval" in available else "train"), "test"
    needed = "test" if is_final else "train and val"
    raise ValueError(f"{data} has the splits {', '.join(sorted(available))}, and this needs {needed}")


def table(results: Sequence[Result]) -> list[str]:
    """A row per data set and variant: mean, and from least to most."""
    rows: list[tuple[str, ...]] = [("data", "variant", "seeds", "AP", "AP50", "CPU seconds")]
    for data, variant in dict.fromkeys((each.data, each.variant) for each in results):
        own = [each for each in results if (each.data, each.variant) == (data, variant)]
        spread = (_mean([each.AP for each in own]), _mean([each.AP50 for each in own]))
        seconds = statistics.mean(each.seconds for each in own)
        rows.append((data, variant, str(len(own)), *spread, f"{seconds:.0f}"))
    return text_table(rows, min_width=6)


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--variants", nargs="+", default=["default"], choices=VARIANTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--final", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("runs/accuracy"))
    parser.add_argument("--words", nargs=argparse.REMAINDER, default=[], help="more words for every yolo3 train")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    journal = options.output / "results.jsonl"
    done = [Result(**json.loads(line)) for line in journal.read_text().splitlines()] if journal.exists() else []
    wanted = []
    for word in options.data:
        data = _opened(word, options.output)
        for variant in options.variants:
            wanted += [(data.name, variant, seed) for seed in options.seeds]
            for seed in options.seeds:
                if any((each.data, each.variant, each.seed) == (data.name, variant, seed) for each in done):
                    continue
                folder = options.output / f"{data.name}-{variant}-{seed}"
                splits = chosen_splits(data, options.final)
                result = run(data, splits, variant, seed, options.epochs, folder, options.words)
                done.append(result)
                with journal.open("a") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
                print(f"{data.name} {variant} seed {seed}: AP {result.AP:.3f}, AP50 {result.AP50:.3f}", flush=True)
    shown = [each for each in done if (each.data, each.variant, each.seed) in wanted]
    print("\n".join(table(shown)))
    print(
        f"{options.epochs} epochs each, the last one kept; {platform.processor() or platform.machine()}, "
        f"{os.environ.get('OMP_NUM_THREADS', 'all')} threads, torch {torch.__version__}, "
        f"{torch.backends.cpu.get_cpu_capability()}"
    )


def _opened(word: str, folder: Path) -> Path:
    """The folder of a data set; drawn shapes are drawn where they are not yet."""
    if word not in DRAWINGS or Path(word).exists():
        return Path(word)
    drawn = folder / word
    if not drawn.exists():
        kind: ShapesKind = word
        write_shapes(drawn, num_train=200, num_test=100, num_val=100, image_size=(320, 320), kind=kind)
    return drawn


def _mean(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
