"""A detector small enough to be exported in a second or two, and the files of it."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from yolo3.boxes import Anchors
from yolo3.checkpoint import ModelCard
from yolo3.export import export_onnx
from yolo3.export.sealing import write_sealed
from yolo3.models import decode
from yolo3.structures import Candidates
from yolo3.suppression import Suppression

CARD = ModelCard(("cat", "dog"), image_size=(64, 96), letterbox="stretch", category_ids=(17, 18))


class SmallDetector(nn.Module):
    """One scale, one convolution."""

    num_classes: ClassVar[int] = 2
    stride: ClassVar[int] = 16
    anchors: ClassVar[Anchors] = Anchors((((30, 40), (12, 8)),), strides=(16,))

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 14, 16, 16)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (self.conv(images).unflatten(1, (2, 7)).permute(0, 1, 3, 4, 2) * 2,)

    def decode(self, predictions: tuple[Tensor]) -> Candidates:
        return decode(predictions, self.anchors)


@pytest.fixture(scope="session")
def small() -> SmallDetector:
    torch.manual_seed(0)
    return SmallDetector().eval()


@pytest.fixture(scope="session")
def exported(small: SmallDetector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with decoded.onnx and detections.onnx; and fixed.onnx, which takes 64 x 96 only."""
    folder = tmp_path_factory.mktemp("exported")
    for kind in ("decoded", "detections"):
        export_onnx(small, folder / f"{kind}.onnx", CARD, kind, suppression=Suppression(0.3))
    model = onnx.load(folder / "decoded.onnx")
    _, _, height, width = model.graph.input[0].type.tensor_type.shape.dim
    height.dim_value, width.dim_value = CARD.image_size
    write_sealed(model, folder / "fixed.onnx")
    return folder


@pytest.fixture
def images() -> list[np.ndarray]:
    dice = np.random.default_rng(0)
    return [dice.integers(0, 256, (50 + 20 * number, 90, 3), dtype=np.uint8) for number in range(3)]
