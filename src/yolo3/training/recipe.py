"""Recipes: optimiser, learning rate schedule and their numbers. A variant is a function that spells out its numbers."""

import math
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
    """How the weights of a detector are updated.

    Args:
        optimizer: Function that makes the optimiser from parameter groups, which carry their weight decay.
        weight_decay: Weight decay of convolution weights; biases and normalisation have none.
        schedule: Learning rate schedule.
        clip_norm: Gradient clipping: highest norm of all gradients together. None does not clip.
        ema_decay: Highest decay of the EMA weights, see `EMA`; 0.9998 looks back over 5,000 steps.
    """

    optimizer: Callable[[ParameterGroups], Optimizer]
    weight_decay: float = 5e-4
    schedule: Schedule = field(default_factory=WarmupCosine)
    clip_norm: float | None = 10.0
    ema_decay: float = 0.9998


def modern(learning_rate: float | None = None, *, batch_size: int = 16) -> Recipe:
    """AdamW with a short warm-up and a cosine schedule: higher AP in few epochs from scratch.

    Args:
        learning_rate: Peak learning rate. Default: 2e-3 at 16 images per step, and proportional to the square root of
            their number.
        batch_size: Images per step of the optimiser.

    Source:
        The square root, for optimisers that divide by the size of the gradient: Malladi et al., arXiv 2205.10287.
    """
    if learning_rate is None:
        learning_rate = 2e-3 * math.sqrt(batch_size / 16)
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
