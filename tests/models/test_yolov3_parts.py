"""Every part of YOLOv3 replaced by one with a parameter of its own, and parts that do not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from yolo3 import (
    CNNBlock,
    ConvSet,
    Darknet53,
    GroundTruth,
    NeckAndConcatNet,
    ResUnit,
    ScalePrediction,
    YoloLoss,
    YOLOv3,
    load_checkpoint,
    save_checkpoint,
)
from yolo3.checkpoint import ModelCard


class ScaledUnit(ResUnit):
    """Takes `channels` alone."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.own = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.own * self.expand(self.squeeze(x))


class GatedUnit(ResUnit):
    def __init__(self, channels: int, block: type[CNNBlock] = CNNBlock) -> None:
        super().__init__(channels, block)
        self.own = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.expand(self.squeeze(x))
        return x + self.own(branch.mean((2, 3), keepdim=True)).sigmoid() * branch


class BiasedUnit(ResUnit):
    def __init__(self, channels: int, block: type[CNNBlock] = CNNBlock, start: float = 0.1) -> None:
        super().__init__(channels, block)
        self.own = nn.Parameter(torch.full((), start))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.own


class BottleneckUnit(nn.Module):
    """No subclass at all."""

    def __init__(self, channels: int, block: type[CNNBlock] = CNNBlock) -> None:
        super().__init__()
        self.own = nn.Sequential(block(channels, channels // 4, 1), block(channels // 4, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.own(x)


class ScaledSet(ConvSet):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, depth=3)
        self.own = nn.Parameter(torch.ones(out_channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.own * super().forward(x)


class ResidualSet(ConvSet):
    def __init__(self, in_channels: int, out_channels: int, depth: int = 1, block: type[CNNBlock] = CNNBlock) -> None:
        super().__init__(in_channels, out_channels, depth, block)
        self.own = block(out_channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return x + self.own(x)


class SpatialSet(ConvSet):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = nn.Conv2d(1, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return x * self.own(x.mean(dim=1, keepdim=True)).sigmoid()


class PooledSet(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, depth: int, block: type[CNNBlock]) -> None:
        super().__init__()
        self.own = block(2 * in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.own(torch.cat([x, nn.functional.max_pool2d(x, 5, stride=1, padding=2)], dim=1))


class WeightedNeck(NeckAndConcatNet):
    def __init__(self, in_channels: int, skip_channels: int) -> None:
        super().__init__(in_channels, skip_channels)
        self.own = nn.Parameter(torch.ones(skip_channels, 1, 1))

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return super().forward(coarse, self.own * skip)


class TransposedNeck(NeckAndConcatNet):
    def __init__(self, in_channels: int, skip_channels: int, conv_set_depth: int = 1, **parts: Any) -> None:
        super().__init__(in_channels, skip_channels, conv_set_depth, **parts)
        self.own = nn.ConvTranspose2d(self.out_channels, self.out_channels, 2, 2)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return self.conv_set(torch.cat([self.own(self.reduce(coarse)), skip], dim=1))


class SummingNeck(nn.Module):
    def __init__(self, in_channels: int, skip_channels: int) -> None:
        super().__init__()
        self.out_channels = 24
        self.own = nn.ModuleList([nn.Conv2d(channels, 24, 1) for channels in (in_channels, skip_channels)])

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return nn.functional.interpolate(self.own[0](coarse), scale_factor=2.0) + self.own[1](skip)


class AttentiveNeck(NeckAndConcatNet):
    def __init__(self, in_channels: int, skip_channels: int, conv_set_depth: int, block: Any, conv_set: Any) -> None:
        super().__init__(in_channels, skip_channels, conv_set_depth, block, conv_set)
        self.own = nn.Conv2d(self.out_channels, 1, 1)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        x = super().forward(coarse, skip)
        return x * self.own(x).sigmoid()


class TemperedHead(ScalePrediction):
    def __init__(self, in_channels: int, num_classes: int, num_anchors: int) -> None:
        super().__init__(in_channels, num_classes, num_anchors)
        self.own = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.own * super().forward(x)


class DeepHead(ScalePrediction):
    def __init__(self, in_channels: int, num_classes: int, num_anchors: int = 3, block: Any = CNNBlock) -> None:
        super().__init__(in_channels, num_classes, num_anchors, block)
        self.own = block(in_channels, in_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.own(x))


class ShiftedHead(ScalePrediction):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = nn.Parameter(torch.zeros(self.num_anchors, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.own


class SplitHead(nn.Module):
    """Boxes and classes of two convolutions."""

    def __init__(self, in_channels: int, num_classes: int, num_anchors: int) -> None:
        super().__init__()
        self.num_anchors = num_anchors
        self.own = nn.ModuleList([nn.Conv2d(in_channels, num_anchors * n, 1) for n in (5, num_classes)])

    def forward(self, x: Tensor) -> Tensor:
        maps = [conv(x).unflatten(1, (self.num_anchors, -1)) for conv in self.own]
        return torch.cat(maps, dim=2).permute(0, 1, 3, 4, 2)


PARTS = {
    "unit": (ScaledUnit, GatedUnit, BiasedUnit, BottleneckUnit),
    "conv_set": (ScaledSet, ResidualSet, SpatialSet, PooledSet),
    "neck": (WeightedNeck, TransposedNeck, SummingNeck, AttentiveNeck),
    "head": (TemperedHead, DeepHead, ShiftedHead, SplitHead),
}
WHERE = {"unit": 1 + 2 + 8 + 8 + 4, "conv_set": 3, "neck": 2, "head": 3}


@pytest.mark.parametrize(("part", "own"), [(part, own) for part, owns in PARTS.items() for own in owns])
def test_a_part_with_a_parameter_of_its_own_trains_saves_and_loads(
    part: str, own: Callable[..., nn.Module], tmp_path: Path
) -> None:
    def build() -> YOLOv3:
        return YOLOv3(2, width=0.1, **{part: own})  # type: ignore[arg-type]

    network = build().train()
    assert sum(isinstance(module, own) for module in network.modules()) == WHERE[part]  # type: ignore[arg-type]
    before = {name: value.clone() for name, value in network.named_parameters() if ".own" in name}
    truth = GroundTruth.collate([(torch.tensor([[5.0, 5, 40, 30]]), torch.tensor([1]))] * 2)
    YoloLoss()(network(torch.rand(2, 3, 64, 64)), truth).backward()
    torch.optim.SGD(network.parameters(), lr=0.01).step()
    moved = [name for name, value in network.named_parameters() if name in before and (value != before[name]).any()]
    assert moved

    save_checkpoint(tmp_path, network, ModelCard())
    with pytest.raises(ValueError, match=rf"is a {own.__name__}, not a .*hand it in as `detector`"):
        load_checkpoint(tmp_path)
    again: Any = load_checkpoint(tmp_path, detector=build())[0]
    images = torch.rand(1, 3, 64, 64)
    for one, other in zip(network.eval()(images), again.eval()(images), strict=True):
        assert torch.equal(one, other)


class LyingNeck(NeckAndConcatNet):
    def __init__(self, in_channels: int, skip_channels: int) -> None:
        super().__init__(in_channels, skip_channels)
        self.out_channels = 8


class SilentNeck(nn.Module):
    def __init__(self, in_channels: int, skip_channels: int) -> None:
        super().__init__()


class WideSet(ConvSet):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, 2 * out_channels)


class OneAnchorHead(ScalePrediction):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes, 1)


class FourMaps(nn.Module):
    out_channels = (8, 8, 8, 8)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images.new_zeros(len(images), 8, *(edge // s for edge in images.shape[2:])) for s in (4, 8, 16, 32)]


class ThreeOfFour(FourMaps):
    out_channels = (8, 8, 8)


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({"neck": LyingNeck}, "LyingNeck gave a map of 26 channels, the next part takes 8$"),
        ({"neck": SilentNeck}, r"SilentNeck\.out_channels is None; a part says"),
        ({"conv_set": WideSet}, "WideSet gave a map of 104 channels, the next part takes 52$"),
        ({"head": OneAnchorHead}, r"OneAnchorHead gave predictions of \(1, 1, 2, 2, 7\), not \(B, 3, S, S, 7\)"),
        ({"backbone": FourMaps()}, "FourMaps gives 4 maps, .* the anchors have 3 scales, at strides 8, 16, 32$"),
        ({"backbone": ThreeOfFour()}, "ThreeOfFour gave 4 maps, its out_channels says 3$"),
        ({"backbone": Darknet53(width=0.1, num_maps=4)}, "Darknet53 gives 4 maps, .* the anchors have 3 scales"),
        (
            {"backbone": Darknet53(width=0.1), "unit": GatedUnit},
            r"unit is GatedUnit beside .*Darknet53\(unit=GatedUnit",
        ),
    ],
)
def test_a_part_that_does_not_fit_is_named_with_both_numbers(parts: dict[str, Any], complaint: str) -> None:
    numbers = {} if "backbone" in parts else {"width": 0.1}
    with pytest.raises(ValueError, match=complaint) as told:
        YOLOv3(2, **numbers, **parts)(torch.rand(1, 3, 64, 64))
    assert "\n" not in str(told.value)
