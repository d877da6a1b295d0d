"""How long a detector takes for a picture, and where the time goes."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import median

import torch

from yolo3.predictor import Predictor, in_image
from yolo3.sources import Picture


@dataclass(frozen=True)
class Speed:
    """Milliseconds a picture, one picture after another: the median of each step."""

    read: float
    """Decode the file and fit it to the network's input."""
    network: float
    """Predict, on the predictor's device, and decode."""
    suppress: float
    """From candidates to detections in the picture."""
    num_pictures: int
    """That were timed."""

    @property
    def total(self) -> float:
        """All steps."""
        return self.read + self.network + self.suppress

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, as ``metrics.json`` holds them."""
        return asdict(self) | {"total": self.total}

    def __str__(self) -> str:
        return (
            f"{self.total:.1f} ms a picture, one by one: read and fit {self.read:.1f}, network {self.network:.1f}, "
            f"suppress {self.suppress:.1f}"
        )


def measure_speed(predictor: Predictor, pictures: Sequence[Picture], min_score: float = 0.25) -> Speed:
    """Time a predictor on pictures, each step by itself, after one picture to warm up.

    Steps that overlap in `Predictor.stream` are timed apart here, so a folder takes less than pictures times ``total``.

    Args:
        predictor: to time.
        pictures: Images to time it on, at least one; files, so that reading is timed.
        min_score: what scores below it needs no suppression; pictures shown to people want a higher one than measuring.
    """
    times: list[tuple[float, float, float]] = []
    for number, picture in enumerate([pictures[0], *pictures]):
        marks = [_now(predictor)]
        prepared = predictor.prepare(picture)
        marks.append(_now(predictor))
        candidates = predictor.candidates([prepared])[0]
        marks.append(_now(predictor))
        found = replace(predictor.suppression, min_score=min_score)(candidates)
        in_image(found[0], prepared.letterbox)
        marks.append(_now(predictor))
        if number:
            read, network, suppression = (1000 * (after - before) for before, after in pairwise(marks))
            times.append((read, network, suppression))
    read, network, suppression = (median(each) for each in zip(*times, strict=True))
    return Speed(read, network, suppression, num_pictures=len(times))


def _now(predictor: Predictor) -> float:
    """Seconds, when the device has done what it was told."""
    if predictor.runtime.device.type != "cpu":
        torch.accelerator.synchronize(predictor.runtime.device)
    return time.perf_counter()
