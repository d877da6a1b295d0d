"""What a detector finds in pictures of known content, gathered batch by batch, and how good that is."""

from typing import Any

from yolo3.data import Sample
from yolo3.metrics import CocoMetrics, coco_metrics
from yolo3.predictor import in_image
from yolo3.protocols import DetectionLoss, Detector
from yolo3.structures import Detections
from yolo3.suppression import suppress
from yolo3.training.data import EvaluationBatch
from yolo3.training.distributed import gathered

EVALUATION_SCORE = 0.001
"""Detections above this score are measured: average precision wants the doubtful ones too."""
EVALUATION_IOU = 0.5
"""Suppression when measuring: boxes this near to each other may still be two objects."""


class Measurement:
    """What was found, and the loss, of each picture so far."""

    def __init__(self) -> None:
        self._found: list[tuple[Sample, Detections]] = []
        self._losses: list[tuple[int, dict[str, float]]] = []  # of each batch, with its number of pictures

    def add(self, batch: EvaluationBatch, predictions: Any, detector: Detector, loss: DetectionLoss) -> None:
        """Take in a batch.

        Args:
            batch: pictures and what is in them.
            predictions: of the detector.
            detector: that decodes them.
            loss: of them.
        """
        terms = loss.terms(predictions, batch.truth)
        self._losses.append((len(batch.samples), {name: float(value) for name, value in terms.items()}))
        found = suppress(detector.decode(predictions), EVALUATION_SCORE, EVALUATION_IOU)
        for sample, letterbox, detections in zip(batch.samples, batch.letterboxes, found, strict=True):
            self._found.append((sample, in_image(detections, letterbox)))

    def conclude(self, names: tuple[str, ...], world_size: int) -> tuple[CocoMetrics, dict[str, float]]:
        """Measure what all processes have found, the same in each of them.

        Args:
            names: of the classes.
            world_size: how many processes.

        Returns:
            The metrics, and the mean of each term of the loss over the pictures.
        """
        found, losses = gathered(self._found, world_size), gathered(self._losses, world_size)
        num_pictures = sum(count for count, _ in losses)
        means = {name: sum(count * terms[name] for count, terms in losses) / num_pictures for name in losses[0][1]}
        metrics = coco_metrics([sample for sample, _ in found], [detections for _, detections in found], names)
        return metrics, means
