import copy
import pickle
import re

import pytest
import torch

from yolo3 import GroundTruth, YoloLoss
from yolo3.darknet import Darknet, DarknetError
from yolo3.darknet.heads import PredictionChannels
from yolo3.protocols import Detector


def test_what_a_network_says_of_itself(small_cfg: str) -> None:
    network = Darknet(small_cfg)
    assert isinstance(network, Detector)
    assert network.anchors.sizes == (((20, 14), (30, 40)), ((4, 5), (8, 6)))
    assert network.anchors.strides == (8, 4)
    assert network.anchors.xy_scales == (1.1, 1.0)
    assert (network.num_classes, network.stride, network.in_channels) == (2, 8, 3)
    assert network.image_size == (32, 64)
    assert network.cfg_text == small_cfg
    assert network.prediction_channels == {13: PredictionChannels(2, 2), 18: PredictionChannels(2, 2)}


def test_predictions_are_alike_in_training_and_evaluation(small_cfg: str) -> None:
    network, images = Darknet(small_cfg), torch.rand(2, 3, 32, 64)
    shapes = [(2, 2, 4, 8, 7), (2, 2, 8, 16, 7)]
    assert [tuple(scale.shape) for scale in network(images)] == shapes
    assert [tuple(scale.shape) for scale in network.eval()(images)] == shapes
    candidates = network.decode(network(images))
    assert candidates.boxes.shape == (2, 2 * (32 + 128), 4)
    assert candidates.scores.shape == (2, 2 * (32 + 128), 2)


def test_other_image_sizes(small_cfg: str) -> None:
    network = Darknet(small_cfg).eval()
    assert network(torch.rand(1, 3, 64, 40))[0].shape == (1, 2, 8, 5, 7)
    with pytest.raises(ValueError, match="image size 36 x 64 is not a multiple of 8; try 32 x 64"):
        network(torch.rand(1, 3, 36, 64))


def test_the_plan_tells_the_truth_about_shapes(small_cfg: str) -> None:
    network = Darknet(small_cfg).eval()
    found = {}
    for layer, module in zip(network.plan, network.layers, strict=True):
        module.register_forward_hook(lambda _, __, out, number=layer.number: found.__setitem__(number, out.shape))
    network(torch.rand(1, 3, *network.image_size))
    for layer in network.plan:
        if layer.head is None:
            assert found[layer.number] == (1, *layer.output[:3]), layer.number


def test_a_new_network_believes_in_background(small_cfg: str) -> None:
    network = Darknet(small_cfg).eval()
    scores = network.decode(network(torch.rand(1, 3, 32, 64))).scores
    assert 0 < scores.max() < 0.1


def test_the_prior_is_that_of_the_normalisation_where_there_is_one(small_cfg: str) -> None:
    """Some later networks normalise their predictions too."""
    text = small_cfg.replace("filters=14", "filters=14\nbatch_normalize=1")
    network = Darknet(text)
    bias = network.layers[13].normalization.bias.view(2, 7)
    torch.testing.assert_close(bias[:, 0], torch.full((2,), -4.5))
    assert (bias[:, 1:5] == 0).all()


def test_it_learns(small_cfg: str) -> None:
    network = Darknet(small_cfg)
    criterion = YoloLoss(anchors=network.anchors)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    images = torch.rand(2, 3, 32, 64)
    truth = GroundTruth.collate([(torch.tensor([[4.0, 4, 28, 20], [40, 10, 48, 16]]), torch.tensor([0, 1]))] * 2)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = criterion(network(images), truth)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name


def test_copies_and_pickles(small_cfg: str) -> None:
    network, images = Darknet(small_cfg).eval(), torch.rand(1, 3, 32, 64)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert all(torch.equal(a, b) for a, b in zip(network(images), twin(images), strict=True))
    again = Darknet(network.cfg_text).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(images)[1], network(images)[1])


def test_heads_of_equal_stride_keep_their_order() -> None:
    head = "[conv]\nfilters=6\nactivation=linear\n[yolo]\nclasses=1\nnum=1\nanchors={},{}\n"
    body = "[net]\nwidth=8\nheight=8\n[conv]\nfilters=4\nstride=2\nsize=3\npad=1\n"
    text = body + head.format(1, 1) + "[route]\nlayers=0\n" + head.format(2, 2)
    text += (
        "[route]\nlayers=0\n[max]\nsize=2\nstride=2\n" + head.format(3, 3) + "[route]\nlayers=0\n" + head.format(4, 4)
    )
    anchors = Darknet(text).anchors
    assert anchors.strides == (4, 2, 2, 2)
    assert anchors.sizes == (((3, 3),), ((1, 1),), ((2, 2),), ((4, 4),))


def test_a_softmax_inside_a_network(small_cfg: str) -> None:
    network = Darknet(
        small_cfg.replace("[dropout]", "[softmax]\ngroups=4\n[dropout]").replace("layers=-4", "layers=-5")
    )
    assert network.eval()(torch.rand(1, 3, 32, 64))[0].isfinite().all()


def test_epsilon(small_cfg: str) -> None:
    norms = [module for module in Darknet(small_cfg, bn_eps=1e-6).modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {1e-6}
    assert len(norms) == 2


def test_it_exports(small_cfg: str) -> None:
    network, images = Darknet(small_cfg).eval(), torch.rand(1, 3, 32, 64)
    exported = torch.export.export(network, (images,)).module()
    for ours, theirs in zip(network(images), exported(images), strict=True):
        torch.testing.assert_close(ours, theirs)


HARMLESS = {
    "net": "input_calibration=15.7 max_epochs=3 contrastive=1 contrastive_jit_flip=1 contrastive_color=1 attention=1 "
    "unsupervised=1",
    "convolutional": "train_only_bn=1 grad_centr=1 stream=1 wait_stream=1 truth=1 dontsave=1 numload=3 smooth=.1",
    "yolo": "track_history_size=90 sim_thresh=0.6 dets_for_track=2 dets_for_show=2 track_ciou_norm=0.01 beta1=0.6",
}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in HARMLESS.items() for key in keys.split()])
def test_keys_that_do_not_concern_detecting_change_nothing(small_cfg: str, kind: str, key: str) -> None:
    network, other = Darknet(small_cfg).eval(), Darknet(small_cfg.replace(f"[{kind}]", f"[{kind}]\n{key}")).eval()
    assert f"]\n{key}" in other.cfg_text
    other.load_state_dict(network.state_dict())
    images = torch.rand(1, 3, 32, 64)
    for one, another in zip(network(images), other(images), strict=True):
        assert torch.equal(one, another)


def test_keys_of_another_section_are_still_refused(small_cfg: str) -> None:
    for kind, key in (("net", "beta1=0.6"), ("convolutional", "max_epochs=1"), ("yolo", "contrastive=1")):
        with pytest.raises(DarknetError, match=f"unknown key '{key.split('=')[0]}' in .{kind}."):
            Darknet(small_cfg.replace(f"[{kind}]", f"[{kind}]\n{key}"))


def test_silu_is_swish(small_cfg: str) -> None:
    network, other = Darknet(small_cfg).eval(), Darknet(small_cfg.replace("=swish", "=silu")).eval()
    assert "silu" in other.cfg_text
    other.load_state_dict(network.state_dict())
    images = torch.rand(1, 3, 32, 64)
    assert torch.equal(network(images)[0], other(images)[0])


def test_new_coords_0_is_what_is_read_here(small_cfg: str) -> None:
    Darknet(small_cfg.replace("scale_x_y=1.1", "scale_x_y=1.1\nnew_coords=0"))


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("width=64", "width=60", r"<cfg>:1: \[net\] width=60, height=32 must be multiples of 8"),
        ("width=64", "width=0", "<cfg>:2: width=0 must be at least 1"),
        ("width=64", "", r"<cfg>:1: \[net\] has no 'width'; add it"),
        ("width=64", "width=999999999", "gives 95,999,999,904 values for one image"),
        ("filters=8", "filters=0", "<cfg>:10: filters=0 must be at least 1"),
        ("filters=8", "filters=999999999", r"<cfg>:8: \[convolutional\] gives 511,999,999,488 values"),
        ("groups=8", "groups=3", r"<cfg>:16: \[convolutional\] 8 channels to 8 filters cannot be split into groups=3"),
        ("size=3,5", "groups=8\nsize=3,5", "8 channels to 4 . 4 filters cannot be split into groups=8"),
        ("size=3,5", "size=3,4", "<cfg>:30: size=3,4 gives maps of different sizes; mixed kernels must be odd and"),
        ("activation=mish", "activation=gelu", "<cfg>:21: activation=gelu is unknown; known are linear, leaky"),
        ("from=-2", "from=-3", "<cfg>:24: from=-3 names layer -1; this is layer 2 and can only read earlier ones"),
        ("from=-2", "from=2", "from=2 names layer 2; this is layer 2"),
        (
            "per_feature",
            "per_pixel",
            "weights_type=per_pixel is unknown; known are none, per_feature, per_layer, per_ch",
        ),
        (
            "weights_type",
            "weights_normalizion=max\nweights_type",
            "weights_normalizion=max is unknown; known are none, re",
        ),
        ("weights_type", "weights_normalization=max\nweights_type", "weights_normalization=max is unknown; known are "),
        (
            "activation=linear\n\n[yolo]",
            "activation=logistic\n\n[yolo]",
            "<cfg>:69: activation=logistic before a .yolo. m",
        ),
        ("activation=linear\n\n[yolo]", "\n\n[yolo]", r"<cfg>:67: \[convolutional\] activation before a .yolo. must"),
        ("activation=linear\n\n[yolo]", "activation=leaky\n\n[yolo]", "must be linear: the head has its own sigmoid"),
        ("num=4\nclasses=2\nscale", "num=4\nnew_coords=1\nclasses=2\nscale", "with new_coords=1 must be logistic"),
        ("from=4", "from=1,2", "<cfg>:46: from=1,2 must be one layer"),
        ("groups=2", "groups=3", "<cfg>:50: groups=3 cannot split the 8 channels of layer 7"),
        ("group_id=1", "group_id=2", "<cfg>:51: group_id=2 must be below groups, which is 2"),
        ("layers=-1,7", "layers=-1,0", "<cfg>:86: layers=-1,0 concatenates 32 x 16 x 8 of layer 0 with 16 x 8 x 8"),
        ("layers=-1,7", "layers=-1,99", "<cfg>:86: layers=-1,99 names layer 99"),
        ("size=3\nstride=1", "size=3\nstride=1\npadding=3", "padding=3 must be below the size of the window, 3"),
        ("probability=.1", "probability=1", r"<cfg>:65: probability=1 must lie in \[0, 1\)"),
        (
            "filters=14",
            "filters=15",
            r"<cfg>:68: filters=15 must be 14 for the \[yolo\] in line 71: 2 anchors and 2",
        ),
        ("20,14, 30,40", "20,14, 30", "<cfg>:73: anchors=.* must be num=4 pairs of width, height; there are 7 numbers"),
        ("20,14, 30,40", "20,14", "must be num=4 pairs of width, height; there are 6 numbers"),
        ("20,14, 30,40", "20,14, 30,0", "must be positive"),
        ("mask=2,3", "mask=2,4", "<cfg>:72: mask=2,4 chooses anchor 4; num=4 has 0 to 3"),
        ("scale_x_y=1.1", "scale_x_y=0", "scale_x_y=0 must lie between 0.1 and 10"),
        ("layers=-4", "layers=-1", r"<cfg>:79: \[route\] reads layer 14, which is a prediction; no layer can continue"),
        ("layers=-4", "layers=-2", "reads layer 13, which is a prediction"),
        ("classes=2\nscale", "classes=3\nscale", "filters=14 must be 16"),
        ("size=1\nfilters=14", "size=1\ngroups=2\nfilters=14", "can have neither groups nor mixed kernels"),
        ("[dropout]", "[softmax]\ngroups=3\n[dropout]", "groups=3 does not divide the 256 values of the layer before"),
        ("[dropout]", "[softmax]\ntemperature=0\n[dropout]", "temperature=0 must be positive"),
    ],
)
def test_refuses(small_cfg: str, before: str, after: str, complaint: str) -> None:
    assert before in small_cfg
    with pytest.raises(DarknetError, match=complaint):
        Darknet(small_cfg.replace(before, after, 1))


NET = "[net]\nwidth=8\nheight=8\n"
HEAD = "[conv]\nfilters=6\nactivation=linear\n[yolo]\nclasses=1\nnum=1\nanchors=4,4\n"
OTHER_HEAD = "[route]\nlayers=0\n" + HEAD.replace("=6", "=7").replace("classes=1", "classes=2")


@pytest.mark.parametrize(
    ("layers", "complaint"),
    [
        ("[conv]", r"<cfg>:1: \[net\] is followed by no \[yolo\], \[region\] or \[detection\]"),
        ("channels=6\n[yolo]\nclasses=1\nanchors=1,1", r"<cfg>:5: \[yolo\] must follow a \[convolutional\]"),
        ("[max]\n[yolo]\nclasses=1\nanchors=1,1", r"\[yolo\] must follow a \[convolutional\]"),
        ("[conv]\nsize=3\n" + HEAD, "predicts on 6 x 6 cells of 1 x 1 pixels, for an image of 8 x 8"),
        ("[conv]\nstride_x=2\n" + HEAD, "predicts on cells of 2 x 1 pixels; they must be square and whole"),
        (
            "[conv]\nstride=2\n[upsample]\n[shortcut]\nfrom=0\n" + HEAD,
            "adds 4 x 4 x 1 of layer 0 to 8 x 8 x 1; height and",
        ),
        ("[conv]\nsize=9\n" + HEAD, "has no output: its window is larger than the map before it"),
        ("[yolo]\nnum=999999999\nanchors=1,1", "must be num=999999999 pairs"),
        (
            "[conn]\noutput=99999999\n[conv]\n[detection]",
            "brings the weights to 19,299,999,807; 300,000,000 is the limit",
        ),
        (
            "[max]\nsize=999999\nstride=1\n" + HEAD,
            "brings the operations per image to .*; 10,000,000,000,000 is",
        ),
        ("[conv]\nstride=300\n" * 2 + "[detection]", "<cfg>:6: .* makes a stride of more than 65,536"),
        ("[conv]\n" + HEAD + OTHER_HEAD, "<cfg>:18: classes=2 is 2, another head has 1"),
        ("[crop]\ncrop_width=9\n[detection]", r"\[crop\] cuts 9 x 1 out of 8 x 8 x 3"),
        ("[local]\nsize=2\npad=1\n[detection]", "size=2 must be odd where pad=1"),
        ("[detection]", r"\[detection\] must have coords=4"),
        ("[detection]\ncoords=4\nclasses=20\nnum=3", "classes=20 need 1715 values; the layer before gives 192"),
        (
            "[conv]\n" + HEAD + "[route]\nlayers=0\n[conn]\noutput=6\n[detection]\ncoords=4\nside=1",
            r"\[detection\] is a second head; a \[detection\] must be the only one",
        ),
    ],
)
def test_refuses_as_a_whole(layers: str, complaint: str) -> None:
    with pytest.raises(DarknetError, match=complaint) as error:
        Darknet(NET + layers)
    assert re.match(r"<cfg>:\d+: ", str(error.value))
