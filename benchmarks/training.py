"""A training step against a plain eager loop in float32: milliseconds, peak memory; and time spent waiting for data.

    python benchmarks/training.py [--data bccd] [--device cpu] [--precision fp32] [--threads 2] [--steps 7]
    python benchmarks/training.py --threads 1 --cpu-time      # where others use the machine too

All sides train the same network on the same random batch. Ours is what `yolo3 train` does in a step: its precision,
channels last, the default loss and AdamW, accurate batch normalisation, clipping, EMA weights, the check for non-finite
numbers. A third side is ours with torch's own batch normalisation, to see what the accurate one
costs. The plain loop is float32, contiguous NCHW, `torch.optim.AdamW` and the same loss, and nothing else. Each side
has a process of its own; ours keep their memory, as `yolo3 train` does. Their steps alternate, so that a machine that
slows down slows all. With --data, an epoch of a real data set at width 0.25 and 320 x 320, batch 16, tells what
share of the time the step waits for images.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from yolo3 import GroundTruth, YoloDataset, YoloLoss, YOLOv3, open_dataset
from yolo3.choices import Precision
from yolo3.data.batch import unit_range
from yolo3.data.transforms import augment
from yolo3.system.memory import keep_memory
from yolo3.training import EMA, DetectionData, Hardware, modern, parameter_groups, training_precision
from yolo3.training.batchnorm import AccurateBatchNorm

SETTINGS = ((1.0, 416, 4), (0.25, 256, 16))
"""(width, image size, batch size)"""
NUM_CLASSES, NUM_OBJECTS = 3, 10
WARM_UP = 3
HALF = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
Step = Callable[[Tensor, GroundTruth], None]
Clock = Callable[[], float]


def random_batch(size: int, batch_size: int) -> tuple[Tensor, GroundTruth]:
    """Bytes of noise, and boxes of 2 to 42 % of the image's edge."""
    generator = torch.Generator().manual_seed(0)
    count = batch_size * NUM_OBJECTS
    centre = torch.rand(count, 2, generator=generator) * size
    half = (torch.rand(count, 2, generator=generator) * 0.4 + 0.02) * size / 2
    truth = GroundTruth(
        boxes=torch.cat([centre - half, centre + half], dim=1),
        labels=torch.randint(0, NUM_CLASSES, (count,), generator=generator),
        image=torch.arange(batch_size).repeat_interleave(NUM_OBJECTS),
    )
    images = torch.randint(0, 256, (batch_size, 3, size, size), generator=generator, dtype=torch.uint8)
    return images.contiguous(memory_format=torch.channels_last), truth  # as a data loader gives them


def plain(width: float, device: str, precision: Precision) -> Step:
    """A step as anyone would write it first, in float32."""
    torch.manual_seed(0)
    detector, criterion = YOLOv3(NUM_CLASSES, width=width).to(device), YoloLoss()
    optimizer = torch.optim.AdamW(detector.parameters(), lr=1e-4)

    def step(images: Tensor, truth: GroundTruth) -> None:
        images, truth = images.to(device).float() / 255, truth.to(device)
        optimizer.zero_grad()
        criterion(detector(images.contiguous()), truth).backward()
        optimizer.step()

    return step


def ours(
    width: float,
    device: str,
    precision: Precision,
    normalisation: Callable[[], AbstractContextManager[object]] = AccurateBatchNorm,
) -> Step:
    """What `DetectionTask` does in a step, without Lightning's loop around it."""
    torch.manual_seed(0)
    recipe, criterion = modern(1e-4), YoloLoss()
    detector = YOLOv3(NUM_CLASSES, width=width).to(device)
    detector.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's annotations
    average = EMA(detector)
    optimizer = recipe.optimizer(parameter_groups(detector, recipe.weight_decay))
    kind = HALF.get(training_precision(Hardware(precision=precision), torch.device(device)))
    scaler = torch.amp.GradScaler(device, enabled=kind is torch.float16)

    def step(images: Tensor, truth: GroundTruth) -> None:
        images, truth = unit_range(images.to(device)).contiguous(memory_format=torch.channels_last), truth.to(device)
        optimizer.zero_grad()
        with torch.autocast(torch.device(device).type, kind, enabled=kind is not None, cache_enabled=False):
            with normalisation():
                predictions = detector(images)
            loss = criterion(predictions, truth)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = torch.nn.utils.clip_grad_norm_(detector.parameters(), recipe.clip_norm or float("inf"))
        assert scaler.is_enabled() or torch.stack([loss.detach(), norm]).isfinite().all()
        scaler.step(optimizer)
        scaler.update()
        average.update(detector, 1)

    return step


INACCURATE = "torch's norm"


def inaccurate(width: float, device: str, precision: Precision) -> Step:
    """Ours, but for the batch normalisation."""
    return ours(width, device, precision, nullcontext)


SIDES: dict[str, Callable[[float, str, Precision], Step]] = {"plain": plain, "ours": ours, INACCURATE: inaccurate}


def seconds(step: Step, batch: tuple[Tensor, GroundTruth], device: str, clock: Clock = time.perf_counter) -> float:
    """How long one step takes."""
    start = clock()
    step(*batch)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return clock() - start


def worker(side: str, setting: tuple[float, int, int], options: argparse.Namespace, asked: Connection) -> None:
    """Take a step each time it is asked to, and say how long it took; at last, how many GB it took at the most."""
    device = options.device
    clock = time.process_time if options.cpu_time else time.perf_counter
    torch.set_num_threads(options.threads)
    if side != "plain":
        keep_memory()  # as the commands of yolo3 do
    before = _resident("VmRSS")
    width, *shape = setting
    step = SIDES[side](width, device, options.precision)
    batch = random_batch(*shape)
    while asked.recv():
        asked.send(seconds(step, batch, device, clock))
    on_gpu = device.startswith("cuda")
    asked.send(torch.cuda.max_memory_allocated() / 1e9 if on_gpu else _resident("VmHWM") - before)


def _resident(kind: str) -> float:
    """GB of this process in memory, now (VmRSS) or at the most (VmHWM); not a number where there is no Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith(kind)), float("nan"))


def compare(setting: tuple[float, int, int], options: argparse.Namespace) -> None:
    """Print one row."""
    context = multiprocessing.get_context("spawn")
    workers: dict[str, Connection] = {}
    for side in SIDES:
        workers[side], end = context.Pipe()
        context.Process(target=worker, args=(side, setting, options, end), daemon=True).start()
        end.close()  # so that an EOFError tells when a worker has died
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(WARM_UP + options.steps):
        for side, asked in workers.items():
            asked.send(True)
            times[side].append(asked.recv() * 1e3)
    measured = {side: values[WARM_UP:] for side, values in times.items()}
    medians = {side: statistics.median(values) for side, values in measured.items()}
    cells = [f"{medians[side]:.0f} ({min(measured[side]):.0f})" for side in SIDES]
    cells.append(f"x {medians['plain'] / medians['ours']:.2f}")
    cells.append(f"x {medians['ours'] / medians[INACCURATE]:.3f}")
    for asked in workers.values():
        asked.send(False)
        cells.append(f"{asked.recv():.2f}")
    width, size, batch_size = setting
    print(f"| width {width:g}, {size} px, batch {batch_size} | {' | '.join(cells)} |", flush=True)


def share_waiting(options: argparse.Namespace) -> None:
    """Print what share of an epoch's time a step waits for its batch; but for the first, when processes start."""
    keep_memory()
    samples = open_dataset(options.data, options.split)
    images = YoloDataset(augment(samples), encoder=None, image_size=320)
    batches = iter(DetectionData(images, samples[:1], batch_size=16).train_dataloader())
    step = ours(0.25, options.device, options.precision)
    if len(samples) < 32:
        raise SystemExit(f"{options.data} has {len(samples)} images; two batches of 16 are the least")
    step(*next(batches))
    waited = worked = 0.0
    while True:
        start = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            break
        waited += time.perf_counter() - start
        worked += seconds(step, batch, options.device)
    print(
        f"an epoch of {len(samples)} images of {options.data} at width 0.25, 320 px, batch 16: "
        f"{waited / (waited + worked):.1%} of {waited + worked:.1f} s spent waiting for data"
    )


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a data set of three classes, such as bccd; without it waiting is not measured")
    parser.add_argument("--split", default="train")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=get_args(Precision), default="auto", help="of ours; plain is float32")
    parser.add_argument("--cpu-time", action="store_true", help="where others use the machine too; with --threads 1")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    print(f"| median (minimum) | {', ms | '.join(SIDES)}, ms | faster | accuracy costs | {', GB | '.join(SIDES)}, GB |")
    print("|" + "---|" * (3 + 2 * len(SIDES)))
    for setting in SETTINGS:
        compare(setting, options)
    computed = training_precision(Hardware(precision=options.precision), torch.device(options.device))
    clock = "CPU time" if options.cpu_time else "time"
    print(f"\nprecision of ours: {computed}; {options.threads} threads; {clock}")
    if options.data is not None:
        share_waiting(options)


if __name__ == "__main__":
    main()
