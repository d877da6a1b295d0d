"""Whether a pipeline can learn at all."""

import math
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from yolo3 import YoloDataset, YoloLoss
from yolo3.checkpoint import ModelCard
from yolo3.data import SampleSet
from yolo3.losses.terms import SquaredErrorBox
from yolo3.structures import ScaleOutput, Targets
from yolo3.system.hardware import Hardware, TrainingHardware
from yolo3.training import DetectionData, OverfitReport, Recipe, fit, modern, overfit_check, published


@dataclass(frozen=True)
class CutOff:
    """A box term without a way back to the weights."""

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        return SquaredErrorBox()(positives, targets).detach() + 5


def test_a_sound_pipeline_learns_a_batch_by_heart(trial: Any) -> None:
    report = overfit_check(trial.task(epochs=1), trial.data(), hardware=Hardware("cpu", "fp32"), steps=20)

    assert report.passed
    assert (report.num_images, report.steps, report.stuck) == (4, 20, ())
    assert "in 20 steps: the pipeline can learn" in report.verdict
    assert str(report).splitlines()[1].split() == ["term", "before", "after"]


def test_a_term_that_teaches_nothing_is_named(trial: Any) -> None:
    task = trial.task(epochs=1)
    task.loss = YoloLoss(box=CutOff())

    report = overfit_check(task, trial.data(), hardware=Hardware("cpu", "fp32"), steps=10)

    assert not report.passed
    assert report.stuck == ("box",)
    assert "box did not fall: check the unit of the boxes" in report.verdict


@pytest.mark.parametrize("recipe", [modern(1e-5), modern(1e-4), published(1e-5)], ids=["1e-5", "1e-4", "SGD 1e-5"])
def test_a_sound_pipeline_passes_at_the_rates_of_fine_tuning(trial: Any, recipe: Recipe) -> None:
    task = trial.task(epochs=1)
    task.recipe = recipe

    report = overfit_check(task, trial.data(), hardware=Hardware("cpu", "fp32"), steps=10)

    assert 0.01 < report.reach < 1
    assert report.passed
    assert "as far as its learning rate reaches: the pipeline can learn" in report.verdict


def test_what_the_gradients_promise_is_what_small_steps_keep(trial: Any) -> None:
    task = trial.task(epochs=1)
    task.recipe = modern(1e-6)

    report = overfit_check(task, trial.data(), hardware=Hardware("cpu", "fp32"), steps=4)

    fell = sum(report.before.values()) - sum(report.after.values())
    assert report.promised == pytest.approx(fell, rel=0.1)


def test_a_term_that_teaches_nothing_is_named_at_a_low_rate_and_no_other(trial: Any) -> None:
    task = trial.task(epochs=1)
    task.loss, task.recipe = YoloLoss(box=CutOff()), modern(1e-5)

    report = overfit_check(task, trial.data(), hardware=Hardware("cpu", "fp32"), steps=4)

    assert not report.passed
    assert report.stuck == report.silent == ("box",)


def test_too_small_a_learning_rate_is_named(trial: Any) -> None:
    task = trial.task(epochs=1)
    task.recipe = modern(1e-9)

    report = overfit_check(task, trial.data(), hardware=Hardware("cpu", "fp32"), steps=3)

    assert "and no term fell as it should: check the learning rate, and for frozen weights" in report.verdict


def test_too_large_a_learning_rate_is_named(trial: Any) -> None:
    task = trial.task(epochs=1)
    task.recipe = modern(1e30)

    report = overfit_check(task, trial.data(), hardware=Hardware("cpu", "fp32"), steps=9)

    assert report.steps < 9
    assert "lower the learning rate" in report.verdict


def test_a_loss_that_was_never_finite_is_no_matter_of_the_learning_rate() -> None:
    report = OverfitReport(1, 1, 1, {"box": 2.0, "classes": math.nan}, {"box": 2.0, "classes": math.nan})

    assert not report.passed
    assert report.verdict.startswith("classes is nan before the first step; train without this check")


def test_frozen_weights_are_no_crash(trial: Any) -> None:
    task = trial.task(epochs=1)
    task.detector.requires_grad_(False)

    with pytest.raises(ValueError, match="all weights of the detector are frozen"):
        overfit_check(task, trial.data(), hardware=Hardware("cpu", "fp32"), steps=2)


def test_nothing_is_touched(trial: Any) -> None:
    task = trial.task(epochs=1)
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    rng = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()

    overfit_check(task, trial.data(), hardware=Hardware("cpu", "fp32"), steps=2)

    assert torch.equal(torch.get_rng_state(), rng[0])
    assert (np.random.get_state()[1] == rng[1]).all()
    assert random.getstate() == rng[2]
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.state_dict().items())
    assert all(parameter.grad is None for parameter in task.parameters())


def test_a_training_after_it_equals_one_without_it(trial: Any, tmp_path: Path) -> None:
    weights = []
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
        task, data = trial.task(epochs=1), trial.data()
        if name == "with":
            overfit_check(task, data, hardware=Hardware("cpu", "fp32"), steps=2)
        card = ModelCard(trial.train.names, (64, 64))
        fit(task, data, card, tmp_path / name, epochs=1, hardware=TrainingHardware("cpu", "fp32"))
        weights.append(task.state_dict())

    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_a_batch_with_objects_is_sought(training_set: SampleSet, validation_set: SampleSet, trial: Any) -> None:
    order = [key.index for keys in trial.data().keys() for key in keys]
    none = {name: getattr(training_set[0], name)[:0] for name in ("boxes", "labels", "difficult", "crowd", "area")}
    bare = [replace(sample, **none) for sample in training_set]
    some = [training_set[index] if index in order[4:] else bare[index] for index in range(12)]

    def data(samples: Any) -> DetectionData:
        images = YoloDataset(SampleSet.from_samples(training_set.names, samples), encoder=None, image_size=64)
        return DetectionData(images, validation_set, batch_size=4, num_workers=0)

    report = overfit_check(trial.task(epochs=1), data(some), hardware=Hardware("cpu", "fp32"), steps=2)

    assert report.num_objects == sum(len(training_set[index].boxes) for index in order[4:8])
    with pytest.raises(ValueError, match="none of the 12 images to train on has an object"):
        overfit_check(trial.task(epochs=1), data(bare))


def test_refuses_too_few_steps(trial: Any) -> None:
    with pytest.raises(ValueError, match="steps is 1; it must be at least 2"):
        overfit_check(trial.task(epochs=1), trial.data(), steps=1)


def test_small_terms_may_grow() -> None:
    report = OverfitReport(1, 1, 50, {"box": 10.0, "background": 0.1}, {"box": 1.0, "background": 0.3})

    assert report.passed
    assert not replace(report, after={"box": 1.0, "background": 3.0}).passed
    assert replace(report, after={"box": 7.0, "background": 0.3}).stuck == ()
    assert not replace(report, after={"box": 7.0, "background": 0.3}).passed


def test_what_is_wanted_follows_from_what_the_rate_can_reach() -> None:
    report = OverfitReport(1, 1, 50, {"box": 8.0, "classes": 2.0}, {"box": 7.5, "classes": 2.2}, promised=1.0)

    assert report.reach == pytest.approx(0.1)
    assert report.passed  # it lost 0.3 where a quarter of 1 is wanted, and no term need fall as far as the others
    assert not replace(report, after={"box": 7.8, "classes": 2.2}).passed
    assert not replace(report, promised=0.05).passed  # the rate is too low to tell
    assert replace(report, promised=20.0).stuck == ("box", "classes")
    assert replace(report, silent=("classes",)).stuck == ("classes",)
