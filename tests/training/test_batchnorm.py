"""Batch normalisation is as accurate channels last on a CPU as it is elsewhere."""

import copy
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from yolo3 import GroundTruth, YoloLoss, YOLOv3
from yolo3.training import DetectionTask
from yolo3.training.batchnorm import AccurateBatchNorm

_BRIGHT = 3.0
"""Mean of the values in units of their standard deviation, or nearly so: what a plain sum loses digits by."""


def _channels_last(*shape: int) -> Tensor:
    values = torch.randn(shape) + _BRIGHT
    return values.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else values


def test_a_step_leaves_the_running_statistics_of_double_precision() -> None:
    """At 416 px, a batch of 16 and one thread torch's own are off by 1e-4 here, and a step later by much more."""
    images = (torch.rand(16, 3, 416, 416) * 127 + 128).byte()
    truth = GroundTruth(torch.tensor([[50.0, 60, 200, 180]]), torch.tensor([1]), torch.tensor([3]))
    task = DetectionTask(YOLOv3(3, width=0.125), YoloLoss())
    task.log_dict = lambda *_, **__: None
    exact = copy.deepcopy(task.detector).double()

    task.training_step((images, truth), 0)
    with torch.no_grad():
        exact(images.double() / 255)

    assert torch.get_num_threads() == 1
    found = [module for module in task.detector.modules() if isinstance(module, nn.BatchNorm2d)]
    expected = [module for module in exact.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(found) == len(expected) == 60
    for mine, its in zip(found, expected, strict=True):
        assert type(mine) is nn.BatchNorm2d
        assert mine.num_batches_tracked == 1
        deviation = (its.running_var - 0.9).mul(10).sqrt()  # of the batch, of which a tenth is taken
        assert ((mine.running_mean - its.running_mean).abs() / deviation).max() < 1e-5
        torch.testing.assert_close(mine.running_var.double(), its.running_var, rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(4, 5, 60, 60), (9000, 3)], ids=["images", "vectors"])
@pytest.mark.parametrize("affine", [True, False])
def test_values_gradients_and_statistics(dtype: torch.dtype, shape: tuple[int, ...], affine: bool) -> None:
    values = _channels_last(*shape).to(dtype)
    gradient = torch.randn_like(values)
    norm = (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(shape[1], affine=affine, momentum=None)
    if affine:
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias)

    found = _normalised(norm, values, gradient, AccurateBatchNorm())
    exact = _normalised(copy.deepcopy(norm).double(), values.double(), gradient.double(), nullcontext())

    digits = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}[dtype]
    for name, value in found.items():
        size = exact[name].abs().max().item()
        allowed = digits if name in ("output", "input") else 5e-6  # parameters and statistics are float32 throughout
        torch.testing.assert_close(value.double(), exact[name], rtol=0, atol=allowed * size, msg=name)
    assert found["output"].dtype == found["input"].dtype == dtype
    assert found["input"].stride() == values.stride()


def _normalised(norm: Any, values: Tensor, gradient: Tensor, mode: Any) -> dict[str, Tensor]:
    """What a module gives out, what comes back to its input and weights, and what it remembers."""
    norm = copy.deepcopy(norm)
    leaf = values.detach().requires_grad_()
    with mode:
        output = norm(leaf)
    output.backward(gradient)
    gradients = {name: parameter.grad for name, parameter in norm.named_parameters()}
    statistics = {"running_mean": norm.running_mean, "running_var": norm.running_var}
    return {"output": output.detach(), "input": leaf.grad, **gradients, **statistics}


@pytest.mark.parametrize(
    "values",
    [
        _channels_last(2, 5, 60, 60).contiguous(),
        _channels_last(2, 5, 60, 60).double(),
        _channels_last(2, 5, 30, 30),
    ],
    ids=["another layout", "float64", "few"],
)
def test_what_is_accurate_anyway_is_left_to_torch(values: Tensor) -> None:
    norm = nn.BatchNorm2d(5).to(values.dtype)
    gradient = torch.randn_like(values)

    found = _normalised(norm, values, gradient, AccurateBatchNorm())

    expected = _normalised(norm, values, gradient, nullcontext())
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_so_is_evaluation() -> None:
    norm, values = nn.BatchNorm2d(5).eval(), _channels_last(2, 5, 60, 60)
    with AccurateBatchNorm():
        found = norm(values)
    assert torch.equal(found, norm(values))


def test_a_batch_without_running_statistics() -> None:
    norm, values = nn.BatchNorm2d(5, track_running_stats=False).eval(), _channels_last(2, 5, 60, 60)
    with AccurateBatchNorm():
        found = norm(values)
    torch.testing.assert_close(found, norm.double()(values.double()).float(), rtol=0, atol=1e-5)


def test_what_is_not_finite_stays_so() -> None:
    values = _channels_last(2, 5, 60, 60)
    values[0, 3, 0, 0] = torch.nan
    norm = nn.BatchNorm2d(5)

    with AccurateBatchNorm():
        found = norm(values)

    assert found.isfinite().all(dim=(0, 2, 3)).tolist() == [True, True, True, False, True]
    assert norm.running_mean.isfinite().tolist() == [True, True, True, False, True]
