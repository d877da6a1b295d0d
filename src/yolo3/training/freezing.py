"""Frozen backbone for fine-tuning: new heads learn first, and do not disturb pretrained weights."""

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from yolo3.darknet import Darknet
from yolo3.protocols import Detector, backbone_of
from yolo3.training.task import DetectionTask

_AFTER_BACKBONE = ("upsample", "reorg", "reorg3d", "yolo", "Gaussian_yolo", "region", "local", "connected", "detection")


def backbone(detector: Detector) -> nn.Module:
    """The feature extractor of a detector: the part that pretrained weights are for.

    `YOLOv3`, `YOLOv1` and any network of your own have a ``backbone`` attribute. The backbone of a Darknet cfg ends
    with its coarsest stage: before the first ``[upsample]``, ``[reorg]`` or head, it goes up to the last
    ``[shortcut]``, or to the first layer at the coarsest stride if that comes later; so that of ``yolov3.cfg`` is
    Darknet-53. Before layers that are fully connected, or local, it is everything.

    Raises:
        ValueError: A detector that has none.
    """
    if isinstance(detector, Darknet):
        return detector.layers[: _backbone_layers(detector)]
    part = backbone_of(detector)
    if part is None:
        raise ValueError(f"a {type(detector).__name__} has no `backbone` to freeze; name the module to freeze so")
    return part


def _backbone_layers(detector: Darknet) -> int:
    """Number of layers of a cfg, from the first, that are its backbone."""
    neck = next(layer.number for layer in detector.plan if layer.section.kind in _AFTER_BACKBONE)
    before = detector.plan[:neck]
    if detector.plan[neck].section.kind in ("local", "connected", "detection"):
        return neck
    strides = [max(layer.output.stride) for layer in before]
    shortcuts = [layer.number for layer in before if layer.section.kind == "shortcut"]
    return 1 + max(strides.index(max(strides)), *shortcuts, 0)


class FreezeBackbone(Callback):
    """Freezes the backbone for the first epochs, batch normalisation and its statistics included.

    It has no state but the number of epochs, so that a training may be resumed anywhere. Frozen weights are in the
    optimiser from the beginning, which skips weights without a gradient: the schedule and the parameter groups never
    change. With DDP the strategy must expect weights without a gradient, as Lightning's
    ``ddp_find_unused_parameters_true`` does; `fit` sets it.

    Args:
        num_epochs: Number of epochs in which the backbone is frozen.
    """

    def __init__(self, num_epochs: int) -> None:
        self.num_epochs = num_epochs

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle a training that resumes in the middle of an epoch."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Freeze or unfreeze."""
        assert isinstance(pl_module, DetectionTask)
        is_frozen = trainer.current_epoch < self.num_epochs
        part = backbone(pl_module.detector)
        part.requires_grad_(not is_frozen)
        part.train(not is_frozen)
