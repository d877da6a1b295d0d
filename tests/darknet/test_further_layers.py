"""Layers of later cfgs, each against a slow version; figures of the C programs for some of them are in `test_heads`."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.darknet import Darknet, DarknetError, load_darknet_weights, save_darknet_weights
from yolo3.darknet.activations import ACTIVATIONS
from yolo3.darknet.joining_layers import Implicit, Product, Shortcut
from yolo3.darknet.kernels import split_filters
from yolo3.darknet.layers import LocalAvgPool, Reorg, SpaceToDepth

START = "[net]\nwidth=16\nheight=8\nchannels=3\n"
CONVOLUTION = "\n[convolutional]\nfilters={}\nsize=1\nstride={}\nactivation={}\n"
YOLO = "\n[yolo]\nmask=0\nanchors=4,4\nclasses=1\nnum=1\n"
HEAD = CONVOLUTION.format(6, 1, "linear") + YOLO


def built(*sections: str, **options: str) -> Darknet:
    """A network with some sections between its first convolution and its head, with random weights."""
    torch.manual_seed(0)
    network = Darknet(START + CONVOLUTION.format(8, 1, "leaky") + "\n".join(sections) + HEAD, **options)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.5)
    return network.eval()


@torch.no_grad()
def output(network: Darknet, number: int, images: Tensor) -> Tensor:
    """What a layer gives."""
    found: list[Tensor] = []
    handle = network.layers[number].register_forward_hook(lambda module, given, result: found.append(result))
    network(images)
    handle.remove()
    return found[0]


def image() -> Tensor:
    torch.manual_seed(1)
    return torch.rand(2, 3, 8, 16)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("silu", lambda x: x * x.sigmoid()),
        ("swish", lambda x: x * x.sigmoid()),
        ("relu6", lambda x: x.clamp(0, 6)),
        ("hard_mish", lambda x: torch.where(x > 0, x, torch.where(x > -2, x * x / 2 + x, 0.0))),
        ("hardmish", lambda x: torch.where(x > 0, x, torch.where(x > -2, x * x / 2 + x, 0.0))),
    ],
)
def test_activations(name: str, formula: Callable[[Tensor], Tensor]) -> None:
    x = torch.linspace(-9, 9, 181)
    torch.testing.assert_close(ACTIVATIONS[name]()(x), formula(x))
    network = built(CONVOLUTION.format(4, 1, name))
    before = functional.conv2d(output(network, 0, image()), network.layers[1].convs[0].weight, network.layers[1].shift)
    torch.testing.assert_close(output(network, 1, image()), formula(before))


def test_reorg3d_takes_offset_after_offset() -> None:
    x = torch.randn(2, 3, 4, 6)
    expected = torch.empty(2, 12, 2, 3)
    for channel, row, column in product(range(12), range(2), range(3)):
        down, right = divmod(channel // 3, 2)
        expected[:, channel, row, column] = x[:, channel % 3, 2 * row + down, 2 * column + right]
    assert torch.equal(SpaceToDepth(2)(x), expected)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_reorg_takes_the_map_for_one_of_another_shape(stride: int) -> None:
    """The index arithmetic of the C program, on flat memory."""
    channels, height, width = stride**2 * 2, stride * 4, stride * 6
    x = torch.randn(1, channels, height, width)
    flat = x.flatten()
    expected = torch.empty_like(flat)
    fewer = channels // stride**2
    for k, j, i in product(range(channels), range(height), range(width)):
        offset, channel = divmod(k, fewer)
        source_column = i * stride + offset % stride
        source_row = j * stride + offset // stride
        source = source_column + width * stride * (source_row + height * stride * channel)
        expected[i + width * (j + height * k)] = flat[source]
    shape = (1, channels * stride**2, height // stride, width // stride)
    assert torch.equal(Reorg(stride)(x), expected.view(shape))


def test_sam_is_a_product() -> None:
    network = built(CONVOLUTION.format(8, 1, "logistic"), "[sam]\nfrom=0\n")
    torch.testing.assert_close(
        output(network, 2, image()), output(network, 0, image()) * output(network, 1, image()), rtol=0, atol=0
    )


@pytest.mark.parametrize(
    ("sections", "formula"),
    [
        ("[implicit_add]\nfilters=8\n[route]\nlayers=0\n[shift_channels]\nfrom=1\n", torch.add),
        ("[implicit_mul]\nfilters=8\n[route]\nlayers=0\n[control_channels]\nfrom=1\n", torch.mul),
        ("[implicit_add]\nfilters=8\n[route]\nlayers=0\n[shortcut]\nfrom=1\nactivation=linear\n", torch.add),
        ("[implicit_mul]\nfilters=8\n[route]\nlayers=0\n[scale_channels]\nfrom=1\n", torch.mul),
    ],
    ids=["shift_channels", "control_channels", "shortcut", "scale_channels"],
)
def test_learned_vectors(sections: str, formula: Callable[[Tensor, Tensor], Tensor], tmp_path: Path) -> None:
    network = built(sections)
    implicit = network.layers[1]
    assert isinstance(implicit, Implicit)
    x = output(network, 0, image())
    expected = torch.stack([formula(x[:, channel], implicit.weights[channel]) for channel in range(8)], dim=1)
    torch.testing.assert_close(output(network, 3, image()), expected)
    save_darknet_weights(network, tmp_path / "w")
    floats = torch.frombuffer(bytearray((tmp_path / "w").read_bytes()[20:]), dtype=torch.float32)
    assert torch.equal(floats[8 + 24 : 8 + 24 + 8], implicit.weights)  # after the first convolution
    again = built(sections)
    load_darknet_weights(again, tmp_path / "w")
    assert torch.equal(output(again, 3, image()), output(network, 3, image()))


def test_a_learned_vector_on_a_prediction_is_in_the_order_of_the_prediction(tmp_path: Path) -> None:
    """YOLOR's heads: in the file the vector, as the convolution, has x, y, w, h before the objectness."""
    first = START + CONVOLUTION.format(8, 1, "leaky") + "[implicit_mul]\nfilters=6\n[route]\nlayers=0\n"
    text = first + CONVOLUTION.format(6, 1, "linear") + "[control_channels]\nfrom=1\n" + YOLO
    network = Darknet(text).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.5)
    save_darknet_weights(network, tmp_path / "w")
    floats = torch.frombuffer(bytearray((tmp_path / "w").read_bytes()[20:]), dtype=torch.float32)
    vector, bias, weight = floats[32:38], floats[38:44], floats[44:]
    raw = functional.conv2d(output(network, 0, image()), weight.view(6, 8, 1, 1), bias) * vector.view(1, 6, 1, 1)
    with torch.no_grad():
        (prediction,) = network(image())
    torch.testing.assert_close(prediction[:, 0], raw[:, [4, 0, 1, 2, 3, 5]].permute(0, 2, 3, 1))


def test_batchnorm() -> None:
    network = built("[batchnorm]\n")
    norm = network.layers[1]
    assert isinstance(norm, nn.BatchNorm2d)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    x = output(network, 0, image())
    expected = torch.empty_like(x)
    for channel in range(8):
        scaled = (x[:, channel] - norm.running_mean[channel]) / (norm.running_var[channel] + 1e-5) ** 0.5
        expected[:, channel] = scaled * norm.weight[channel] + norm.bias[channel]
    torch.testing.assert_close(output(network, 1, image()), expected, rtol=1e-5, atol=1e-5)


def test_dilation() -> None:
    section = CONVOLUTION.format(2, 1, "linear").replace("size=1", "size=3\npad=1\ndilation=2")
    network = built(section)
    x = output(network, 0, image())
    padded = functional.pad(x, (2, 2, 2, 2))
    weight = network.layers[1].convs[0].weight
    expected = network.layers[1].shift.detach().view(1, 2, 1, 1).expand(2, 2, 8, 16).clone()
    for row, column in product(range(3), range(3)):
        part = padded[:, :, 2 * row : 2 * row + 8, 2 * column : 2 * column + 16]
        expected += torch.einsum("bchw,oc->bohw", part, weight[:, :, row, column].detach())
    torch.testing.assert_close(output(network, 1, image()), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(DarknetError, match="dilation=2 needs an odd size and pad=1"):
        built(section.replace("pad=1\n", ""))


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 1), (3, 1, 2), (3, 2, 1)])
def test_local_avgpool_leaves_the_padding_out(size: int, stride: int, padding: int) -> None:
    x = torch.randn(2, 3, 7, 8)
    found = LocalAvgPool(size, (stride, stride), padding)(x)
    rows, columns = ((edge + padding - size) // stride + 1 for edge in (7, 8))
    expected = torch.empty(2, 3, rows, columns)
    for row, column in product(range(rows), range(columns)):
        top, left = row * stride - padding // 2, column * stride - padding // 2
        window = x[:, :, max(0, top) : top + size, max(0, left) : left + size]
        expected[:, :, row, column] = window.mean(dim=(2, 3))
    torch.testing.assert_close(found, expected)


def test_a_shortcut_to_a_larger_map_takes_every_second_pixel() -> None:
    network = built(CONVOLUTION.format(8, 2, "leaky"), "[shortcut]\nfrom=0\nactivation=linear\n")
    expected = output(network, 1, image()) + output(network, 0, image())[:, :, ::2, ::2]
    torch.testing.assert_close(output(network, 2, image()), expected)


def test_products_have_an_activation() -> None:
    x, other = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 1, 1)
    torch.testing.assert_close(Product("logistic")(x, other), (x * other).sigmoid())


# ---- mixed convolutions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "sizes", "split", "expected"),
    [
        (64, (3, 5, 7), "channels", (22, 21, 21)),
        (8, (3, 5), "channels", (4, 4)),
        (5, (1, 3, 5), "channels", (2, 2, 1)),
        (64, (3, 5), "parameters", (47, 17)),
        (64, (3, 5, 7), "parameters", (41, 15, 8)),
        (7, (3,), "parameters", (7,)),
        (2, (3, 5, 7), "parameters", None),  # 1.28, 0.46 and 0.24: rounded to 1
    ],
)
def test_filters_are_divided_among_kernels(
    filters: int, sizes: tuple[int, ...], split: str, expected: tuple[int, ...] | None
) -> None:
    assert split_filters(filters, sizes, split) == expected
    if split == "channels":
        owners = [number * len(sizes) // filters for number in range(filters)]  # filter f of F: ⌊f·k / F⌋
        assert expected == tuple(owners.count(kernel) for kernel in range(len(sizes)))


MIXED = "\n[convolutional]\nbatch_normalize=1\nfilters={}\nsize={}\npad=1\nactivation=leaky\n"


@pytest.mark.parametrize(("split", "shares"), [("channels", (22, 21, 21)), ("parameters", (41, 15, 8))])
def test_a_mixed_convolution(split: str, shares: tuple[int, ...], tmp_path: Path) -> None:
    network = built(MIXED.format(64, "3,5,7"), mixed=split)
    layer = network.layers[1]
    assert tuple(conv.out_channels for conv in layer.convs) == shares
    save_darknet_weights(network, tmp_path / "w")
    floats = torch.frombuffer(bytearray((tmp_path / "w").read_bytes()[20:]), dtype=torch.float32)[8 + 24 :]
    shift, scale, mean, variance = floats[:256].split(64)
    weights = floats[256:]
    x = output(network, 0, image())
    parts = []
    for size, share in zip((3, 5, 7), shares, strict=True):
        own, weights = weights[: share * 8 * size**2], weights[share * 8 * size**2 :]
        parts.append(functional.conv2d(x, own.view(share, 8, size, size), padding=size // 2))
    columns = [values.view(1, 64, 1, 1) for values in (shift, scale, mean, variance + 1e-5)]
    expected = (torch.cat(parts, dim=1) - columns[2]) / columns[3].sqrt() * columns[1] + columns[0]
    torch.testing.assert_close(output(network, 1, image()), functional.leaky_relu(expected, 0.1), rtol=1e-4, atol=1e-4)
    save_checkpoint(tmp_path / "checkpoint", network, ModelCard(image_size=(8, 16)))
    again, _ = load_checkpoint(tmp_path / "checkpoint")
    assert isinstance(again, Darknet)
    assert again.mixed == split
    assert torch.equal(output(again.eval(), 1, image()), output(network, 1, image()))


def test_filters_that_cannot_be_divided() -> None:
    with pytest.raises(DarknetError, match="filters=2 cannot be divided among size=3,5,7 with equal parameters"):
        built(MIXED.format(2, "3,5,7"), mixed="parameters")
    with pytest.raises(DarknetError, match="filters=2 cannot be divided among size=3,5,7 with equal channels"):
        built(MIXED.format(2, "3,5,7"))
    with pytest.raises(DarknetError, match="unknown mixed 'kernels'; choose channels or parameters"):
        built(mixed="kernels")


# ---- dropout before a head, and what does not fit -------------------------------------------------------------------


def test_dropout_before_a_head_leaves_the_start_of_its_biases() -> None:
    torch.manual_seed(0)
    text = START + CONVOLUTION.format(6, 1, "linear") + "[dropout]\nprobability=.5\n" + YOLO
    network = Darknet(text)
    torch.manual_seed(0)
    plain = Darknet(START + CONVOLUTION.format(6, 1, "linear") + YOLO)
    assert torch.equal(network.layers[0].shift, plain.layers[0].shift)
    assert network.layers[0].shift[0] < -4
    assert network.prediction_channels == plain.prediction_channels
    image_ = image()
    with torch.no_grad():
        assert torch.equal(network.eval()(image_)[0], plain.eval()(image_)[0])
        assert not torch.equal(network.train()(image_)[0], plain(image_)[0])


@pytest.mark.parametrize(
    ("sections", "complaint"),
    [
        ("[sam]\nfrom=-1,0\n", "from=-1,0 must be one layer"),
        (
            CONVOLUTION.format(4, 1, "leaky") + "[sam]\nfrom=0\n",
            "from=0 multiplies 16 x 8 x 4 by 16 x 8 x 8 of layer 0; they must have one shape",
        ),
        ("[reorg]\nstride=3\n", "stride=3 needs channels that are a multiple of 9, not 8"),
        (CONVOLUTION.format(9, 1, "leaky") + "[reorg]\nstride=3\n", "stride=3 does not divide 16 x 8 x 9"),
        ("[reorg]\nstride=2\nreverse=1\n", "reverse=1 is not supported; only 0 is"),
        ("[implicit_add]\nfilters=7\n[route]\nlayers=0\n[shift_channels]\nfrom=1\n", "from=1 is 1 x 1 x 7 of layer 1"),
        ("[control_channels]\nfrom=0\n", "from=0 is 16 x 8 x 8 of layer 0; it needs 1 x 1 x 8"),
        ("[scale_channels]\nfrom=0\nscale_wh=1\n", "scale_wh=1 is not supported"),
        ("[conv_lstm]\n", r"\[conv_lstm\] makes a recurrent network, whose output depends on the images before"),
        ("[deconvolutional]\n", r"\[deconvolutional\] is a transposed convolution; it is not supported"),
        (CONVOLUTION.format(4, 1, "leaky") + "antialiasing=1\n", "antialiasing=1 is not supported; only 0 is"),
    ],
)
def test_layers_that_do_not_fit(sections: str, complaint: str) -> None:
    with pytest.raises(DarknetError, match=complaint):
        built(sections)


@pytest.mark.parametrize(
    "key",
    "stream wait_stream truth dontsave numload train_only_bn grad_centr smooth".split(),
)
def test_keys_without_effect(key: str) -> None:
    text = START + CONVOLUTION.format(6, 1, "linear") + "{}" + YOLO
    assert Darknet(text.format(f"{key}=1\n")).plan[0].floats == Darknet(text.format("")).plan[0].floats


@pytest.mark.parametrize(
    "line", ["input_calibration=0,15.8", "max_epochs=9", "contrastive=1", "attention=1", "unsupervised=1"]
)
def test_keys_of_the_trainer(line: str) -> None:
    assert Darknet(START + line + HEAD).num_classes == 1


# ---- in other hands -------------------------------------------------------------------------------------------------


def test_every_layer_has_a_gradient() -> None:
    network = built(
        "[implicit_add]\nfilters=8\n[route]\nlayers=0\n[shift_channels]\nfrom=1\n",
        "[reorg]\nstride=2\n[reorg3d]\nstride=2\n[batchnorm]\n[local_avgpool]\nsize=2\nstride=1\n",
        "[upsample]\nstride=4\n",
        CONVOLUTION.format(8, 1, "silu"),
        "[sam]\nfrom=0\n",
    )
    network.train()(image())[0].square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_shortcut_factors_of_both_spellings() -> None:
    text = "[shortcut]\nfrom=-2\nweights_type={}\n{}={}\nactivation=linear\n"
    for kind, columns in (("per_feature", 1), ("per_layer", 1), ("per_channel", 8)):
        for key, normalization in product(
            ("weights_normalization", "weights_normalizion"), ("none", "relu", "softmax")
        ):
            network = built(CONVOLUTION.format(8, 1, "leaky"), text.format(kind, key, normalization))
            shortcut = network.layers[2]
            assert isinstance(shortcut, Shortcut)
            raw = shortcut.weights.detach().view(2, columns)
            slow = {"none": raw, "relu": raw.relu() / (raw.relu().sum(0) + 1e-4)}
            shifted = (raw - raw.amax(0)).exp()
            slow["softmax"] = shifted / (shifted.sum(0) + 1e-4)
            factors = slow[normalization].view(2, 1, columns, 1, 1)
            expected = factors[0] * output(network, 1, image()) + factors[1] * output(network, 0, image())
            torch.testing.assert_close(output(network, 2, image()), expected)


def test_reorg_is_exported_and_runs_at_other_sizes() -> None:
    network = built("[reorg]\nstride=2\n", "[upsample]\nstride=2\n")
    with torch.no_grad():
        (prediction,) = network(torch.rand(1, 3, 12, 20))
    assert prediction.shape == (1, 1, 12, 20, 6)
    exported = torch.export.export(network, (image(),)).module()
    torch.testing.assert_close(exported(image())[0], network(image())[0])
