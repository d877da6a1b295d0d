"""The batch that fits in memory."""

from typing import Any

import pytest
import torch
from torch import Tensor

from yolo3 import YoloLoss, YOLOv3
from yolo3.system.hardware import TrainingHardware
from yolo3.training import DetectionTask, largest_batch_size


class Cramped(YOLOv3):
    """Needs more memory than there is for more images than these, as a GPU would say it."""

    def __init__(self, room: int) -> None:
        super().__init__(3, width=0.125)
        self.room = room

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.training and len(images) > self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 1 more image")
        return super().forward(images)


@pytest.mark.parametrize(("room", "most", "expected"), [(3, 64, 2), (1, 64, 1), (9, 3, 3)])
def test_the_largest_power_of_two_that_fits(trial: Any, room: int, most: int, expected: int) -> None:
    task = DetectionTask(Cramped(room), YoloLoss(), names=trial.train.names)
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}

    found = largest_batch_size(task, trial.data(), hardware=TrainingHardware("cpu", "fp32"), most=most)

    assert found == expected
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.state_dict().items())
    assert task.detector.training


def test_no_room_for_one_image(trial: Any) -> None:
    task = DetectionTask(Cramped(0), YoloLoss(), names=trial.train.names)

    with pytest.raises(ValueError, match=r"a single image of 64 x 64 does not fit in the memory of cpu; lower"):
        largest_batch_size(task, trial.data(), hardware=TrainingHardware("cpu", "fp32"))


def test_another_error_stays_what_it_is(trial: Any) -> None:
    task = DetectionTask(YOLOv3(2, width=0.125), YoloLoss(), names=("circle", "square"))  # the images have three

    with pytest.raises(ValueError, match=r"label 2, .* is not in 0\.\.1"):
        largest_batch_size(task, trial.data(), hardware=TrainingHardware("cpu", "fp32"))
