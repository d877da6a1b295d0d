import contextlib
import io
from functools import partial
from pathlib import Path

import pytest
import torch
import torchsummary
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from yolo3 import COCO_ANCHORS, Anchors, CNNBlock, Darknet53, GroundTruth, ResUnit, ScaleOutput, YoloLoss, YOLOv3
from yolo3.protocols import Detector


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def test_summary_is_the_reference_to_the_character(shared: Path) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        torchsummary.summary(YOLOv3(20), (3, 416, 416), device="cpu")
    assert printed.getvalue() == (shared / "reference" / "torchsummary_yolov3_20.txt").read_text()


@pytest.mark.parametrize(
    ("num_classes", "depth", "count"),
    [
        (20, 1, 47_852_737),
        (80, 1, 48_175_837),
        (20, 5, 61_626_049),
        (80, 5, 61_949_149),
        (7, 5, 61_518_349 + 5_385 * 7),
    ],
)
def test_parameter_counts(num_classes: int, depth: int, count: int) -> None:
    with torch.device("meta"):
        assert parameters(YOLOv3(num_classes, conv_set_depth=depth)) == count


def test_backbone_parameter_count() -> None:
    with torch.device("meta"):
        assert parameters(Darknet53()) == 40_584_928


def test_published_network_at_416() -> None:
    with torch.device("meta"):
        network = YOLOv3(80, conv_set_depth=5).eval()
        images = torch.empty(1, 3, 416, 416)
        with FlopCounterMode(display=False) as counter:
            predictions = network(images)
    assert counter.get_total_flops() / 1e9 == pytest.approx(65.86, abs=0.005)
    assert sum(scale.shape[1:4].numel() for scale in predictions) == 10_647


def test_predictions_are_alike_in_training_and_evaluation() -> None:
    network = YOLOv3(4, width=0.25)
    images = torch.rand(2, 3, 64, 96)
    shapes = [(2, 3, 2, 3, 9), (2, 3, 4, 6, 9), (2, 3, 8, 12, 9)]
    assert [tuple(scale.shape) for scale in network(images)] == shapes
    assert [tuple(scale.shape) for scale in network.eval()(images)] == shapes
    assert isinstance(network, Detector)


def test_decode_reads_every_slot() -> None:
    network = YOLOv3(4, width=0.25).eval()
    predictions = network(torch.rand(2, 3, 64, 64))
    candidates = network.decode(predictions)
    assert candidates.boxes.shape == (2, 3 * (4 + 16 + 64), 4)
    assert candidates.scores.shape == (2, 3 * (4 + 16 + 64), 4)
    scale = ScaleOutput.from_predictions(predictions, COCO_ANCHORS)[2]
    slot = (1, 2, 5, 6)
    row = 3 * (4 + 16) + (2 * 8 + 5) * 8 + 6
    assert torch.equal(candidates.boxes[1, row], scale.xyxy[slot])
    expected = scale.objectness[slot].sigmoid() * scale.classes[slot].sigmoid()
    torch.testing.assert_close(candidates.scores[1, row], expected)


def test_a_new_network_believes_in_background() -> None:
    network = YOLOv3(3, width=0.25).eval()
    scores = network.decode(network(torch.rand(1, 3, 64, 64))).scores
    assert 0 < scores.max() < 0.1


@pytest.mark.parametrize("targets_per_image", [0, 2])
def test_every_parameter_gets_a_finite_gradient(targets_per_image: int) -> None:
    """With no object at all too: zero where nothing concerns it."""
    network, criterion = YOLOv3(2, width=0.25), YoloLoss()
    boxes = torch.tensor([[5.0, 5, 40, 30], [20, 20, 60, 50]])[:targets_per_image]
    truth = GroundTruth.collate([(boxes, torch.zeros(targets_per_image, dtype=torch.long))] * 2)
    loss = criterion(network(torch.rand(2, 3, 64, 64)), truth)
    loss.backward()
    assert loss.isfinite()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    heads = network.coarse_head.predict.bias.grad.view(3, 7)
    assert heads[:, 0].abs().min() > 0  # objectness always concerns someone
    assert bool(heads[:, 1:].abs().sum() > 0) is (targets_per_image > 0)


def test_a_res_unit_with_attention() -> None:
    class AttentiveUnit(ResUnit):
        def __init__(self, channels: int, block: type[CNNBlock] = CNNBlock) -> None:
            super().__init__(channels, block)
            self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1), nn.Sigmoid())

        def forward(self, x: Tensor) -> Tensor:
            return x + self.gate(x) * self.expand(self.squeeze(x))

    network = YOLOv3(4, backbone=Darknet53(width=0.25, unit=AttentiveUnit))
    assert sum(isinstance(module, AttentiveUnit) for module in network.modules()) == 1 + 2 + 8 + 8 + 4
    assert network.eval()(torch.rand(1, 3, 32, 32))[0].shape == (1, 3, 1, 1, 9)


def test_another_activation_everywhere() -> None:
    network = YOLOv3(4, width=0.25, block=partial(CNNBlock, activation=nn.SiLU))
    assert not any(isinstance(module, nn.LeakyReLU) for module in network.modules())


def test_a_darknet53_with_a_child_of_its_own_gives_the_same_maps() -> None:
    """The stem and the five stages count, whatever else a subclass registers."""

    class Gated(Darknet53):
        def __init__(self) -> None:
            super().__init__(width=0.1)
            self.gate = nn.Conv2d(3, 3, 1)
            self.append(nn.Identity())

    gated = Gated().eval()
    images = torch.rand(1, 3, 64, 96)
    maps = gated(images)
    assert [tuple(each.shape) for each in maps] == [(1, 24, 8, 12), (1, 48, 4, 6), (1, 104, 2, 3)]
    stem, *stages = list(gated)[:6]
    x = stem(images)
    for number, stage in enumerate(stages):
        x = stage(x)
        if number >= 2:
            assert torch.equal(x, maps[number - 2])
    assert [scale.shape[2:4] for scale in YOLOv3(1, backbone=gated)(images)] == [(2, 3), (4, 6), (8, 12)]


def test_width_and_channels_beside_a_backbone_are_refused() -> None:
    with pytest.raises(ValueError, match=r"width is 0\.25 beside a backbone.*write Darknet53\(width=0\.25\)"):
        YOLOv3(3, width=0.25, backbone=Darknet53(width=0.1))
    with pytest.raises(ValueError, match=r"in_channels is 1 beside a backbone.*write Darknet53\(in_channels=1\)"):
        YOLOv3(3, in_channels=1, backbone=Darknet53(width=0.1))


def test_the_channels_of_a_backbone_are_those_of_the_network() -> None:
    assert YOLOv3(3, backbone=Darknet53(4, width=0.1)).in_channels == 4
    assert YOLOv3(3, in_channels=4, width=0.1).in_channels == 4


def test_a_backbone_of_ones_own() -> None:
    class Pools(nn.Module):
        out_channels = (3, 3, 3)

        def forward(self, images: Tensor) -> list[Tensor]:
            return [nn.functional.avg_pool2d(images, stride) for stride in (8, 16, 32)]

    class Odd(Pools):
        out_channels = (4, 6, 8)

        def forward(self, images: Tensor) -> list[Tensor]:
            return [map_.repeat(1, 3, 1, 1)[:, :c] for map_, c in zip(super().forward(images), (4, 6, 8), strict=True)]

    assert YOLOv3(2, backbone=Odd())(torch.rand(2, 3, 64, 64))[2].shape == (2, 3, 8, 8, 7)


def test_anchors_of_another_number() -> None:
    anchors = Anchors((((100, 100),), ((50, 50), (60, 40)), ((20, 20), (10, 30), (30, 10), (5, 5))))
    network = YOLOv3(2, width=0.25, anchors=anchors)
    assert [scale.shape[1] for scale in network(torch.rand(2, 3, 64, 64))] == [1, 2, 4]


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: YOLOv3(0), "num_classes is 0"),
        (lambda: YOLOv3(2, width=-0.5), "width is -0.5; it must be above 0 and finite"),
        (lambda: YOLOv3(2, width=float("nan")), "width is nan"),
        (lambda: YOLOv3(2, anchors=Anchors(COCO_ANCHORS.sizes, (64, 32, 16))), r"anchors are for \(64, 32, 16\)"),
        (lambda: YOLOv3(2, backbone=nn.Identity()), "Identity.out_channels is None"),
        (lambda: YOLOv3(2, anchors=COCO_ANCHORS.sizes), r"anchors is .*; pass an Anchors, as in Anchors\(sizes"),
        (lambda: YOLOv3(2, backbone="darknet53"), "backbone is 'darknet53'; pass an nn.Module"),
        (lambda: YOLOv3(2, backbone=Darknet53), r"backbone is the class Darknet53; pass a built one: Darknet53\(\)"),
        (lambda: YOLOv3(2, neck="pan"), "'pan' builds no parts; pass a class or a function"),
        (lambda: YOLOv3(2, unit=ResUnit(8)), r"ResUnit\(...\) is one part, built already; .*: the class ResUnit"),
        (
            lambda: YOLOv3(2, width=0.25)(torch.rand(1, 3, 100, 64)),
            "image size 100 x 64 is not a multiple of 32; try 96 x 64",
        ),
    ],
)
def test_refuses(build, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build()


def test_refuses_maps_at_other_strides_than_the_anchors() -> None:
    """Maps at strides 4, 8 and 16, whose channels fit, would give boxes at wrong places without any other error."""

    class Finer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = Darknet53(width=0.1, num_maps=4)
            self.out_channels = self.body.out_channels[:3]

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return self.body(images)[:3]

    network = YOLOv3(2, backbone=Finer())
    with pytest.raises(ValueError, match="Finer gave a map of 4 x 6 for stride 32 and images of 64 x 96, not 2 x 3"):
        network(torch.rand(1, 3, 64, 96))
