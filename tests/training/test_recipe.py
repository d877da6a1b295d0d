"""Optimisers and their numbers."""

import pytest
import torch
from torch import nn

from yolo3 import YOLOv3
from yolo3.training import BurnInSteps, modern, parameter_groups, published


def test_only_weights_of_convolutions_decay() -> None:
    detector = YOLOv3(3, width=0.125)

    decaying, others = parameter_groups(detector, 0.1)

    convolutions = [module for module in detector.modules() if isinstance(module, nn.Conv2d)]
    assert {id(parameter) for parameter in decaying["params"]} == {id(layer.weight) for layer in convolutions}
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert len(decaying["params"]) + len(others["params"]) == len(list(detector.parameters()))


def test_frozen_parameters_are_left_out() -> None:
    detector = YOLOv3(3, width=0.125)
    detector.backbone.requires_grad_(False)

    groups = parameter_groups(detector, 0.1)

    frozen = {id(parameter) for parameter in detector.backbone.parameters()}
    assert not frozen & {id(parameter) for group in groups for parameter in group["params"]}


def test_recipes_say_their_numbers() -> None:
    groups = parameter_groups(nn.Linear(2, 2), 0.1)

    darknet = published().optimizer(groups)
    assert isinstance(darknet, torch.optim.SGD)
    assert (darknet.defaults["lr"], darknet.defaults["momentum"]) == (1e-3, 0.9)
    assert published().weight_decay == 5e-4
    assert published().schedule == BurnInSteps(1000, 4, (0.8, 0.9), 0.1)
    assert modern(3e-4).optimizer(groups).defaults["lr"] == 3e-4


@pytest.mark.parametrize(("batch_size", "expected"), [(4, 1e-3), (16, 2e-3), (64, 4e-3)])
def test_the_rate_grows_with_the_square_root_of_the_batch(batch_size: int, expected: float) -> None:
    groups = [{"params": [torch.zeros(1)]}]
    assert modern(batch_size=batch_size).optimizer(groups).defaults["lr"] == pytest.approx(expected)
    assert modern(3e-4, batch_size=batch_size).optimizer(groups).defaults["lr"] == 3e-4
