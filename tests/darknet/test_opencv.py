"""Small networks in the manner of YOLOv4-tiny, YOLOv4 and YOLOv7-tiny, against OpenCV 4's importer."""

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch
from torch import Tensor

from yolo3.darknet import Darknet

Filled = Callable[..., Darknet]
WaveImage = Callable[[Darknet], Tensor]

NET = "[net]\nwidth=64\nheight=32\nchannels=3\n"


def conv(filters: int, size: int, activation: str, stride: int = 1, normalize: int = 1) -> str:
    values = f"filters={filters}\nsize={size}\nstride={stride}\npad=1\nactivation={activation}\n"
    return f"[convolutional]\nbatch_normalize={normalize}\n{values}"


def head(mask: str, activation: str, more: str) -> str:
    anchors = "anchors=4,5, 8,6, 20,14, 30,40\nnum=4\nclasses=2\n"
    return conv(14, 1, activation, normalize=0) + f"[yolo]\nmask={mask}\n{anchors}{more}\n"


# two stages that halve the channels by route groups, a fine head from an upsampled map
YOLOV4_TINY = (
    NET
    + conv(8, 3, "leaky", stride=2)
    + conv(8, 3, "leaky", stride=2)
    + "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n"
    + conv(4, 3, "leaky")
    + conv(4, 3, "leaky")
    + "[route]\nlayers=-1,-2\n"
    + conv(8, 1, "leaky")
    + "[route]\nlayers=-6,-1\n"
    + "[maxpool]\nsize=2\nstride=2\n"
    + conv(8, 1, "leaky")
    + head("2,3", "linear", "scale_x_y=1.05")
    + "[route]\nlayers=-3\n"
    + conv(4, 1, "leaky")
    + "[upsample]\nstride=2\n"
    + "[route]\nlayers=-1,6\n"
    + head("0,1", "linear", "scale_x_y=1.2")
)
# pyramid pooling, attention by [sam] and [scale_channels], mish
YOLOV4 = (
    NET
    + conv(8, 3, "mish", stride=2)
    + conv(8, 3, "mish", stride=2)
    + "[shortcut]\nfrom=-1\nactivation=linear\n"
    + conv(8, 1, "logistic")
    + "[sam]\nfrom=-2\n"
    + "[maxpool]\nstride=1\nsize=5\n[route]\nlayers=-2\n[maxpool]\nstride=1\nsize=9\n[route]\nlayers=-1,-3,4\n"
    + conv(8, 1, "mish")
    + "[avgpool]\n"
    + conv(8, 1, "logistic", normalize=0)
    + "[scale_channels]\nfrom=-3\nactivation=linear\n"
    + head("0,1", "linear", "scale_x_y=1.1")
)
# many routes side by side, and both heads with new_coords
YOLOV7_TINY = (
    NET
    + conv(8, 3, "leaky", stride=2)
    + conv(8, 3, "swish", stride=2)
    + conv(4, 1, "leaky")
    + "[route]\nlayers=-2\n"
    + conv(4, 1, "leaky")
    + conv(4, 3, "leaky")
    + "[route]\nlayers=-1,-2,-4\n"
    + conv(8, 1, "leaky")
    + "[maxpool]\nsize=2\nstride=2\n"
    + conv(8, 3, "leaky")
    + head("2,3", "logistic", "scale_x_y=2.0\nnew_coords=1")
    + "[route]\nlayers=7\n"
    + head("0,1", "logistic", "scale_x_y=2.0\nnew_coords=1")
)


@pytest.mark.parametrize(
    "cfg", [YOLOV4_TINY, YOLOV4, YOLOV7_TINY], ids=["like yolov4-tiny", "like yolov4", "like yolov7-tiny"]
)
@torch.no_grad()
def test_boxes_and_scores_are_those_of_opencv(cfg: str, filled: Filled, wave_image: WaveImage, tmp_path: Path) -> None:
    network = filled(cfg, bn_eps=1e-6)  # OpenCV's
    image = wave_image(network)
    candidates = network.decode(network(image))
    (tmp_path / "theirs.cfg").write_text(cfg.replace("[yolo]", "[yolo]\nthresh=0"))  # below its own it writes 0
    theirs = cv2.dnn.readNetFromDarknet(str(tmp_path / "theirs.cfg"), str(tmp_path / "net.weights"))
    theirs.setInput(image.numpy())
    outputs = [torch.from_numpy(rows) for rows in theirs.forward(theirs.getUnconnectedOutLayersNames())]
    expected = torch.cat([rows.reshape(-1, rows.shape[-1]) for rows in outputs])
    found = []
    start = 0
    for sizes, stride in network.anchors:  # ours lists anchor after anchor, OpenCV's cell after cell
        cells = (32 // stride) * (64 // stride)
        stop = start + len(sizes) * cells
        rows = torch.cat([candidates.boxes[0, start:stop], candidates.scores[0, start:stop]], dim=1)
        found.append(rows.view(len(sizes), cells, -1).transpose(0, 1).flatten(0, 1))
        start = stop
    own = torch.cat(found)
    size = torch.tensor([64, 32])
    corners = torch.cat([expected[:, :2] - expected[:, 2:4] / 2, expected[:, :2] + expected[:, 2:4] / 2], dim=1)
    assert own[:, 4:].std() > 1e-3
    torch.testing.assert_close(own[:, :4] / size.repeat(2), corners, rtol=0, atol=1e-4)
    torch.testing.assert_close(own[:, 4:], expected[:, 5:], rtol=0, atol=1e-4)
