"""Averaged weights."""

import pytest
import torch
from torch import nn

from yolo3.training import EMA


def test_the_ramp_and_the_limit_by_hand() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 0.0)
    average = EMA(module, decay=0.5)
    nn.init.constant_(module.weight, 1.0)

    average.update(module, step=0)  # keeps 1/10
    assert average.module.weight.item() == pytest.approx(0.9)
    nn.init.constant_(module.weight, 2.0)
    average.update(module, step=100)  # would keep 101/110; 0.5 is the most
    assert average.module.weight.item() == pytest.approx(1.45)


def test_follows_running_means_and_counts() -> None:
    module = nn.BatchNorm1d(2)
    average = EMA(module)
    module(torch.randn(8, 2) + 5)

    average.update(module, step=0)

    assert torch.allclose(average.module.running_mean, 0.9 * module.running_mean)
    assert average.module.num_batches_tracked == 1


def test_is_apart_from_the_module() -> None:
    module = nn.Linear(2, 2)
    average = EMA(module)

    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert all(parameter.requires_grad for parameter in module.parameters())
    nn.init.zeros_(module.weight)
    assert average.module.weight.abs().sum() > 0
