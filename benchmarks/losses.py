"""Assignment and forward pass of every loss recipe: milliseconds per batch.

    python benchmarks/losses.py [--threads 2] [--repeats 50] [--size 320] [--classes 3] [--device cpu]

Times on a shared machine vary, so the minimum stands beside the median, and the time of a 512 x 512 matrix product
stands under the table: compare runs by their ratio to it.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from yolo3 import COCO_ANCHORS, GroundTruth, YoloLoss
from yolo3.losses import DarknetLoss, FocalGIoULoss, MultiAnchorLoss
from yolo3.protocols import DetectionLoss, Predictions

RECIPES: tuple[DetectionLoss, ...] = (YoloLoss(), MultiAnchorLoss(), FocalGIoULoss(), DarknetLoss())
BATCHES = ((16, 14), (64, 100))
"""(images, objects an image)"""


def random_batch(
    images: int, objects: int, size: int, num_classes: int, device: str
) -> tuple[Predictions, GroundTruth]:
    """Predictions laid out as a network gives them, and boxes of 2 to 42 % of the image's edge."""
    generator = torch.Generator().manual_seed(0)
    predictions = tuple(
        torch.randn(images, 3 * (5 + num_classes), size // stride, size // stride, generator=generator)
        .to(device)
        .unflatten(1, (3, -1))
        .permute(0, 1, 3, 4, 2)
        .requires_grad_()
        for stride in COCO_ANCHORS.strides
    )
    centre = torch.rand(images * objects, 2, generator=generator) * size
    half = (torch.rand(images * objects, 2, generator=generator) * 0.4 + 0.02) * size / 2
    return predictions, GroundTruth(
        boxes=torch.cat([centre - half, centre + half], dim=1),
        labels=torch.randint(0, num_classes, (images * objects,), generator=generator),
        image=torch.arange(images).repeat_interleave(objects),
    ).to(device)


def milliseconds(work: Callable[..., object], *arguments: object, repeats: int, device: str) -> tuple[float, float]:
    """(median, minimum) of several runs, after two to warm up."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        work(*arguments)
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[2:]), min(times[2:])


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    heads = [f"{images} images x {objects} objects" for images, objects in BATCHES]
    print(f"| median (minimum), ms | {' | '.join(heads)} | growth |\n|---|{'---|' * (len(heads) + 1)}")
    batches = [
        random_batch(images, objects, options.size, options.classes, options.device) for images, objects in BATCHES
    ]
    for recipe in RECIPES:
        times = [milliseconds(recipe, *batch, repeats=options.repeats, device=options.device) for batch in batches]
        cells = [f"{median:.2f} ({least:.2f})" for median, least in times]
        print(f"| {type(recipe).__name__} | {' | '.join(cells)} | x {times[1][1] / times[0][1]:.1f} |")
    matrix = torch.randn(512, 512, device=options.device)
    median, least = milliseconds(torch.matmul, matrix, matrix, repeats=options.repeats, device=options.device)
    print(f"\nmatrix product of 512 x 512: {median:.2f} ({least:.2f}) ms")
    (images, objects), (more_images, more_objects) = BATCHES
    print(f"objects grow x {more_images * more_objects / (images * objects):.1f}, slots x {more_images / images:.1f}")


if __name__ == "__main__":
    main()
