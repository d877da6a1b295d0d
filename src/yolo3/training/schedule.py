"""Learning rate schedules: a factor of the highest learning rate at every step."""

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """A learning rate schedule. Any callable of this signature is one."""

    def __call__(self, step: int, num_steps: int) -> float:
        """Factor of the learning rate at a step, counted from 0, in a training of ``num_steps``."""
        ...


@dataclass(frozen=True)
class WarmupCosine:
    """Linear warm-up, then half a cosine.

    Args:
        warmup: Share of the steps spent on the warm-up.
        final: Factor of the learning rate at the last step.

    Source:
        SGDR, arXiv 1608.03983 eq. 5, without restarts; the warm-up: arXiv 1706.02677 §2.2.
    """

    warmup: float = 0.05
    final: float = 0.02

    def __call__(self, step: int, num_steps: int) -> float:
        """Factor at a step."""
        rising = max(1, round(self.warmup * num_steps))
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising + 1) / max(1, num_steps - rising))
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class BurnInSteps:
    """Burn-in by a power, a constant rate, then drops at given steps.

    Args:
        burn_in: Steps of the burn-in, at most a tenth of the training.
        power: Exponent of the burn-in.
        drops: Shares of the training after which the learning rate drops.
        factor: Factor of the learning rate at each drop.

    Source:
        ``yolov3.cfg`` of Darknet: burn_in=1000, steps=400000,450000 of 500200, scales=.1,.1; ``get_current_rate``.
    """

    burn_in: int = 1000
    power: float = 4.0
    drops: tuple[float, ...] = (0.8, 0.9)
    factor: float = 0.1

    def __call__(self, step: int, num_steps: int) -> float:
        """Factor at a step."""
        rising = min(self.burn_in, num_steps // 10)
        if step < rising:
            return float(((step + 1) / rising) ** self.power)
        return float(self.factor ** sum(step >= share * num_steps for share in self.drops))
