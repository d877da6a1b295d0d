"""LayerCAM by hand, and where it looks for its features."""

import torch
from torch import nn

from yolo3 import Anchors, Candidates
from yolo3.explain import explain_prediction, layer_cam
from yolo3.models.decoding import decode


class Small(nn.Module):
    """Features relu(x), relu(-x) of the first channel; the target adds them up with chosen weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.conv.weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.relu(self.conv(x))
        return features, self.pool(features)


def test_by_hand() -> None:
    """Weights 2 and -1: only the first channel speaks for the target, so the map is 2·relu(x)."""
    x = torch.tensor([[1.0, -3], [0.5, 2]]).view(1, 1, 2, 2)
    weights = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1)
    network = Small()
    fine, coarse, none = layer_cam(network, x, lambda output: (weights * output[0]).sum(), [(2, 2), (1, 1), (7, 7)])
    assert fine.tolist() == [[2, 0], [1, 4]]
    assert coarse.tolist() == [[0]]  # the target does not depend on it
    assert none.tolist() == [[0] * 7] * 7  # there are no such features
    (coarse,) = layer_cam(network, x, lambda output: (weights * output[1]).sum(), [(1, 1)])
    assert coarse.tolist() == [[4]]  # 2 · max relu(x)


def test_the_network_is_left_as_it_was() -> None:
    network = Small()
    network.requires_grad_(False)
    layer_cam(network, torch.ones(1, 1, 2, 2), lambda output: output[0].sum(), [(2, 2)])
    assert not any(module._forward_hooks for module in network.modules())
    assert network.conv.weight.grad is None


class Redness(nn.Module):
    """Every cell of 16 pixels is an object to the degree in which it is red; nothing else counts."""

    num_classes = 1
    stride = 16
    anchors = Anchors((((16, 16),),), (16,))

    def __init__(self) -> None:
        super().__init__()
        self.red = nn.Conv2d(3, 1, 1, bias=False)
        self.red.weight.data = torch.tensor([4.0, -4, 0]).view(1, 3, 1, 1)
        self.relu = nn.ReLU()
        self.pool = nn.AvgPool2d(16)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        redness = self.pool(self.relu(self.red(images)))  # (B, 1, S, S)
        zeros = torch.zeros_like(redness)
        return (torch.stack([redness, zeros, zeros, zeros, zeros, zeros], dim=-1),)

    def decode(self, predictions: tuple[torch.Tensor, ...]) -> Candidates:
        return decode(predictions, self.anchors)


def test_it_is_high_where_the_evidence_is(predictor_of) -> None:
    image = torch.full((3, 64, 64), 0.5)
    image[0, 32:48, 16:32] = 1
    (scale,) = explain_prediction(predictor_of(Redness()), image).scales
    expected = torch.zeros(4, 4)
    expected[2, 1] = 1
    assert scale.cam.tolist() == expected.tolist()
