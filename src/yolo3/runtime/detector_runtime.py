"""A detector on one device, in one number format, made to run and nothing else."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from yolo3.checks.finite import all_finite, unusable_numbers
from yolo3.models.fusing import fuse
from yolo3.protocols import Detector, as_module
from yolo3.runtime.compiling import CompiledNetwork
from yolo3.runtime.packing import pack
from yolo3.runtime.recording import RecordedNetwork
from yolo3.runtime.uploading import Upload
from yolo3.structures import Candidates

_AT_ONCE = 1 << 25
"""Largest number of predicted values that are decoded at once, 128 MB in float32; one image may have more."""


class DetectorRuntime:
    """A copy of a detector with all done to it that makes it fast without changing what it finds.

    BatchNorm is folded away, tensors are laid out channels last, convolutions are in the type that autocast would cast
    them to. On a CPU they are packed; or everything is compiled, if asked for.

    Args:
        detector: Detector to copy. It stays as it is.
        device: Device to run on.
        dtype: Number format to compute in.
        batch_size: Usual number of images per batch.
        compile: Whether to run through `CompiledNetwork`, on CUDA through `RecordedNetwork` too.

    Attributes:
        module: The copy that runs.
        network: The same with plain layers, through which gradients flow; it shares the weights.

    Raises:
        ValueError: A detector that is no ``nn.Module``, or one with weights that are not finite.
    """

    def __init__(
        self, detector: Detector, device: torch.device, dtype: torch.dtype, batch_size: int = 1, compile: bool = False
    ) -> None:
        network = as_module(detector)
        if unusable := unusable_numbers(network.state_dict().items()):
            raise ValueError(f"this {type(detector).__name__} can find nothing: {unusable}")
        self.device = device
        self.dtype = dtype
        fused = fuse(network).to(device)
        fused.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's annotations
        for module in fused.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.to(dtype)  # once, not at every batch; a BatchNorm that is left stays float32
        self.network: Any = fused
        self._upload = Upload(device)
        self._compiled = CompiledNetwork(fused, batch_size) if compile else None
        self._recorded = RecordedNetwork(self._compiled) if self._compiled and device.type == "cuda" else None
        self.module: Any = fused if compile or device.type != "cpu" else pack(fused)

    def __call__(self, images: Tensor) -> Any:
        """(B, C, H, W) images on the CPU, bytes or float32 in [0, 1] -> predictions of at least B images."""
        if self._compiled:
            images = self._compiled.filled(images)
        images = self._upload(images)
        half = self.dtype != torch.float32
        # no cache: a recording would go on using what it has dropped
        autocast = torch.autocast(self.device.type, self.dtype if half else None, enabled=half, cache_enabled=False)
        with torch.inference_mode(), autocast:
            return (self._recorded or self._compiled or self.module)(images)

    def decode_in_turn(self, predictions: Any, count: int) -> Iterator[Candidates]:
        """`decode`, a few images at a time where predictions are as large as those of a thousand classes.

        Args:
            predictions: Predictions of a batch.
            count: Number of images.
        """
        for part, number in _parts(predictions, count):
            yield self.decode(part, number)

    @torch.no_grad()  # inference mode would leave detections that the user may not change
    def decode(self, predictions: Any, count: int) -> Candidates:
        """Candidates of the first ``count`` images: the others only filled the batch up.

        Raises:
            ValueError: Boxes or scores that are not finite, which suppression would drop without a word.
        """
        seen = self.module.decode(predictions)
        candidates = Candidates(seen.boxes[:count], seen.scores[:count])
        if not all_finite(candidates.boxes, candidates.scores):
            raise ValueError(f"the network gives boxes or scores that are not finite; {self._advice()}")
        return candidates

    def _advice(self) -> str:
        """What may help against numbers that are not finite, though all weights are."""
        if self.dtype == torch.float16:
            return "float16 ends at 65,504: choose precision bf16 or fp32"
        return "its weights are finite, but so large that they overflow, or the image itself is not finite"


def _parts(predictions: Any, count: int) -> Iterator[tuple[Any, int]]:
    """Predictions of a few images each, and how many they are; all together where they are no plain batch."""
    tensors = (predictions,) if isinstance(predictions, Tensor) else predictions
    is_batch = isinstance(tensors, tuple) and all(isinstance(each, Tensor) and each.ndim for each in tensors)
    if not is_batch or len({len(each) for each in tensors}) != 1:
        yield predictions, count
        return
    step = max(1, _AT_ONCE * len(tensors[0]) // max(1, sum(each.numel() for each in tensors)))
    for start in range(0, count, step):
        end = min(start + step, count)
        part = tuple(each[start:end] for each in tensors)
        yield part[0] if isinstance(predictions, Tensor) else part, end - start
