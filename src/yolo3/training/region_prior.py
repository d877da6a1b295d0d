"""The early prior of YOLOv2: at first, predictions are drawn to their anchors."""

from dataclasses import replace
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from yolo3.losses import RegionLoss
from yolo3.training.task import DetectionTask

PRIOR_IMAGES = 12_800
"""Images for which Darknet's program uses the prior."""


class RegionPrior(Callback):
    """Takes the ``prior_weight`` of a `RegionLoss` away after the first 12,800 images.

    Args:
        images_seen: Number of images that the network has been trained on before, as the header of a ``.weights`` file
            says.

    Source:
        Darknet's ``forward_region_layer``.
    """

    def __init__(self, images_seen: int = 0) -> None:
        self.images_seen = images_seen

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Take it away when it is time."""
        assert isinstance(pl_module, DetectionTask)
        assert isinstance(pl_module.loss, RegionLoss)
        if self.images_seen >= PRIOR_IMAGES and pl_module.loss.prior_weight:
            pl_module.loss = replace(pl_module.loss, prior_weight=0.0)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the images of all processes."""
        self.images_seen += len(batch[0]) * trainer.world_size

    def state_dict(self) -> dict[str, Any]:
        """The images so far."""
        return {"images_seen": self.images_seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore them when training resumes."""
        self.images_seen = state_dict["images_seen"]
