"""A detector whose prediction at every slot is chosen by the test."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from yolo3 import Anchors, Candidates, Predictor
from yolo3.data import Sample
from yolo3.models.decoding import decode

_SIZE = 64
_NAMES = ("cat", "dog", "cow")


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


class Told(nn.Module):
    """Predicts what it was told: nothing anywhere, but at the slots of `put`."""

    num_classes = 3
    stride = 32
    anchors = Anchors((((32, 32), (64, 32)), ((8, 8), (16, 16), (8, 24))), (32, 16))

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.coarse = nn.Buffer(torch.full((2, 2, 2, 8), -8.0))
        self.fine = nn.Buffer(torch.full((3, 4, 4, 8), -8.0))

    def put(
        self,
        box: Sequence[float],
        objectness: float,
        classes: Sequence[float],
        scale: int = 0,
        anchor: int = 0,
    ) -> None:
        """Have the slot of a box's centre predict (cx, cy, w, h) pixels with some objectness and class probabilities.

        The inverse of decoding by hand: σ(tx) is the place in the cell, exp(tw) the width in anchors.
        """
        x, y, width, height = box
        stride = self.anchors.strides[scale]
        across, down = self.anchors.sizes[scale][anchor]
        column, row = int(x // stride), int(y // stride)
        logits = [_logit(objectness), _logit(x / stride - column), _logit(y / stride - row)]
        logits += [math.log(width / across), math.log(height / down), *map(_logit, classes)]
        (self.coarse, self.fine)[scale][anchor, row, column] = torch.tensor(logits)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(logits.expand(len(images), -1, -1, -1, -1) * self.scale for logits in (self.coarse, self.fine))

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        return decode(predictions, self.anchors)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def predictor_of() -> Callable[..., Predictor]:
    """Gives the predictor of a detector, in float32 and with an input of 64 pixels."""

    def make(detector: nn.Module, **settings) -> Predictor:
        names = _NAMES if detector.num_classes == 3 else ()
        return Predictor(detector, names, **{"image_size": _SIZE, "precision": "fp32", **settings})

    return make


@pytest.fixture
def image() -> np.ndarray:
    """An image as large as the network input: both have the same pixels."""
    return np.random.default_rng(0).integers(0, 255, (_SIZE, _SIZE, 3), dtype=np.uint8)


@pytest.fixture
def truth() -> Callable[..., Sample]:
    """Makes the labelled objects of an image from (class, left, top, right, bottom) pixels."""

    def make(*objects: tuple[float, ...], size: tuple[int, int] = (_SIZE, _SIZE)) -> Sample:
        count = len(objects)
        return Sample(
            Path("image.png"),
            np.array([each[1:] for each in objects], dtype=np.float32).reshape(-1, 4),
            np.array([each[0] for each in objects], dtype=np.int64),
            np.zeros(count, dtype=bool),
            np.zeros(count, dtype=bool),
            np.ones(count, dtype=np.float32),
            size,
        )

    return make
