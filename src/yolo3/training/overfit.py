"""Overfit check: whether the pipeline can learn one batch by heart, before hours are spent."""

import copy
import math
from dataclasses import dataclass

import torch
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor, nn

from yolo3.data.batch import Batch, collate, unit_range
from yolo3.system.devices import choose_training_device
from yolo3.system.hardware import Hardware
from yolo3.text_table import text_table
from yolo3.training.batchnorm import AccurateBatchNorm
from yolo3.training.datamodule import DetectionData
from yolo3.training.precision import training_precision
from yolo3.training.recipe import parameter_groups
from yolo3.training.task import DetectionTask

_FALL = 0.5
"""Share of the loss that must go if the learning rate can take all of it; one batch is easily learnt by heart."""
_PART = 0.25
"""Share that must go of what a lower learning rate can take: gradients overestimate where the loss is curved."""
_LEAST = 0.01
"""Least share of the loss that the learning rate must be able to take for a verdict."""
_SMALL = 0.05
"""Terms below this share of the loss need not fall: background grows a little as objects are found."""
_HINTS = {
    "box": "the unit of the boxes (xyxy, pixels of the network input), the anchors and the box term",
    "objectness": "the assigner (`yolo3.assign.explain` shows the responsible anchors) and the objectness term",
    "background": "the objectness term and the learning rate",
    "classes": "the labels and the class term",
}


@dataclass(frozen=True)
class OverfitReport:
    """Loss of one batch before and after learning it by heart; prints as a table with a verdict."""

    num_images: int
    num_objects: int
    steps: int
    """Steps done: fewer than asked for if the loss became infinite or NaN."""
    before: dict[str, float]
    """Each loss term at the first step."""
    after: dict[str, float]
    """Each loss term at the last step."""
    promised: float = math.inf
    """Fall of the loss that the gradients predict to first order: the sum over steps of gradient times movement."""
    silent: tuple[str, ...] = ()
    """Terms whose gradient is 0 for every weight."""

    @property
    def reach(self) -> float:
        """Share of the loss in [0, 1] that the learning rate can take in these steps."""
        before = sum(self.before.values())
        return max(0.0, min(1.0, self.promised / before)) if before > 0 else 1.0

    @property
    def stuck(self) -> tuple[str, ...]:
        """Terms that did not fall though they are a good part of the loss, and the learning rate can take all of it.

        At a lower rate these are only the terms without a gradient: others may rise for a while as the rest falls.
        """
        fell = {name: self.after[name] < 0.9 * self.before[name] for name in self.before}
        return tuple(name for name in self._large if name in self.silent or (self.reach == 1 and not fell[name]))

    @property
    def passed(self) -> bool:
        """Whether the pipeline can learn."""
        before = sum(self.before.values())
        after = sum(self.after.values())
        wanted = _FALL if self.reach == 1 else _PART * self.reach
        return not self.stuck and self.reach >= _LEAST and before - after > wanted * before

    @property
    def verdict(self) -> str:
        """One line: whether the pipeline can learn, and if not, what to check."""
        before = sum(self.before.values())
        after = sum(self.after.values())
        said = f"the loss of one batch went from {before:.4g} to {after:.4g} in {self.steps} steps"
        if self.passed:
            return f"{said}{', as far as its learning rate reaches' if self.reach < 1 else ''}: the pipeline can learn"
        if not math.isfinite(before):
            spoilt = ", ".join(f"{name} is {value}" for name, value in self.before.items() if not math.isfinite(value))
            return f"{spoilt} before the first step; train without this check, and the message names the cause"
        if not math.isfinite(after):
            return f"{said}: lower the learning rate"
        if len(self.stuck) in (0, len(self._large)):
            return f"{said}, and no term fell as it should: check the learning rate, and for frozen weights"
        parts = [f"{name} did not fall: check {_HINTS.get(name, f'the {name} term')}" for name in self.stuck]
        return f"{said}; {'; '.join(parts)}"

    @property
    def _large(self) -> list[str]:
        least = _SMALL * sum(self.before.values())
        return [name for name, value in self.before.items() if not max(value, self.after[name]) < least]

    def __str__(self) -> str:
        rows = [("term", "before", "after")]
        rows += [(name, f"{value:.4g}", f"{self.after[name]:.4g}") for name, value in self.before.items()]
        batch = f"one batch of {self.num_images} images with {self.num_objects} objects, {self.steps} steps"
        return "\n".join([batch, *text_table(rows, min_width=10), self.verdict])


def overfit_check(
    task: DetectionTask,
    data: DetectionData,
    *,
    steps: int = 50,
    hardware: Hardware = Hardware("cpu"),
) -> OverfitReport:
    """Learn one batch by heart with a copy of the detector, the loss of the task and its recipe.

    The training that follows is not affected: weights, random numbers and order of the data stay untouched.

    Args:
        task: Task whose pipeline is checked.
        data: Training data, of which the first batch with an object is used.
        steps: Steps of the optimiser.
        hardware: Device and precision, see `training_precision`; float16 is computed as float32.

    Raises:
        ValueError: Fewer than two steps, a data set without objects, a detector all of whose weights are frozen, or an
            image that cannot be read.
    """
    if steps < 2:
        raise ValueError(f"steps is {steps}; it must be at least 2")
    device = choose_training_device(hardware.device)
    is_half = training_precision(hardware, device) == "bf16-mixed"
    with isolate_rng():
        images, truth = _first_batch(data)
        images = unit_range(images.to(device)).contiguous(memory_format=torch.channels_last)
        truth = truth.to(device)
        detector, loss = copy.deepcopy((task.detector, task.loss))
        assert isinstance(detector, nn.Module)
        detector.to(device).train()
        if not any(parameter.requires_grad for parameter in detector.parameters()):
            raise ValueError("all weights of the detector are frozen")
        optimizer = task.recipe.optimizer(parameter_groups(detector, task.recipe.weight_decay))
        highest = [group["lr"] for group in optimizer.param_groups]
        weights = [parameter for parameter in detector.parameters() if parameter.requires_grad]
        history: list[dict[str, float]] = []
        falls: list[float] = []
        silent: tuple[str, ...] = ()
        for step in range(steps):
            for group, rate in zip(optimizer.param_groups, highest, strict=True):
                group["lr"] = rate * task.recipe.schedule(step, steps)
            with torch.autocast(device.type, torch.bfloat16, enabled=is_half), AccurateBatchNorm():
                terms = loss.terms(detector(images), truth)
            history.append({name: value.item() for name, value in terms.items()})
            total = torch.stack(list(terms.values())).sum()
            if not total.isfinite():
                break
            if step == 0:
                silent = tuple(name for name, value in terms.items() if not _moves(value, weights))
            optimizer.zero_grad()
            total.backward()
            gradients = {weight: weight.grad.clone() for weight in weights if weight.grad is not None}
            before = {weight: weight.detach().clone() for weight in gradients}
            if task.recipe.clip_norm is not None:
                nn.utils.clip_grad_norm_(weights, task.recipe.clip_norm)
            optimizer.step()
            moved = {weight: before[weight] - weight.detach() for weight in gradients}
            falls.append(sum(float((gradient * moved[weight]).sum()) for weight, gradient in gradients.items()))
    promised = sum(falls[: len(history) - 1])  # the effect of the last step is not measured
    return OverfitReport(len(images), len(truth), len(history), history[0], history[-1], promised, silent)


def _moves(term: Tensor, weights: list[nn.Parameter]) -> bool:
    """Whether a term has a gradient to any weight."""
    if not term.requires_grad:
        return False
    gradients = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
    return any(bool(gradient.any()) for gradient in gradients if gradient is not None)


def _first_batch(data: DetectionData) -> Batch:
    """The first batch of the first epoch that has an object.

    Raises:
        ValueError: No batch has one.
    """
    for keys in data.keys():
        images, truth = collate([data.train[key] for key in keys])  # type: ignore[misc]  # the data set has no encoder
        if len(truth):
            return images, truth
    raise ValueError(f"none of the {len(data.train)} images to train on has an object; there is nothing to learn")
