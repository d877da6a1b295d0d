"""Recipes: optimiser, schedule and their numbers. A variant is a function that says its numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from yolo3.training.schedule import BurnInSteps, Schedule, WarmupCosine

ParameterGroups = list[dict[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """How a detector's weights are moved.

    Args:
        optimizer: makes the optimiser of parameter groups, which say their weight decay.
        weight_decay: of convolution weights; biases and normalisation have none.
        schedule: of the learning rate.
        clip_norm: gradients longer than this, all together, are shortened to it; None leaves them.
        ema_decay: the most that the averaged weights keep of themselves at a step, see `EMA`.
    """

    optimizer: Callable[[ParameterGroups], Optimizer]
    weight_decay: float = 5e-4
    schedule: Schedule = field(default_factory=WarmupCosine)
    clip_norm: float | None = 10.0
    ema_decay: float = 0.9998


def modern(learning_rate: float = 2e-3) -> Recipe:
    """AdamW, a short warm-up, then a cosine: reaches more in few epochs from scratch."""
    return Recipe(partial(torch.optim.AdamW, lr=learning_rate), weight_decay=0.05, clip_norm=10.0)


def published(learning_rate: float = 1e-3) -> Recipe:
    """SGD with momentum, burn-in by the fourth power and two drops by ten.

    Source:
        ``yolov3.cfg`` of Darknet, at its batch of 64.
    """
    optimizer = partial(torch.optim.SGD, lr=learning_rate, momentum=0.9)
    return Recipe(optimizer, weight_decay=5e-4, schedule=BurnInSteps(), clip_norm=None)


def parameter_groups(module: nn.Module, weight_decay: float) -> ParameterGroups:
    """The trainable parameters in two groups: weights of convolutions and linear layers decay, vectors do not."""
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    weights = [parameter for parameter in trainable if parameter.ndim > 1]
    vectors = [parameter for parameter in trainable if parameter.ndim <= 1]  # biases, scales and shifts
    return [{"params": weights, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
