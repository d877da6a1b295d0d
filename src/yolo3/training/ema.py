"""EMA: the exponential moving average of the weights, which is what is evaluated and kept."""

import copy

import torch
from torch import nn


class EMA(nn.Module):
    """A copy of a module whose weights follow the module's as an exponential moving average.

    The decay at step n is (1 + n) / (10 + n), so that the average always looks back over about a ninth of the training
    so far and forgets the random start, up to ``decay``. Running means and variances are averaged too.

    ``torch.optim.swa_utils.AveragedModel`` gives the same bits. It is not used, since it reads its counter from the
    device twice per update, which a GPU is waited for, and takes three times as long on a CPU.

    Args:
        module: Module to follow; it is copied.
        decay: Highest decay.

    Source:
        The ramp: ``num_updates`` of TensorFlow's ``ExponentialMovingAverage``.
    """

    def __init__(self, module: nn.Module, decay: float = 0.9998) -> None:
        super().__init__()
        self.decay = decay
        self.module = copy.deepcopy(module).requires_grad_(False)

    def decay_at(self, step: int) -> float:
        """Decay after a step: 1 / (1 - decay) is the number of steps that the average looks back over."""
        return min(self.decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the weights of the module after a step of the optimiser.

        Args:
            module: The module that is followed.
            step: Number of the step, counted from 0.
        """
        decay = self.decay_at(step)
        averaged = []
        current = []
        for mine, other in zip(self.module.state_dict().values(), module.state_dict().values(), strict=True):
            if mine.is_floating_point():
                averaged.append(mine)
                current.append(other)
            else:
                mine.copy_(other)
        torch._foreach_lerp_(averaged, current, 1 - decay)
