"""What int8 costs and gains: average precision and speed of a detector, in float32 and in int8, on one backend."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from yolo3.choices import Int8Backend
from yolo3.data import SampleSet
from yolo3.export import Receipt
from yolo3.metrics import coco_metrics
from yolo3.predictor import Predictor
from yolo3.text_table import text_table

_ROUNDS = 7


@dataclass(frozen=True)
class Score:
    """Accuracy and speed of a detector."""

    AP: float
    """Average precision by COCO's rule, mean over the IoU thresholds 0.50 to 0.95."""
    AP50: float
    """Average precision at IoU 0.50."""
    milliseconds: float
    """Median time of the network for one image."""


@dataclass(frozen=True)
class Int8Receipt:
    """Measurement of an int8 file, beside the same network in float32 on the same backend."""

    backend: Int8Backend
    num_calibrated: int
    """Number of images that it was calibrated on."""
    measured_on: str
    """Origin of the images that it was measured on."""
    num_measured: int
    """Number of images that it was measured on."""
    cpu: str
    """CPU and number of threads that it was measured with."""
    before: Score
    """Score in float32."""
    after: Score
    """Score in int8."""
    verified: Receipt
    """Comparison of the exported file with the detector, before it was quantised."""

    @property
    def largest_drop(self) -> float:
        """Largest drop of AP and AP50."""
        return max(self.before.AP - self.after.AP, self.before.AP50 - self.after.AP50)

    @property
    def speedup(self) -> float:
        """Number of times that int8 is faster."""
        return self.before.milliseconds / self.after.milliseconds

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, as the metadata of the file holds them."""
        content = asdict(self)
        del content["verified"]  # the metadata has it under a name of its own
        return content

    def __str__(self) -> str:
        """A table: a row for each precision."""
        rows = [("", "AP", "AP50", "ms per image")]
        for name, score in (("fp32", self.before), ("int8", self.after)):
            rows.append((name, f"{score.AP:.4f}", f"{score.AP50:.4f}", f"{score.milliseconds:.1f}"))
        return "\n".join(text_table(rows, min_width=6))


def accuracy(predictor: Predictor, samples: SampleSet) -> tuple[float, float]:
    """AP and AP50 of a predictor.

    Args:
        predictor: Predictor with a low confidence threshold.
        samples: Images with their annotations.

    Raises:
        ValueError: An image that cannot be read; no object in any of them.
    """
    metrics = coco_metrics(samples, predictor(samples.path(index) for index in range(len(samples))), samples.names)
    if metrics.AP < 0:
        raise ValueError(f"{samples.origin}: no object in {len(samples)} images to measure on; name another data set")
    return metrics.AP, metrics.AP50


def latencies(predictors: Sequence[Predictor], path: str) -> list[float]:
    """Median milliseconds of each network for one image, after one to warm up; they take turns.

    Args:
        predictors: Predictors to time.
        path: Image file.
    """
    images = [predictor.prepare(path) for predictor in predictors]
    times: list[list[float]] = [[] for _ in predictors]
    for _ in range(_ROUNDS + 1):
        for predictor, image, own in zip(predictors, images, times, strict=True):
            start = time.perf_counter()
            predictor.candidates([image])
            own.append(1000 * (time.perf_counter() - start))
    return [median(own[1:]) for own in times]
