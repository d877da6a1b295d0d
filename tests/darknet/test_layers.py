"""Each layer against the loop that its description is."""

import math

import pytest
import torch
from torch import Tensor, nn

from yolo3.darknet.activations import ACTIVATIONS
from yolo3.darknet.heads import Prediction
from yolo3.darknet.joining_layers import Product, Route, Shortcut
from yolo3.darknet.kernels import Kernel
from yolo3.darknet.layers import Convolution, MaxPool, Softmax


@pytest.mark.parametrize(
    ("name", "below", "above"),
    [
        ("linear", -2.0, 3.0),
        ("leaky", -0.2, 3.0),
        ("relu", 0.0, 3.0),
        ("logistic", 1 / (1 + math.exp(2)), 1 / (1 + math.exp(-3))),
        ("mish", -2 * math.tanh(math.log1p(math.exp(-2))), 3 * math.tanh(math.log1p(math.exp(3)))),
        ("swish", -2 / (1 + math.exp(2)), 3 / (1 + math.exp(-3))),
    ],
)
def test_activations(name: str, below: float, above: float) -> None:
    torch.testing.assert_close(ACTIVATIONS[name]()(torch.tensor([-2.0, 3.0])), torch.tensor([below, above]))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 2)])
@pytest.mark.parametrize("padding", [None, 0])
def test_maxpool_is_the_loop(size: int, stride: tuple[int, int], padding: int | None) -> None:
    x = torch.randn(2, 3, 9, 8) - 5  # below zero: padding with zeros would show
    padding = size - 1 if padding is None else padding
    rows, columns = ((edge + padding - size) // step + 1 for edge, step in zip(x.shape[2:], stride, strict=True))
    expected = torch.empty(2, 3, rows, columns)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride[0] - padding // 2, column * stride[1] - padding // 2
            window = x[:, :, max(top, 0) : top + size, max(left, 0) : left + size]
            expected[:, :, row, column] = window.amax(dim=(2, 3))
    assert torch.equal(MaxPool(size, stride, padding)(x), expected)


def test_shortcut_adds_the_channels_that_both_have() -> None:
    x, wide, narrow = torch.randn(2, 4, 3, 3), torch.randn(2, 6, 3, 3), torch.randn(2, 2, 3, 3)
    added = Shortcut(3, "linear")(x, wide, narrow)
    expected = x + wide[:, :4]
    expected[:, :2] += narrow
    torch.testing.assert_close(added, expected)


def shortcut_by_loops(
    inputs: list[torch.Tensor], weights: list[float], columns: int, normalization: str
) -> torch.Tensor:
    """Number by number, as the C program adds them."""
    expected = torch.zeros_like(inputs[0])
    for channel in range(expected.shape[1]):
        column = channel % columns
        own = [weights[number * columns + column] for number in range(len(inputs))]
        if normalization == "relu":
            total = 1e-4 + sum(max(weight, 0) for weight in own)
            own = [max(weight, 0) / total for weight in own]
        elif normalization == "softmax":
            total = 1e-4 + sum(math.exp(weight - max(own)) for weight in own)
            own = [math.exp(weight - max(own)) / total for weight in own]
        elif normalization == "sigmoid":
            own = [2 / len(inputs) / (1 + math.exp(-weight)) for weight in own]
        for weight, given in zip(own, inputs, strict=True):
            if channel < given.shape[1]:
                expected[:, channel] += weight * given[:, channel]
    return expected


@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.parametrize("normalization", ["none", "relu", "softmax", "sigmoid"])
def test_shortcut_with_learned_weights(columns: int, normalization: str) -> None:
    shortcut = Shortcut(3, "relu", columns, normalization)
    nn.init.normal_(shortcut.weights)
    inputs = [torch.randn(2, channels, 3, 3) for channels in (4, 6, 2)]
    expected = shortcut_by_loops(inputs, shortcut.weights.tolist(), columns, normalization)
    torch.testing.assert_close(shortcut(*inputs), expected.relu())
    (shortcut(*inputs) * torch.randn(2, 4, 3, 3)).sum().backward()
    assert shortcut.weights.grad.abs().sum() > 0


def test_a_shortcut_starts_as_the_plain_sum_or_mean() -> None:
    inputs = list(torch.randn(2, 1, 3, 2, 2).unbind(0))
    torch.testing.assert_close(Shortcut(2, "linear", 1)(*inputs), inputs[0] + inputs[1])
    torch.testing.assert_close(Shortcut(2, "linear", 1, "sigmoid")(*inputs), (inputs[0] + inputs[1]) / 2)


def test_route_takes_one_group_of_each() -> None:
    a, b = torch.randn(1, 4, 2, 2), torch.randn(1, 6, 2, 2)
    assert torch.equal(Route(1, 0)(a, b), torch.cat([a, b], dim=1))
    assert torch.equal(Route(2, 1)(a, b), torch.cat([a[:, 2:], b[:, 3:]], dim=1))
    assert torch.equal(Route(2, 0)(a), a[:, :2])


def test_scale_channels() -> None:
    scales, x = torch.randn(2, 3, 1, 1), torch.randn(2, 3, 4, 5)
    expected = torch.stack([torch.stack([x[i, c] * scales[i, c, 0, 0] for c in range(3)]) for i in range(2)])
    assert torch.equal(Product("linear")(scales, x), expected)


def test_softmax_of_groups_over_the_whole_map() -> None:
    x = torch.randn(2, 4, 1, 3)
    out = Softmax(2, temperature=2.0)(x)
    torch.testing.assert_close(out[:, :2].flatten(1), (x[:, :2].flatten(1) / 2).softmax(dim=1))
    torch.testing.assert_close(out.sum(dim=(1, 2, 3)), torch.tensor([2.0, 2.0]))


def test_mixed_convolution_joins_its_kernels() -> None:
    kernels = (Kernel(3, 1, 4), Kernel(5, 2, 4))
    layer = Convolution(4, kernels, (2, 1), 2, "linear", batch_normalize=False, bn_eps=1e-5)
    x = torch.randn(2, 4, 8, 8)
    small, large = layer.convs
    assert torch.equal(layer(x), torch.cat([small(x), large(x)], dim=1))
    assert layer(x).shape == (2, 8, 4, 8)
    assert small.groups == large.groups == 2
    assert layer.normalization is None


def test_convolution_with_and_without_normalisation() -> None:
    kernels = (Kernel(3, 1, 4),)
    with_norm = Convolution(3, kernels, (1, 1), 1, "leaky", batch_normalize=True, bn_eps=1e-3)
    assert with_norm.normalization.eps == 1e-3
    assert with_norm.convs[0].bias is None
    assert with_norm.shift is with_norm.normalization.bias
    without = Convolution(3, kernels, (1, 1), 1, "leaky", batch_normalize=False, bn_eps=1e-3)
    assert without.shift is without.convs[0].bias
    x = torch.randn(1, 3, 5, 5)
    torch.testing.assert_close(without(x), nn.functional.leaky_relu(without.convs[0](x), 0.1))


def test_prediction_is_a_view_by_anchors() -> None:
    x: Tensor = torch.arange(2 * 7 * 3 * 4).view(1, 14, 3, 4).float()
    logits = Prediction(2)(x)
    assert logits.shape == (1, 2, 3, 4, 7)
    assert logits[0, 1, 2, 3, 4] == x[0, 7 + 4, 2, 3]
