"""How much ``yolo3 demo`` trains on this machine, so that it ends in a few minutes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from yolo3.system.hardware import Hardware

BUDGET = 125.0
"""Seconds of training; starting, drawing and measuring take half a minute more."""

BATCH_SIZE = 16
"""Images per batch, in the trial and in the training."""

_STEPS = 5
_AROUND = 1.25
"""Time of an epoch as a multiple of that of its steps: reading and augmenting images share the cores."""


@dataclass(frozen=True)
class DemoSize:
    """Size of the training of a demo."""

    image_size: int
    """Pixels of the network input."""
    epochs: int
    """Number of epochs."""


SIZES = (DemoSize(128, 18), DemoSize(96, 18))
"""Sizes from the best to the fastest: AP50 0.95 and 0.92 on held-out shapes. Less training falls below 0.9."""


def choose_size(
    num_images: int, seconds_per_image: Callable[[int], float], sizes: tuple[DemoSize, ...] = SIZES
) -> tuple[DemoSize, float]:
    """The first size that trains within `BUDGET`, else the last, and the seconds that it will train.

    Args:
        num_images: Number of images per epoch.
        seconds_per_image: Function of an image size that gives the time to train on one image.
        sizes: Sizes to choose from, the best first.
    """
    rates: dict[int, float] = {}
    for size in sizes:
        if size.image_size not in rates:
            rates[size.image_size] = seconds_per_image(size.image_size)
        seconds = rates[size.image_size] * num_images * size.epochs
        if seconds <= BUDGET:
            break
    return size, seconds


def seconds_per_image(image_size: int, width: float, hardware: Hardware) -> float:
    """Time to train the demo's network on one image, from a few steps on drawings.

    Args:
        image_size: Pixels of the network input.
        width: Factor of the network's channels.
        hardware: Device and precision.
    """
    import torch

    from yolo3.data.fitting import to_tensor
    from yolo3.data.shapes import SHAPES, ShapesDataset
    from yolo3.losses import YoloLoss
    from yolo3.presets import yolov3_compact
    from yolo3.structures import GroundTruth
    from yolo3.system.devices import choose_training_device
    from yolo3.training import modern, training_precision

    device = choose_training_device(hardware.device)
    drawings = list(ShapesDataset(BATCH_SIZE, (image_size, image_size)))
    images = torch.stack([to_tensor(each.image) for each in drawings]).to(device)
    images = images.contiguous(memory_format=torch.channels_last)
    truth = GroundTruth.collate(
        [(torch.from_numpy(each.boxes), torch.from_numpy(each.labels)) for each in drawings]
    ).to(device)
    with torch.random.fork_rng(devices=[]):
        network = yolov3_compact(len(SHAPES), width=width).to(device).train()
    loss = YoloLoss()
    optimizer = modern().optimizer([{"params": list(network.parameters())}])
    is_half = training_precision(hardware, device) != "32-true"
    times = []
    for _ in range(_STEPS + 2):  # two to warm up
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=is_half):
            total = loss(network(images), truth)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        total.item()  # waits for a GPU
        times.append(time.perf_counter() - start)
    return _AROUND * median(times[2:]) / BATCH_SIZE
