"""Latency of a detector per image, step by step."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import median

import torch

from yolo3.data.fitting import in_image
from yolo3.predictor import Predictor
from yolo3.sources import ImageLike


@dataclass(frozen=True)
class Speed:
    """Milliseconds per image, one image at a time: the median of each step."""

    read: float
    """Time to decode the file and resize it to the network input."""
    network: float
    """Time to predict on the predictor's device, and to decode."""
    suppress: float
    """Time to turn candidates into detections in the image, with NMS."""
    num_images: int
    """Number of images timed."""

    @property
    def total(self) -> float:
        """Sum of all steps."""
        return self.read + self.network + self.suppress

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, as ``metrics.json`` holds them."""
        return asdict(self) | {"total": self.total}

    def __str__(self) -> str:
        return (
            f"{self.total:.1f} ms per image, one at a time: read and resize {self.read:.1f}, "
            f"network {self.network:.1f}, suppress {self.suppress:.1f}"
        )


def measure_speed(predictor: Predictor, images: Sequence[ImageLike], threshold: float = 0.25) -> Speed:
    """Time a predictor on images, each step by itself, after one image to warm up.

    Steps that overlap in `Predictor.stream` are timed apart here, so a folder takes less than ``total`` per image.

    Args:
        predictor: Predictor to time.
        images: Images to time it on, at least one; files, so that reading is timed.
        threshold: Confidence threshold before NMS.
    """
    times: list[tuple[float, float, float]] = []
    for number, image in enumerate([images[0], *images]):
        marks = [_now(predictor)]
        prepared = predictor.prepare(image)
        marks.append(_now(predictor))
        candidates = predictor.candidates([prepared])[0]
        marks.append(_now(predictor))
        found = replace(predictor.suppression, min_score=threshold)(candidates)
        in_image(found[0], prepared.letterbox)
        marks.append(_now(predictor))
        if number:
            read, network, suppression = (1000 * (after - before) for before, after in pairwise(marks))
            times.append((read, network, suppression))
    read, network, suppression = (median(each) for each in zip(*times, strict=True))
    return Speed(read, network, suppression, num_images=len(times))


def _now(predictor: Predictor) -> float:
    """Time in seconds, once the device has finished its work."""
    if predictor.runtime.device.type != "cpu":
        torch.accelerator.synchronize(predictor.runtime.device)
    return time.perf_counter()
