"""What data loading costs: images per second, memory of annotations, opening a COCO file, encoding targets.

    python benchmarks/data.py DATA [--repeats 5]
    python benchmarks/data.py --coco        # opening alone; pycocotools beside it, where it is installed

Times on a shared machine vary: every number is the best of several runs. Beside the images per second stands the CPU
time per image, which other processes disturb less.
"""

import argparse
import gc
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from yolo3.assign import BestAnchorPerScale
from yolo3.boxes import COCO_ANCHORS, InputFormat
from yolo3.data import BatchKeys, ImageCache, Key, Sample, SampleSet, YoloDataset, make_loader, open_dataset
from yolo3.data.transforms import augment
from yolo3.structures import GroundTruth, ScaleOutput, Targets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--coco", action="store_true", help="measure the opening of a COCO file alone")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as in a worker process

    print("opening a COCO file of 100,000 images and 1,000,000 boxes, each in a process of its own")
    for name, seconds, memory in opening():
        print(f"  {name}: {seconds:.1f} s of processor, {memory:.0f} MB more afterwards")
    if options.coco:
        return
    if options.data is None:
        parser.error("name a data set, or say --coco")

    print("images a second at 320 px, batches of 16")
    samples = open_dataset(options.data)
    settings = (
        ("standard", samples, 0.0),
        ("standard, every image a mosaic", samples, 1.0),
        ("the same from a cache", ImageCache.of(samples, InputFormat((320, 320))), 1.0),
    )
    for name, images, mosaic in settings:
        data = YoloDataset(augment(images, "standard", mosaic=mosaic), encoder=None, image_size=320)
        rates = [f"{images_per_second(data, workers, options.repeats):.0f} with {workers}" for workers in (0, 1, 2)]
        print(
            f"  {name}: {', '.join(rates)} workers; {processor_time(data, options.repeats) * 1e3:.2f} ms of processor"
        )

    print("memory of 100,000 annotations, MB")
    built, before, after = annotation_memory()
    print(f"  {built:.1f} in arrays; this process holds {before:.0f} before and {after:.0f} after two epochs over them")

    print("encoding 32 images of 12 boxes for three scales at 416 px, ms")
    truth = random_truth(batch_size=32, boxes_each=12)
    for one, other in zip(loop(truth), dense(truth), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)
    looped = best(lambda: loop(truth), 1, options.repeats)
    print(f"  {looped * 1e3:.1f} by a plain loop over boxes and anchors")
    for name, work in (("to Targets, as training does", assign), ("to dense targets, as the loop does", dense)):
        seconds = best(partial(work, truth), 50, options.repeats)
        print(f"  {seconds * 1e3:.2f} vectorised {name}: {looped / seconds:.0f} times faster")


def best(work: Callable[[], object], number: int, repeats: int) -> float:
    """Seconds that a piece of work takes."""
    work()
    return min(timed(work, number) for _ in range(repeats)) / number


def timed(work: Callable[[], object], number: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(number):
        work()
    return time.perf_counter() - start


def images_per_second(data: YoloDataset, num_workers: int, repeats: int) -> float:
    """Images per second over whole epochs; the first one, which starts the workers, is left out."""
    keys = BatchKeys(len(data), 16, [(320, 320)], drop_last=True)
    loader = make_loader(data, 16, keys=keys, num_workers=num_workers)
    rates = []
    for epoch in range(repeats + 1):
        keys.set_epoch(epoch)
        rates.append(16 * len(keys) / timed(lambda: [len(images) for images, _ in loader]))
    return max(rates[1:])


def processor_time(data: YoloDataset, repeats: int) -> float:
    """CPU seconds per image."""
    keys = [Key(index, (320, 320)) for index in range(min(64, len(data)))]

    def epoch() -> float:
        start = time.process_time()
        for key in keys:
            data[key]
        return time.process_time() - start

    return min(epoch() for _ in range(repeats)) / len(keys)


_OPENERS = {
    "json alone": "import json; read = lambda path: json.load(open(path))",
    "here": "from yolo3.data import open_dataset as read",
    "here, the images being there": "from pathlib import Path\n"
    "from yolo3.data import open_dataset\n"
    "read = lambda path: open_dataset(Path(path).parent)",
    "pycocotools": "from pycocotools.coco import COCO as read",
}
_OPENING = """
import gc, sys, time
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
before, start = resident(), time.process_time()
kept = read(sys.argv[1])
seconds = time.process_time() - start
gc.collect()
print(f"result {seconds} {resident() - before}")
"""


def opening() -> Iterator[tuple[str, float, float]]:
    """CPU seconds and MB of memory that each program takes to open one file. Linux only."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_large_file(Path(folder) / "set/instances_train.json")
        for name, code in _OPENERS.items():
            if name == "here, the images being there":
                (path.parent / "images").mkdir()
                for number in range(100_000):
                    (path.parent / f"images/{number:012d}.jpg").touch()
            words = [sys.executable, "-c", code + _OPENING, str(path)]
            ended = subprocess.run(words, capture_output=True, text=True)
            if ended.returncode == 0:
                _, seconds, memory = ended.stdout.splitlines()[-1].split()
                yield name, float(seconds), float(memory)


def write_large_file(path: Path) -> Path:
    """A COCO file of 100,000 images and 1,000,000 boxes, 160 MB."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, (500, 380), (1_000_000, 2))
    boxes = np.concatenate([corners, rng.uniform(2, (100, 90), (1_000_000, 2))], axis=1).round(2).tolist()
    content = {
        "images": [
            {"id": number, "file_name": f"{number:012d}.jpg", "width": 640, "height": 480, "license": 1}
            for number in range(100_000)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": number % 100_000,
                "category_id": 1 + number % 80,
                "bbox": box,
                "area": round(box[2] * box[3], 2),
                "iscrowd": 0,
                "segmentation": [],
            }
            for number, box in enumerate(boxes, start=1)
        ],
        "categories": [{"id": number, "name": f"class {number}"} for number in range(1, 81)],
    }
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    return path


def annotation_memory() -> tuple[float, float, float]:
    """MB of the arrays, and of this process before and after every sample was looked at."""
    rng = np.random.default_rng(0)
    samples = SampleSet.from_samples(["thing"], (random_sample(rng, number) for number in range(10_000)))
    size = sum(value.nbytes for value in vars(samples).values() if isinstance(value, np.ndarray))
    gc.collect()
    before = resident()
    for sample in itertools.chain(samples, samples):
        assert len(sample.boxes) == 10
    return size / 1e6, before, resident()


def random_sample(rng: np.random.Generator, number: int) -> Sample:
    corner = rng.uniform(0, 300, (10, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(1, 100, (10, 2))], axis=1).astype(np.float32)
    no = np.zeros(10, dtype=np.bool_)
    path = Path(f"/a/folder/of/images/{number:012d}.jpg")
    return Sample(path, boxes, np.zeros(10, np.int64), no, no, np.ones(10, np.float32), (400, 400))


def resident() -> float:
    """MB of memory that this process holds. Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def random_truth(batch_size: int, boxes_each: int) -> GroundTruth:
    size = torch.rand(batch_size * boxes_each, 2) * 200 + 4
    centre = size / 2 + torch.rand_like(size) * (416 - size)
    boxes = torch.cat([centre - size / 2, centre + size / 2], dim=1)
    return GroundTruth(boxes, torch.zeros(len(boxes)).long(), torch.arange(batch_size).repeat_interleave(boxes_each))


def assign(truth: GroundTruth) -> list[Targets]:
    return BestAnchorPerScale()(truth, ScaleOutput.blank(COCO_ANCHORS, (416, 416), batch_size=32))


def dense(truth: GroundTruth) -> list[torch.Tensor]:
    return [target.to_dense(stride) for target, stride in zip(assign(truth), COCO_ANCHORS.strides, strict=True)]


def loop(truth: GroundTruth) -> list[torch.Tensor]:
    """Dense targets by the policy of `BestAnchorPerScale`, one box and one anchor after another."""
    batch_size = int(truth.image.max()) + 1
    targets = [torch.zeros(batch_size, 3, 416 // stride, 416 // stride, 6) for _, stride in COCO_ANCHORS]
    for image in range(batch_size):
        boxes = truth.boxes[truth.image == image].tolist()
        for (sizes, stride), target in zip(COCO_ANCHORS, targets, strict=True):
            overlaps = []
            for left, top, right, bottom in boxes:
                width, height = right - left, bottom - top
                x, y = (left + right) / 2 / stride, (top + bottom) / 2 / stride
                row, column = min(int(y), 416 // stride - 1), min(int(x), 416 // stride - 1)
                iou = []
                for anchor_width, anchor_height in sizes:
                    shared = min(width, anchor_width) * min(height, anchor_height)
                    iou.append(shared / (width * height + anchor_width * anchor_height - shared))
                overlaps.append((row, column, iou))
                for anchor in sorted(range(3), key=lambda anchor: -iou[anchor]):
                    if target[image, anchor, row, column, 0] != 1:
                        values = [1, x - column, y - row, width / stride, height / stride, 0]
                        target[image, anchor, row, column] = torch.tensor(values)
                        break
            for row, column, iou in overlaps:
                for anchor in range(3):
                    if target[image, anchor, row, column, 0] == 0 and iou[anchor] > 0.5:
                        target[image, anchor, row, column, 0] = -1
    return targets


if __name__ == "__main__":
    main()
