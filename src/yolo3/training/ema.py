"""Averaged weights: steadier than those of any one step, and what is evaluated and kept."""

import copy

import torch
from torch import nn


class EMA(nn.Module):
    """A copy of a module whose weights follow the module's as an exponential moving average.

    The average keeps (1 + n) / (10 + n) of itself at its n-th step, so that it always looks back over about a ninth of
    the training so far and forgets the random start, up to ``decay``. Running means and variances are averaged too.

    Args:
        module: to follow; it is copied.
        decay: the most that is kept at a step.

    Source:
        The ramp: ``num_updates`` of TensorFlow's ``ExponentialMovingAverage``.
    """

    def __init__(self, module: nn.Module, decay: float = 0.9998) -> None:
        super().__init__()
        self.decay = decay
        self.module = copy.deepcopy(module).requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the weights of the module.

        Args:
            module: that was handed in at first, after a step.
            step: its number, counted from 0.
        """
        keep = min(self.decay, (1 + step) / (10 + step))
        averaged, current = [], []
        for mine, other in zip(self.module.state_dict().values(), module.state_dict().values(), strict=True):
            if mine.is_floating_point():
                averaged.append(mine)
                current.append(other)
            else:
                mine.copy_(other)
        torch._foreach_lerp_(averaged, current, 1 - keep)
