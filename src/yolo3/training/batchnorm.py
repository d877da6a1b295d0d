"""Batch normalisation that trains on accurate statistics, on a CPU too.

In the channels-last memory format, torch's own sums each channel in float32, one number after the other: a batch of 16
images at 416 px has 2.8 million numbers per channel in its first layer, and the sum loses the digits of the small ones.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

_ROWS = 4096
"""Numbers per channel that torch sums at a time; their mean is right to about seven digits."""


class AccurateBatchNorm(TorchFunctionMode):
    """Context in which batch normalisation trains on accurate statistics where torch's own are not.

    That is on a CPU, channels last, in float32 or less; everything else is left to torch. No module changes.

    Example:
        with AccurateBatchNorm():
            predictions = detector(images)
    """

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Replace one function, and call the others."""
        return (_batch_norm if func is F.batch_norm else func)(*args, **(kwargs or {}))


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``torch.nn.functional.batch_norm`` with accurate statistics."""
    if not training or input.numel() <= _ROWS * input.shape[1] or not _is_inaccurate(input):
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    output: Tensor
    output, mean, variance = _Normalise.apply(input, weight, bias, eps)  # type: ignore[no-untyped-call]
    count = input.numel() / input.shape[1]
    if running_mean is not None:
        running_mean.lerp_(mean.to(running_mean.dtype), momentum)
    if running_var is not None:
        running_var.lerp_((variance * count / (count - 1)).to(running_var.dtype), momentum)
    return output


def _is_inaccurate(input: Tensor) -> bool:
    """Whether torch sums the channels in float32; other layouts, and float64, it sums in float64."""
    is_single = input.device.type == "cpu" and input.is_floating_point() and input.dtype != torch.float64
    return is_single and input.movedim(1, -1).is_contiguous()


class _Normalise(torch.autograd.Function):
    """Normalise by accurate statistics. The gradient is torch's own: an error in its sums is not amplified."""

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normal values, and the mean and variance of each channel, (C,) float64, which have no gradient."""
        mean, variance = _statistics(input.movedim(1, -1).reshape(-1, input.shape[1]))
        ctx.mark_non_differentiable(mean, variance)
        ctx.save_for_backward(input, weight, mean.float(), variance.float())
        ctx.eps = eps
        # with given statistics torch computes as in evaluation
        output = torch.batch_norm(input, weight, bias, mean.float(), variance.float(), False, 0.0, eps, False)
        return output, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of input, weight and bias."""
        input, weight, mean, variance = ctx.saved_tensors
        inverse = (variance + ctx.eps).rsqrt()
        wanted = list(ctx.needs_input_grad[:3])
        return *torch.ops.aten.native_batch_norm_backward(
            gradient, input, weight, mean, variance, mean, inverse, True, ctx.eps, wanted
        ), None


def _statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each column of (N, C) values, without correction, (C,) float64."""
    parts = rows.split(_ROWS)
    unused = rows.new_zeros(rows.shape[1], dtype=torch.float32)  # with it the statistics are float32 whatever the rows
    found = [torch.batch_norm_update_stats(part, unused, unused, 0.0) for part in parts]
    share = torch.tensor([len(part) for part in parts], dtype=torch.float64)[:, None] / len(rows)
    means, variances = (torch.stack(each).double() for each in zip(*found, strict=True))  # (parts, C)
    mean = (share * means).sum(0)
    return mean, (share * (variances + (means - mean).square())).sum(0)
