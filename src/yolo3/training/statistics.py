"""Running statistics of batch normalisation, estimated anew for the EMA weights (PreciseBN)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from yolo3.training.batchnorm import AccurateBatchNorm


@torch.no_grad()
def estimate_statistics(averaged: nn.Module, trained: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the running statistics of a network with EMA weights by the mean of those of some batches.

    Running statistics lag behind the training, and their EMA lags once more: in the first hundred steps they belong to
    other weights. Dropout is off, as it is when the statistics are used.

    Args:
        averaged: Network with EMA weights, whose statistics are replaced; it is left in evaluation mode.
        trained: Network in training. A normalisation that is in evaluation mode there, as in a frozen backbone, keeps
            its statistics.
        batches: (B, 3, H, W) in [0, 1], on the device of ``averaged``, in its layout.

    Source:
        arXiv 2105.07576 §3, "PreciseBN"; ``torch.optim.swa_utils.update_bn``.
    """
    averaged.eval()
    modes = {name: module.training for name, module in trained.named_modules()}
    momenta = {
        module: module.momentum
        for name, module in averaged.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None and modes[name]
    }
    if not momenta:
        return
    for norm in momenta:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
    with AccurateBatchNorm():
        for images in batches:
            averaged(images)
    for norm, momentum in momenta.items():
        norm.momentum = momentum
        norm.eval()
