"""A network that has learned the drawings it is measured on, in some seconds."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from yolo3 import Anchors, CNNBlock, TargetEncoder, YoloDataset, YoloLoss
from yolo3.checkpoint import ModelCard
from yolo3.data import SampleSet, open_dataset
from yolo3.data.shapes import SHAPES, write_shapes
from yolo3.models import decode
from yolo3.structures import Candidates

_SIZE = (64, 64)
_STEPS = 80


class Small(nn.Module):
    """Five convolutions and a head of one scale."""

    num_classes: ClassVar[int] = len(SHAPES)
    stride: ClassVar[int] = 8
    anchors: ClassVar[Anchors] = Anchors((((14, 14), (22, 22), (34, 34)),), strides=(8,))

    def __init__(self) -> None:
        super().__init__()
        widths = ((3, 16, 1), (16, 32, 2), (32, 64, 2), (64, 64, 2), (64, 64, 1))
        self.trunk = nn.Sequential(
            *(CNNBlock(inner, outer, kernel_size=3, stride=stride, padding=1) for inner, outer, stride in widths)
        )
        self.head = nn.Conv2d(64, 3 * (5 + self.num_classes), 1)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        logits = self.head(self.trunk(images))
        return (logits.unflatten(1, (3, 5 + self.num_classes)).permute(0, 1, 3, 4, 2),)

    def decode(self, predictions: tuple[Tensor]) -> Candidates:
        return decode(predictions, self.anchors)


@dataclass(frozen=True)
class Trained:
    """A trained network and drawings."""

    detector: Small
    card: ModelCard
    data: Path
    """Folder of the drawings: ``test`` has those that it learned, ``train`` has others."""
    samples: SampleSet
    """Drawings that it learned."""
    others: list[Path]
    """Drawings that it has never seen."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    data = tmp_path_factory.mktemp("int8") / "shapes"
    write_shapes(data, 40, 16, _SIZE)
    samples = open_dataset(data, "test")
    others = open_dataset(data, "train")
    torch.manual_seed(0)
    network = Small()
    criterion = YoloLoss(anchors=network.anchors)
    dataset = YoloDataset(samples, encoder=TargetEncoder(network.anchors, _SIZE))
    images = torch.stack([dataset[index][0] for index in range(len(dataset))])
    targets = [torch.stack([dataset[index][1][0] for index in range(len(dataset))])]
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(_STEPS):
        loss = criterion(network(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    paths = [others.path(index) for index in range(len(others))]
    return Trained(network.eval(), ModelCard(SHAPES, _SIZE), data, samples, paths)
