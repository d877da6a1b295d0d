from collections.abc import Callable

import pytest
import torch
from torch import nn

from yolo3 import presets


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        (presets.yolov3, 61_949_149),
        (presets.yolov3_compact, 48_175_837),
        (presets.yolov3_nano, 3_105_397),
        (presets.yolov3_spp, 62_998_749),
        (presets.yolov3_tiny, 8_852_366),
        (presets.yolov1, 85_787_534),
    ],
)
def test_parameters_at_the_published_number_of_classes(preset: Callable[[], nn.Module], parameters: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in preset().parameters()) == parameters


@pytest.mark.parametrize("preset", [presets.yolov3_nano, presets.yolov3_tiny])
def test_another_number_of_classes(preset: Callable[[int], nn.Module]) -> None:
    detector = preset(3).eval()
    assert detector.num_classes == 3
    predictions = detector(torch.rand(1, 3, 64, 64))
    assert all(scale.shape[-1] == 8 for scale in predictions)
    assert detector.decode(predictions).scores.shape[-1] == 3


def test_spp_of_another_number_of_classes() -> None:
    with torch.device("meta"):
        detector = presets.yolov3_spp(3)
    assert detector.num_classes == 3
    with pytest.raises(ValueError, match="num_classes is 0; a detector has at least one class"):
        presets.yolov3_spp(0)


def test_yolov1_narrow() -> None:
    detector = presets.yolov1(3, width=0.125, hidden=32)
    assert (detector.stride, detector.num_classes, detector.hidden) == (448, 3, 32)
