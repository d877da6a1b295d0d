"""A backbone that stays as it is for some epochs, so that what it has learnt before is not shaken by new heads."""

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from yolo3.darknet import Darknet
from yolo3.protocols import Detector, backbone_of
from yolo3.training.task import DetectionTask

_AFTER_BACKBONE = ("upsample", "yolo", "local", "connected", "detection")


def backbone(detector: Detector) -> nn.Module:
    """The part of a detector that sees before anything is predicted: what a pretrained network brings along.

    `YOLOv3`, `YOLOv1` and any network of your own say it themselves, as their ``backbone``. That of a Darknet cfg ends
    with its coarsest stage: before the first ``[upsample]`` or head, it goes up to the last ``[shortcut]``, or to the
    first layer at the coarsest stride if that comes later; so that of ``yolov3.cfg`` is Darknet-53. Before layers that
    are fully connected, or local, it is everything.

    Raises:
        ValueError: a detector that has none.
    """
    if isinstance(detector, Darknet):
        return detector.layers[: _backbone_layers(detector)]
    part = backbone_of(detector)
    if part is None:
        raise ValueError(f"a {type(detector).__name__} has no `backbone` to freeze; name the module so that is to stay")
    return part


def _backbone_layers(detector: Darknet) -> int:
    """How many layers of a cfg, from its first, are the backbone."""
    neck = next(layer.number for layer in detector.plan if layer.section.kind in _AFTER_BACKBONE)
    before = detector.plan[:neck]
    if detector.plan[neck].section.kind in ("local", "connected", "detection"):
        return neck
    strides = [max(layer.output.stride) for layer in before]
    shortcuts = [layer.number for layer in before if layer.section.kind == "shortcut"]
    return 1 + max(strides.index(max(strides)), *shortcuts, 0)


class FreezeBackbone(Callback):
    """Keeps the backbone of a detector as it is, normalisation and its statistics too, for the first epochs.

    Which epochs is all there is to know, so that a training may be resumed anywhere. Frozen weights are in the
    optimiser from the beginning, which leaves alone what has no gradient: the schedule and the groups of parameters
    never change. In several processes the strategy must expect weights without a gradient, as Lightning's
    ``ddp_find_unused_parameters_true`` does; `fit` sees to it.

    Args:
        num_epochs: in which it is frozen; after them it trains like the rest.
    """

    def __init__(self, num_epochs: int) -> None:
        self.num_epochs = num_epochs

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """For a training that is resumed in the middle of an epoch."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Freeze or thaw."""
        assert isinstance(pl_module, DetectionTask)
        is_frozen = trainer.current_epoch < self.num_epochs
        part = backbone(pl_module.detector)
        part.requires_grad_(not is_frozen)
        part.train(not is_frozen)
