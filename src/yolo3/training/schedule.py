"""How the learning rate moves: a factor of its highest value at every step."""

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """A course of the learning rate. A schedule of your own is anything that fits."""

    def __call__(self, step: int, num_steps: int) -> float:
        """The factor of the learning rate at a step, counted from 0, of a training of so many steps."""
        ...


@dataclass(frozen=True)
class WarmupCosine:
    """Rises in a line, then falls along half a cosine.

    Args:
        warmup: share of the steps spent rising.
        final: what is left of the learning rate at the last step.

    Source:
        SGDR, arXiv 1608.03983 eq. 5, without restarts; the warm-up: arXiv 1706.02677 §2.2.
    """

    warmup: float = 0.05
    final: float = 0.02

    def __call__(self, step: int, num_steps: int) -> float:
        """The factor at a step."""
        rising = max(1, round(self.warmup * num_steps))
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising + 1) / max(1, num_steps - rising))
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class BurnInSteps:
    """Rises by a power, stays, then drops at given places.

    Args:
        burn_in: steps spent rising, though never more than a tenth of the training.
        power: of the rise.
        drops: shares of the training at which the learning rate falls.
        factor: what is left of it at each drop.

    Source:
        ``yolov3.cfg`` of Darknet: burn_in=1000, steps=400000,450000 of 500200, scales=.1,.1; ``get_current_rate``.
    """

    burn_in: int = 1000
    power: float = 4.0
    drops: tuple[float, ...] = (0.8, 0.9)
    factor: float = 0.1

    def __call__(self, step: int, num_steps: int) -> float:
        """The factor at a step."""
        rising = min(self.burn_in, num_steps // 10)
        if step < rising:
            return float(((step + 1) / rising) ** self.power)
        return float(self.factor ** sum(step >= share * num_steps for share in self.drops))
