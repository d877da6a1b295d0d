"""``metrics.json``: one schema, one writer, and the best score read back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from yolo3.metrics import CocoMetrics

METRICS_FILE = "metrics.json"
"""Name of the file of numbers in the folder of an evaluation."""


class Measured(TypedDict):
    """What ``metrics.json`` says beside the numbers of `CocoMetrics.to_dict` or `Report.to_dict`."""

    data: str
    """Origin of the annotations."""
    num_images: int
    """Number of images measured."""
    num_detections: NotRequired[int]
    """Number of detections compared with the annotations."""
    detections: NotRequired[str]
    """File of detections, where no model was run."""
    trained_on: NotRequired[str]
    """Overlap of these images with the training set, in words."""
    selection: NotRequired[dict[str, Any]]
    """How the epoch of the checkpoint was chosen: ``keep``, ``epoch``, ``evaluations`` and ``measured_on``."""
    speed: NotRequired[dict[str, Any]]
    """`Speed.to_dict`, with ``images_per_second`` in batches and the ``device``."""


def write_metrics(folder: Path, numbers: CocoMetrics | Mapping[str, Any], measured: Mapping[str, object]) -> None:
    """Write ``metrics.json``.

    Args:
        folder: Existing folder.
        numbers: `CocoMetrics`, or the numbers of a `Report.to_dict`.
        measured: Usually a `Measured`: what was measured, and with what.
    """
    content = dict(numbers.to_dict() if isinstance(numbers, CocoMetrics) else numbers) | dict(measured)
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # a file name may hold bytes that are no text; this is how JSON writes them
    (folder / METRICS_FILE).write_text(text, encoding="utf-8", errors="backslashreplace")


def read_best(folder: Path) -> tuple[float, float]:
    """The confidence threshold of highest F1 over all classes, and that F1, from the ``metrics.json`` of a `Report`.

    Raises:
        OSError: A file that cannot be read.
        ValueError: A file without them.
    """
    try:
        best = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))["best"]
        return float(best["score"]), float(best["f1"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / METRICS_FILE} has no best score") from error
