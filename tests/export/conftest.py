"""Detectors small enough to be exported in a second or two."""

from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from yolo3.boxes import Anchors
from yolo3.models import decode
from yolo3.structures import Candidates


class SmallDetector(nn.Module):
    """Two scales, a convolution with BatchNorm each."""

    num_classes: ClassVar[int] = 2
    stride: ClassVar[int] = 16
    in_channels: ClassVar[int] = 1
    anchors: ClassVar[Anchors] = Anchors((((30, 40),), ((10, 10), (20, 10))), strides=(16, 8))

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(nn.Conv2d(1, 14, 8, 8), nn.BatchNorm2d(14))
        self.coarse = nn.Sequential(nn.Conv2d(14, 7, 2, 2), nn.BatchNorm2d(7))
        for norm in (self.fine[1], self.coarse[1]):
            nn.init.uniform_(norm.running_var, 0.1, 2)
            nn.init.normal_(norm.running_mean)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(images)
        scales = (self.coarse(fine), 1), (fine, 2)
        coarse, fine = (x.unflatten(1, (num_anchors, 7)).permute(0, 1, 3, 4, 2) for x, num_anchors in scales)
        return coarse, fine

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        return decode(predictions, self.anchors)


class Changeling(SmallDetector):
    """Is another network when it is exported."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        coarse, fine = super().forward(images)
        return (coarse + 0.01 if torch.compiler.is_exporting() else coarse), fine


class OneSize(SmallDetector):
    """Takes images of its own size only."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if tuple(images.shape[2:]) != (32, 48):
            raise ValueError(f"takes 32 x 48 only, not {tuple(images.shape[2:])}")
        return super().forward(images)


class Spectral(SmallDetector):
    """Does what ONNX has no operation for."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        coarse, fine = super().forward(images)
        return coarse * torch.special.bessel_j1(coarse), fine


@pytest.fixture
def small() -> SmallDetector:
    return SmallDetector()


@pytest.fixture
def changeling() -> Changeling:
    return Changeling()


@pytest.fixture
def one_size() -> OneSize:
    return OneSize()


@pytest.fixture
def spectral() -> Spectral:
    return Spectral()
