"""Predictions that are decoded a few images at a time give the candidates of all at once."""

import pytest
import torch
from torch import nn

from yolo3.models import YOLOv1, YOLOv3
from yolo3.runtime import DetectorRuntime
from yolo3.structures import Candidates


class Named(nn.Module):
    """A detector whose predictions are neither a tensor nor a tuple of them."""

    num_classes, stride = 1, 32

    def forward(self, images):
        return {"scores": images.mean((1, 2, 3))}

    def decode(self, predictions):
        scores = predictions["scores"][:, None, None]
        return Candidates(torch.zeros(len(scores), 1, 4), scores)


def _runtime(detector: nn.Module) -> DetectorRuntime:
    return DetectorRuntime(detector.eval(), torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("most", [1, 30_000, 1 << 25])
@pytest.mark.parametrize(
    ("detector", "size"), [(YOLOv3(40, width=0.1), 64), (YOLOv1(3, grid=2, width=0.05, hidden=0), 128), (Named(), 64)]
)
def test_the_same_candidates(monkeypatch, detector, size, most):
    """A YOLOv3 of 40 classes has 3 * (4 + 16 + 64) slots of 45 numbers at 64 pixels: 11,340 per image."""
    monkeypatch.setattr("yolo3.runtime.detector_runtime._AT_ONCE", most)
    torch.manual_seed(0)
    runtime = _runtime(detector)
    predictions = runtime(torch.rand(5, 3, size, size))
    whole = runtime.decode(predictions, 4)
    parts = list(runtime.decode_in_turn(predictions, 4))
    if isinstance(detector, YOLOv3):
        assert [len(part.boxes) for part in parts] == {1: [1, 1, 1, 1], 30_000: [2, 2], 1 << 25: [4]}[most]
    if isinstance(detector, Named):
        assert len(parts) == 1
    assert torch.equal(torch.cat([part.boxes for part in parts]), whole.boxes)
    assert torch.equal(torch.cat([part.scores for part in parts]), whole.scores)
