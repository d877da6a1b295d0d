"""Validation images for TensorBoard: ground truth and detections side by side."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from torch import Tensor

from yolo3.draw import draw_boxes, side_by_side
from yolo3.images import to_view
from yolo3.structures import Detections
from yolo3.suppression import suppress
from yolo3.training.fitted_images import EvaluationBatch
from yolo3.training.task import DetectionTask

_GAP = 4
"""Pixels between the halves."""
_MOST_CAPTIONS = 8
"""Most captions per image; more would hide it, and the colours tell the classes apart."""


class ValidationImages(Callback):
    """At each validation logs the first images to TensorBoard: ground truth on the left, detections on the right.

    They are always the same images, with detections of the EMA weights.

    Args:
        count: Most images to log; no more than the first batch has.
        edge: Longer edge of each half in pixels.
        threshold: Confidence threshold of the detections drawn.
    """

    def __init__(self, count: int = 4, edge: int = 320, threshold: float = 0.25) -> None:
        self.count = count
        self.edge = edge
        self.threshold = threshold

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw images of the first batch."""
        boards = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if batch_idx > 0 or not boards or not trainer.is_global_zero or trainer.sanity_checking:
            return
        assert isinstance(pl_module, DetectionTask)
        assert isinstance(batch, EvaluationBatch)
        detector = pl_module.ema_detector
        images = batch.images[: self.count].contiguous(memory_format=torch.channels_last)
        if not len(images):
            return
        found = suppress(detector.decode(detector(images)), self.threshold)
        for number, detections in enumerate(found):
            sample, truth = batch.samples[number], batch.truth.image == number
            detections = replace(detections.to("cpu"), class_names=pl_module.names)
            pair = beside_truth(
                images[number].cpu(), batch.truth.boxes[truth], batch.truth.labels[truth], detections, self.edge
            )
            for board in boards:
                tag = f"validation/{sample.image.name}"
                board.experiment.add_image(tag, np.asarray(pair), trainer.global_step, dataformats="HWC")


def beside_truth(image: Tensor, boxes: Tensor, labels: Tensor, found: Detections, edge: int = 320) -> Image.Image:
    """An image twice: with its ground truth, and with the detections. Captions are left out where they are many.

    Args:
        image: (C, H, W) in [0, 1].
        boxes: (N, 4) xyxy ground truth, pixels of the image.
        labels: (N,) int64 class numbers of the ground truth.
        found: Detections in the image, with class names.
        edge: Longer edge of each half in pixels.
    """
    height, width = image.shape[1:]
    scale = edge / max(height, width)
    pixels = image.permute(1, 2, 0).mul(255).round().clamp(0, 255).byte().numpy()
    shown = Image.fromarray(to_view(pixels)).resize((round(width * scale), round(height * scale)))
    names = [found.class_names[label] for label in labels.tolist()]
    scores = [f"{name} {score:.2f}" for name, score in zip(found.names, found.scores.tolist(), strict=True)]
    halves = [
        draw_boxes(shown, (corners * scale).tolist(), _if_few(captions), classes.tolist())
        for corners, captions, classes in ((boxes, names, labels), (found.boxes, scores, found.labels))
    ]
    return side_by_side(halves, _GAP)


def _if_few(captions: list[str]) -> list[str]:
    return captions if len(captions) <= _MOST_CAPTIONS else [""] * len(captions)
