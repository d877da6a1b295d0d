"""Random numbers of a training that is resumed."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from yolo3 import Darknet53, ResUnit, YOLOv3
from yolo3.training.random_state import random_state, restore_random_state


class Shaken(ResUnit):
    """A unit that draws random numbers in each step, from every generator there is."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        factor = 1 + 0.01 * random.random() + 0.01 * float(np.random.rand())
        return super().forward(torch.nn.functional.dropout(x, 0.1) * factor)


def _detector() -> YOLOv3:
    random.seed(0)
    np.random.seed(0)
    return YOLOv3(3, backbone=Darknet53(width=0.125, unit=Shaken))


def _draw() -> tuple[float, float, float]:
    return torch.rand(()).item(), random.random(), float(np.random.rand())


def test_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    _draw()
    torch.save(random_state(), tmp_path / "state")
    expected = [_draw() for _ in range(3)]

    restore_random_state(torch.load(tmp_path / "state", weights_only=True))

    assert [_draw() for _ in range(3)] == expected


@pytest.mark.parametrize(
    ("step", "num_workers"),
    [(4, 0), (5, 0), (6, 1)],
    ids=["in an epoch", "after two epochs", "at a first step, a worker"],
)
def test_a_network_that_draws_them_is_resumed_to_the_bit(
    trial: Any, press: Any, whole: dict[str, Tensor], tmp_path: Path, step: int, num_workers: int
) -> None:
    shaken = replace(trial, detector=_detector)
    with pytest.raises(KeyboardInterrupt):
        shaken.run(tmp_path, epochs=3, validate_every=1, callbacks=[press(step)])
    _draw()  # another process begins elsewhere

    resumed = shaken.run(tmp_path, epochs=3, validate_every=1, num_workers=num_workers, resume=True)

    assert all(torch.equal(tensor, whole[name]) for name, tensor in resumed.state_dict().items())


@pytest.fixture(scope="module")
def whole(trial: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """Three epochs of three steps, uninterrupted."""
    task = replace(trial, detector=_detector).run(tmp_path_factory.mktemp("whole"), epochs=3, validate_every=1)
    return task.state_dict()
