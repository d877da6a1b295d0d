"""A backbone that stays as it is."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn

from yolo3 import Darknet, YOLOv1, YOLOv3
from yolo3.darknet import adapted_cfg
from yolo3.system.hardware import TrainingHardware
from yolo3.training import DetectionTask, backbone


def _num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


class Watch(Callback):
    """Remembers the state of a detector at the end of every epoch."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        state = pl_module.detector.state_dict()
        self.states.append({name: tensor.clone() for name, tensor in state.items()})


def _changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def test_it_stays_to_the_last_bit_and_then_trains(trial: Any, tmp_path: Path) -> None:
    watch = Watch()
    first = {name: tensor.clone() for name, tensor in trial.task(3).detector.state_dict().items()}

    task = trial.run(tmp_path, epochs=3, freeze_backbone=2, validate_every=1, callbacks=[watch])

    _, after_two, after_three = watch.states
    in_backbone = {name for name in first if name.startswith("backbone.")}
    assert not in_backbone & _changed(first, after_two)  # statistics of normalisation too
    assert _changed(first, after_two) >= {"coarse_head.predict.weight", "coarse_head.expand.norm.running_mean"}
    assert _changed(after_two, after_three) == in_backbone | _changed(first, after_two)
    assert all(parameter.requires_grad for parameter in task.detector.parameters())


def test_every_network_says_what_its_backbone_is() -> None:
    for detector in (YOLOv3(3, width=0.125), YOLOv1(3, grid=2, hidden=16, width=0.1)):
        assert backbone(detector) is detector.backbone
    with torch.device("meta"):  # without memory for their weights
        assert _num_parameters(backbone(Darknet("yolov3.cfg"))) == _num_parameters(YOLOv3(80).backbone)
        assert len(backbone(Darknet("yolov3-spp.cfg"))) == 75  # darknet53.conv.74
        assert len(backbone(Darknet(adapted_cfg("yolov3-tiny.cfg", 3)))) == 10  # up to the last that halves the map
        assert len(backbone(Darknet("yolov2.cfg"))) == 18
        assert len(backbone(Darknet("yolov2-tiny.cfg"))) == 10


def test_that_of_a_grid_network_is_all_before_its_connected_layers() -> None:
    with torch.device("meta"):
        network = Darknet("yolov1.cfg")

    kinds = [layer.section.kind for layer in network.plan]
    assert len(backbone(network)) == min(kinds.index(kind) for kind in ("local", "connected") if kind in kinds)


def test_the_backbone_of_other_cfgs(shared: Path) -> None:
    for cfg in sorted((shared / "weights").glob("*.cfg")):
        network = Darknet(cfg)
        assert 0 < len(backbone(network)) < len(network.layers) - 2


def test_a_detector_without_one_is_said(trial: Any, tmp_path: Path) -> None:
    class Plain(nn.Module):
        num_classes, stride = 3, 32

    with pytest.raises(ValueError, match="a Plain has no `backbone` to freeze; name the module to freeze so"):
        backbone(Plain())
    task = trial.task(1)
    task.detector.backbone = None
    with pytest.raises(ValueError, match="a YOLOv3 has no `backbone` to freeze"):
        _fit(task, trial, tmp_path)


def _fit(task: DetectionTask, trial: Any, folder: Path) -> None:
    from yolo3.checkpoint import ModelCard
    from yolo3.training import fit

    fit(
        task,
        trial.data(),
        ModelCard(trial.train.names),
        folder,
        epochs=1,
        hardware=TrainingHardware("cpu"),
        freeze_backbone=1,
    )
