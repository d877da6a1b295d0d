"""YOLOv1: one grid, no anchors, boxes straight from two fully connected layers."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from yolo3.blocks import BlockFactory, CNNBlock, leaky_relu
from yolo3.boxes import cxcywh_to_xyxy
from yolo3.inputs import check_images
from yolo3.models.layer_table import YOLOV1_LAYERS, LayerTable, as_tuples, build_layers, map_size
from yolo3.structures import Candidates

CELL = 64
"""Pixels per cell: the network halves its input six times."""


@dataclass(frozen=True)
class GridOutput:
    """Predictions of YOLOv1, or targets, with what is needed to read them: the only place that knows the columns."""

    values: Tensor
    """(B, S, S, C + 5·K): classes, then (confidence, x, y, w, h) for each of K boxes per cell."""
    num_classes: int
    """Number of classes, C."""

    @classmethod
    def from_predictions(cls, predictions: Tensor, num_classes: int, num_boxes: int) -> "GridOutput":
        """Read (B, S·S·(C + 5·K)) or (B, S, S, C + 5·K); half precision is read as float32.

        Raises:
            ValueError: Predictions of another shape.
        """
        values = predictions
        numbers = num_classes + 5 * num_boxes
        if values.ndim == 2:
            grid = round((values.shape[1] / numbers) ** 0.5)
            if grid * grid * numbers == values.shape[1]:
                values = values.view(-1, grid, grid, numbers)
        if values.ndim != 4 or values.shape[1] != values.shape[2] or values.shape[3] != numbers:
            expected = f"(B, S, S, {numbers}) or (B, S·S·{numbers}), for {num_classes} classes and {num_boxes} boxes"
            raise ValueError(f"predictions are {tuple(predictions.shape)}, not {expected}")
        if values.dtype in (torch.float16, torch.bfloat16):
            values = values.float()
        return cls(values, num_classes)

    @property
    def classes(self) -> Tensor:
        """(B, S, S, C) probability of each class, given an object."""
        return self.values[..., : self.num_classes]

    @property
    def confidence(self) -> Tensor:
        """(B, S, S, K)."""
        return self._boxes[..., 0]

    @property
    def xywh(self) -> Tensor:
        """(B, S, S, K, 4): the centre within its cell, width and height, all in cells."""
        return self._boxes[..., 1:]

    @property
    def xyxy(self) -> Tensor:
        """(B, S, S, K, 4) boxes in pixels."""
        along = torch.arange(self.values.shape[1], device=self.values.device)
        row, column = torch.meshgrid(along, along, indexing="ij")
        cells = torch.stack([column, row], dim=-1)[:, :, None]  # (S, S, 1, 2)
        centre = self.xywh[..., :2] + cells
        size = self.xywh[..., 2:].clamp(min=0)
        return cxcywh_to_xyxy(torch.cat([centre, size], dim=-1)) * CELL

    @property
    def _boxes(self) -> Tensor:
        return self.values[..., self.num_classes :].unflatten(-1, (-1, 5))  # (B, S, S, K, 5)


class YOLOv1(nn.Module):
    """Convolutions and fully connected layers; every cell of a grid predicts one class and a few boxes.

    The defaults are the published network of 24 convolutions and two fully connected layers.

    Args:
        num_classes: Number of classes, C.
        in_channels: Channels of the images.
        num_boxes: Number of boxes per cell, K.
        grid: Number of cells per side, S; the input is 64·S pixels high and wide.
        hidden: Outputs of the first fully connected layer: 496 (85,787,534 parameters at 20 classes) or the paper's
            4096 (271,716,734). 0 leaves out that layer, as in Fast YOLO.
        width: Factor of every number of channels; 1 is the published network.
        block: Factory of every convolution, called like `CNNBlock`.
        layers: Convolutions and poolings, as rows of the paper's table: ``(kernel size, channels, stride, padding)``,
            ``"M"`` for a 2×2 max-pooling, ``[convolution, convolution, n]`` for both n times over. They leave one cell
            of every 64 pixels.
        dropout: Probability that an output of the first fully connected layer is dropped in training, or one of the
            convolutions where that layer is left out; the paper's is 0.5.

    Raises:
        ValueError: Fewer than one class, channel, box or cell; a dropout outside [0, 1); a row of `layers` that is no
            layer, or layers that leave another grid.

    Source:
        YOLO, arXiv 1506.02640 figure 3; with batch normalisation, which is younger.
    """

    def __init__(
        self,
        num_classes: int = 20,
        *,
        in_channels: int = 3,
        num_boxes: int = 2,
        grid: int = 7,
        hidden: int = 496,
        width: float = 1.0,
        block: BlockFactory = CNNBlock,
        layers: LayerTable = YOLOV1_LAYERS,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        counts = {"num_classes": num_classes, "in_channels": in_channels, "num_boxes": num_boxes, "grid": grid}
        for name, value in counts.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        if hidden < 0:
            raise ValueError(f"hidden is {hidden}; it must be at least 1, or 0 for no hidden layer")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout:g}; it is a probability from 0 to below 1")
        self.num_classes = num_classes
        self.num_boxes = num_boxes
        self.grid = grid
        self.hidden = hidden
        self.in_channels = in_channels
        self.width = width
        self.layers = as_tuples(layers)
        self.dropout = dropout
        if (left := map_size(self.layers, CELL * grid)) != grid:
            image, cells = f"{CELL * grid} x {CELL * grid}", f"{grid} x {grid}"
            raise ValueError(f"the layers leave {left} x {left} of an image of {image}; {cells} cells are needed")

        self.backbone, channels = build_layers(self.layers, in_channels, width, block)
        self.head = _connected(channels * grid * grid, hidden, grid * grid * (num_classes + 5 * num_boxes), dropout)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the only input it takes, pixels."""
        return self.stride, self.stride

    @property
    def fixed_size(self) -> tuple[int, int]:
        """(height, width) that every image must have, pixels."""
        return self.image_size

    @property
    def stride(self) -> int:
        """Pixels. The height and width of an input: the last layers are made for one size."""
        return CELL * self.grid

    def forward(self, images: Tensor) -> Tensor:
        """Predict.

        Args:
            images: (B, in_channels, 64·S, 64·S) in [0, 1].

        Returns:
            (B, S·S·(C + 5·K)): row after row of cells; `GridOutput` reads it.

        Raises:
            ValueError: Images of another shape, type or size.
        """
        check_images(images, 1, self.in_channels)
        height, width = images.shape[2:]
        if height != self.stride or width != self.stride:
            only = f"{self.stride} x {self.stride}"
            raise ValueError(f"image size {height} x {width}; YOLOv1 with a grid of {self.grid} takes {only} only")
        return self.head(self.backbone(images))

    def decode(self, predictions: Tensor) -> Candidates:
        """Predictions -> (B, S·S·K, 4) boxes in pixels of the input and (B, S·S·K, C) scores, confidence · class.

        The network regresses probabilities without a sigmoid, so a score may lie a little outside [0, 1].
        """
        output = GridOutput.from_predictions(predictions, self.num_classes, self.num_boxes)
        scores = output.confidence[..., None] * output.classes[..., None, :]  # (B, S, S, K, C)
        return Candidates(output.xyxy.flatten(1, 3), scores.flatten(1, 3))


def _connected(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    """The fully connected layers. Dropout has a name beside the numbers, so that weights fit with it and without."""
    layers: list[tuple[str, nn.Module]] = [("0", nn.Flatten())]
    if hidden:
        layers += [("1", nn.Linear(inputs, hidden)), ("2", leaky_relu())]
    if dropout:
        layers.append(("dropout", nn.Dropout(dropout)))
    layers.append((str(len([name for name, _ in layers if name != "dropout"])), nn.Linear(hidden or inputs, outputs)))
    return nn.Sequential(OrderedDict(layers))
