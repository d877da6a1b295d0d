"""Evaluation of a detector on annotated images, batch by batch."""

from typing import Any

from yolo3.data import Sample
from yolo3.data.fitting import in_image
from yolo3.metrics import CocoMetrics, coco_metrics
from yolo3.protocols import DetectionLoss, Detector
from yolo3.structures import Detections
from yolo3.suppression import EVALUATION_IOU, EVALUATION_SCORE, suppress
from yolo3.training.distributed import gathered
from yolo3.training.fitted_images import EvaluationBatch


class Measurement:
    """Detections and losses of the images so far."""

    def __init__(self) -> None:
        self._found: list[tuple[Sample, Detections]] = []
        self._losses: list[tuple[int, dict[str, float]]] = []  # of each batch, with its number of images

    def add(self, batch: EvaluationBatch, predictions: Any, detector: Detector, loss: DetectionLoss) -> None:
        """Add a batch.

        Args:
            batch: Images and their ground truth.
            predictions: Predictions of the detector.
            detector: Detector that decodes the predictions.
            loss: Loss of the predictions.
        """
        terms = loss.terms(predictions, batch.truth)
        self._losses.append((len(batch.samples), {name: float(value) for name, value in terms.items()}))
        found = suppress(detector.decode(predictions), EVALUATION_SCORE, EVALUATION_IOU)
        for sample, letterbox, detections in zip(batch.samples, batch.letterboxes, found, strict=True):
            self._found.append((sample, in_image(detections, letterbox)))

    def conclude(self, names: tuple[str, ...], world_size: int) -> tuple[CocoMetrics, dict[str, float]]:
        """Evaluate the detections of all processes; every process gets the same numbers.

        Args:
            names: Class names.
            world_size: Number of processes.

        Returns:
            Metrics, and the mean of each loss term over the images.
        """
        found = gathered(self._found, world_size)
        losses = gathered(self._losses, world_size)
        num_images = sum(count for count, _ in losses)
        means = {name: sum(count * terms[name] for count, terms in losses) / num_images for name in losses[0][1]}
        metrics = coco_metrics([sample for sample, _ in found], [detections for _, detections in found], names)
        return metrics, means
