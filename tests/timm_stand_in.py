"""What the page about backbones uses of timm, with networks of one convolution per stage.

timm depends on torchvision, which the machines that run these tests do not have. So this stands in for it: the same
calls and values as timm 1.0.31 with ``features_only=True``, said by its source. It cannot tell whether a later timm
changes them; the page says with which networks of the real one the block was run.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_CHANNELS = (16, 16, 32, 64, 128)  # at strides 2, 4, 8, 16, 32


class FeatureInfo:
    """Channels and strides of the chosen maps."""

    def __init__(self, chosen: Sequence[int]) -> None:
        self._chosen = chosen

    def channels(self) -> list[int]:
        return [_CHANNELS[number] for number in self._chosen]

    def reduction(self) -> list[int]:
        return [2 ** (number + 1) for number in self._chosen]


class Features(nn.Module):
    """Five stages, each of half the size of the one before; a list of the maps of some."""

    def __init__(self, out_indices: Sequence[int]) -> None:
        super().__init__()
        self._chosen = [number % len(_CHANNELS) for number in out_indices]  # -1 is the last
        self.feature_info = FeatureInfo(self._chosen)
        self.pretrained_cfg = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
        pairs = zip((3, *_CHANNELS), _CHANNELS, strict=False)
        self.stages = nn.ModuleList(nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairs)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            images = torch.relu(stage(images))
            maps.append(images)
        return [maps[number] for number in self._chosen]


def create_model(
    model_name: str, pretrained: bool = False, *, features_only: bool, out_indices: Sequence[int]
) -> nn.Module:
    assert not pretrained, f"{model_name}: the tests download nothing"
    assert features_only
    return Features(out_indices)
