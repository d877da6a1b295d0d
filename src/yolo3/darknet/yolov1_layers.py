"""Layers that only YOLOv1's cfg has: layers tied to one image size, and boxes without anchors.

Source: YOLO, arXiv 1506.02640; the layouts are those of Darknet's ``local_layer.c`` and ``detection_layer.c``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolo3.boxes import cxcywh_to_xyxy
from yolo3.darknet.activations import ACTIVATIONS
from yolo3.structures import Candidates


class Crop(nn.Module):
    """The centre of the image; ``adjust`` maps its values from [0, 1] to [-1, 1]."""

    def __init__(self, height: int, width: int, adjust: bool) -> None:
        super().__init__()
        self.height = height
        self.width = width
        self.adjust = adjust

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, height, width)."""
        top = (x.shape[2] - self.height) // 2
        left = (x.shape[3] - self.width) // 2
        x = x[:, :, top : top + self.height, left : left + self.width]
        return x * 2 - 1 if self.adjust else x


class Local(nn.Module):
    """A locally connected layer: a convolution with weights of its own at every position.

    Args:
        in_channels: Channels of the input.
        out_map: (channels, height, width) of the output.
        size: Kernel size.
        stride: Stride in both directions.
        padding: Padding on all sides.
        activation: Name of the activation, see `ACTIVATIONS`.
    """

    def __init__(
        self, in_channels: int, out_map: tuple[int, int, int], size: int, stride: int, padding: int, activation: str
    ) -> None:
        super().__init__()
        channels, height, width = out_map
        self.size = size
        self.stride = stride
        self.padding = padding
        fan_in = in_channels * size * size
        self.bias = nn.Parameter(torch.zeros(channels, height, width))
        self.weight = nn.Parameter(torch.empty(height * width, channels, fan_in).uniform_(-1, 1) * (2 / fan_in) ** 0.5)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, *out_map)."""
        windows = functional.unfold(x, self.size, padding=self.padding, stride=self.stride)  # (B, fan_in, positions)
        summed = torch.einsum("pof,bfp->bop", self.weight, windows)  # (B, out_channels, positions)
        return self.activation(summed.unflatten(2, self.bias.shape[1:]) + self.bias)


class Connected(nn.Module):
    """A fully connected layer, optional batch normalization, activation."""

    def __init__(self, inputs: int, outputs: int, activation: str, batch_normalize: bool, bn_eps: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=not batch_normalize)
        self.norm = nn.BatchNorm1d(outputs, eps=bn_eps) if batch_normalize else None
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, outputs, 1, 1)."""
        x = self.linear(x.flatten(1))
        return self.activation(x if self.norm is None else self.norm(x))[..., None, None]


@dataclass(frozen=True)
class GridHead:
    """Darknet's ``[detection]``: how to read the predictions of YOLOv1.

    Args:
        side: Number of cells in a row and in a column.
        num_boxes: Number of boxes per cell, each with its own confidence.
        num_classes: Number of classes.
        squared: Whether widths and heights are predicted as square roots.
        softmax: Whether class probabilities need a softmax over the classes of the cell. Confidence and box never do.
    """

    side: int
    num_boxes: int
    num_classes: int
    squared: bool
    softmax: bool

    @property
    def outputs(self) -> int:
        """Number of values in one prediction."""
        return self.side**2 * (self.num_classes + 5 * self.num_boxes)

    def decode(self, prediction: Tensor, image_size: tuple[int, int]) -> Candidates:
        """Boxes in pixels of the input, row by row, with their class scores.

        Args:
            prediction: (B, S, S, C + 5·num_boxes) from `GridPrediction`.
            image_size: (height, width) of the network input.

        Source:
            Darknet's ``get_detection_detections``.
        """
        classes = prediction[..., None, : self.num_classes]  # (B, S, S, 1, C)
        boxes = prediction[..., self.num_classes :].unflatten(-1, (self.num_boxes, 5))  # (B, S, S, num_boxes, 5)
        if self.softmax:
            classes = classes.softmax(dim=-1)
        confidence = boxes[..., :1]
        centre = boxes[..., 1:3]
        size = boxes[..., 3:]
        if self.squared:
            size = size.square()
        steps = torch.arange(self.side, device=prediction.device)
        cells = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)[:, :, None]  # (S, S, 1, 2) column, row
        relative = torch.cat([(centre + cells) / self.side, size], dim=-1)
        height, width = image_size
        pixels = relative * relative.new_tensor([width, height, width, height])
        return Candidates(cxcywh_to_xyxy(pixels).flatten(1, 3), (confidence * classes).flatten(1, 3))


class GridPrediction(nn.Module):
    """The values of ``[detection]`` regrouped by cell; Darknet has all classes first, then confidences, then boxes."""

    def __init__(self, head: GridHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """(B, head.outputs, 1, 1) -> (B, S, S, C + 5·num_boxes): classes, then (confidence, x, y, w, h) per box."""
        cells = self.head.side**2
        num_boxes = self.head.num_boxes
        classes, confidence, boxes = x.flatten(1).split(
            [cells * self.head.num_classes, cells * num_boxes, cells * num_boxes * 4], dim=1
        )
        boxes = torch.cat(
            [confidence.unflatten(1, (cells, num_boxes, 1)), boxes.unflatten(1, (cells, num_boxes, 4))], dim=-1
        )
        by_cell = torch.cat([classes.unflatten(1, (cells, -1)), boxes.flatten(2)], dim=-1)
        return by_cell.unflatten(1, (self.head.side, self.head.side))
