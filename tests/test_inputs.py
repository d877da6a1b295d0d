import numpy as np
import pytest
import torch
import torch.nn.functional as F

from yolo3 import Darknet, Predictor, YOLOv1, YOLOv3
from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.cli.training_network import model_channels, start_from
from yolo3.export import export_onnx
from yolo3.runtime import ExportedDetector

_CFG = """[net]
channels={channels}
height=64
width=64
[convolutional]
filters=18
size=1
stride=1
activation=linear
[yolo]
mask=0,1,2
anchors=10,13, 16,30, 33,23
classes=1
num=3
"""
_DETECTORS = {
    "YOLOv3": lambda channels: YOLOv3(1, width=0.1, in_channels=channels),
    "YOLOv1": lambda channels: YOLOv1(1, width=0.1, grid=1, hidden=8, in_channels=channels),
    "Darknet": lambda channels: Darknet(_CFG.format(channels=channels)),
}
each_detector = pytest.mark.parametrize("build", _DETECTORS.values(), ids=_DETECTORS)


@each_detector
@pytest.mark.parametrize(
    ("shape", "dtype", "complaint"),
    [
        (
            (3, 64, 64),
            torch.float32,
            r"images are \(B, C, H, W\), not \(3, 64, 64\); a single .* images\[None\]",
        ),
        ((64, 64), torch.float32, r"images are \(B, C, H, W\), not \(64, 64\)$"),
        ((1, 3, 64, 64), torch.uint8, r"images are floats in \[0, 1\], not torch\.uint8; divide them by 255"),
        ((1, 3, 64, 64), torch.int64, r"images are floats in \[0, 1\], not torch\.int64; divide them by 255"),
    ],
)
def test_what_is_no_batch_of_images(build, shape: tuple[int, ...], dtype: torch.dtype, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build(3)(torch.zeros(shape, dtype=dtype))


@each_detector
@pytest.mark.parametrize("channels", [1, 4])
def test_images_of_other_channels_are_refused(build, channels: int) -> None:
    predictor = Predictor(build(channels), image_size=64, device="cpu")
    assert predictor.in_channels == channels
    wrong = np.zeros((64, 64, 2), np.uint8)
    with pytest.raises(ValueError, match=f"image 0: the image has 2 channels, and the network takes {channels}"):
        predictor(wrong)
    with pytest.raises(ValueError, match=f"channels, and the network takes {channels}|takes images of {channels}"):
        build(channels)(torch.zeros(1, 2, 64, 64))


def test_a_cfg_of_other_channels_is_not_asked_for_others(tmp_path) -> None:
    (tmp_path / "grey.cfg").write_text(_CFG.format(channels=1))
    with pytest.raises(ValueError, match=r"--channels 3 does not go with .*grey\.cfg, which says channels=1"):
        model_channels(str(tmp_path / "grey.cfg"), 3)


def test_a_checkpoint_of_other_channels_is_nothing_to_start_from(tmp_path) -> None:
    """All of it but its first convolution would fit."""
    save_checkpoint(tmp_path, _DETECTORS["YOLOv3"](1), ModelCard(image_size=(64, 64)))
    with pytest.raises(ValueError, match="is for images of 1 channels, and the network takes 3; add --adapt-channels"):
        start_from(_DETECTORS["YOLOv3"](3), tmp_path)


def test_an_exported_network_says_its_channels(tmp_path) -> None:
    export_onnx(_DETECTORS["Darknet"](1), tmp_path / "grey.onnx", ModelCard(image_size=(64, 64)), "decoded")
    exported = ExportedDetector(tmp_path / "grey.onnx")
    assert exported.in_channels == 1
    assert Predictor(exported).in_channels == 1


def test_a_backbone_of_other_channels_sees_its_images() -> None:
    class Bands(torch.nn.Module):
        out_channels = (8, 16, 32)

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            assert images.shape[1] == 5
            grey = images.mean(dim=1, keepdim=True)
            scales = zip((8, 16, 32), self.out_channels, strict=True)
            return tuple(F.avg_pool2d(grey, stride).expand(-1, channels, -1, -1) for stride, channels in scales)

    assert len(YOLOv3(1, backbone=Bands())(torch.zeros(1, 5, 64, 64))) == 3
