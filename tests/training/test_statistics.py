"""Statistics of averaged weights, estimated anew."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from yolo3 import YoloDataset, YOLOv3, open_dataset
from yolo3.data.batch import unit_range
from yolo3.losses import FocalGIoULoss
from yolo3.training import DetectionData, DetectionTask
from yolo3.training.statistics import estimate_statistics


def _net() -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.9), nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))


def test_they_are_the_means_over_batches() -> None:
    trained, batches = _net(), [torch.randn(4, 2, 5, 5) * 3 + 7, torch.randn(2, 2, 5, 5)]
    averaged = copy.deepcopy(trained).requires_grad_(False)
    averaged[0](torch.randn(4, 2, 5, 5))  # it remembers something

    estimate_statistics(averaged, trained, batches)

    for norm, seen in ((averaged[0], batches), (averaged[3], [_before_the_last(averaged, batch) for batch in batches])):
        means, variances = ([getattr(batch, name)((0, 2, 3)) for batch in seen] for name in ("mean", "var"))
        torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0))
        torch.testing.assert_close(norm.running_var, torch.stack(variances).mean(0))
        assert (norm.num_batches_tracked, norm.momentum) == (2, 0.1)
    assert not any(module.training for module in averaged.modules())
    assert trained.training


def _before_the_last(net: nn.Sequential, images: Tensor) -> Tensor:
    """What the last layer sees when the first trains and nothing is dropped."""
    return net[2](nn.functional.batch_norm(images, None, None, training=True))


def test_what_is_frozen_keeps_its_own() -> None:
    trained = _net()
    averaged = copy.deepcopy(trained)
    trained[0].eval()

    estimate_statistics(averaged, trained, [torch.randn(4, 2, 5, 5) + 7])

    assert averaged[0].running_mean.tolist() == [0, 0]
    assert averaged[3].num_batches_tracked == 1


def test_without_normalisation_nothing_is_read() -> None:
    def never() -> Any:
        pytest.fail("a batch was asked for")
        yield

    estimate_statistics(nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1), never())


def test_what_a_training_measures_has_them(trial: Any, tmp_path: Path) -> None:
    task = trial.run(tmp_path, epochs=2)

    again = copy.deepcopy(task.ema.module)
    estimate_statistics(again, task.detector.train(), map(unit_range, trial.data().seen_again(epoch=1)))
    expected = again.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in task.ema.module.state_dict().items())


def test_images_are_seen_again_at_the_size_that_is_measured(trial: Any) -> None:
    data = trial.data()  # 12 images in batches of 4, at three sizes

    batches = list(data.seen_again(epoch=1))

    assert [batch.shape for batch in batches] == [(4, 3, 64, 64)] * 3
    assert [len(batch) for batch in data.seen_again(1, num_images=5)] == [4, 4]
    halves = [list(data.seen_again(1, rank, 2, num_images=5)) for rank in range(2)]
    assert [len(half) for half in halves] == [1, 1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:Found .* in eval mode")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec")
def test_a_training_is_measured_at_what_it_can_from_the_first_steps_on(shared: Path, quiet_trainer: Any) -> None:
    """After 36 steps AP50 is 0.157; with statistics that follow the training, those of other weights, it is 0.014."""
    train, test = (open_dataset(shared / "data" / "bccd", split) for split in ("trainval", "test"))
    data = DetectionData(YoloDataset(train, encoder=None, image_size=160), test[:24], batch_size=8, num_workers=0)
    task = DetectionTask(YOLOv3(3, width=0.125), FocalGIoULoss(), names=train.names, num_steps=108)
    trainer = quiet_trainer(max_epochs=1)

    trainer.fit(task, data)

    assert trainer.global_step == 36
    assert task.metrics is not None
    assert task.metrics.AP50 > 0.1
