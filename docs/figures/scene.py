"""The image of the course: a triangle, a circle in front of it, and a large square."""

from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from figures.svg import OBJECT_COLOURS, Panel, Pixels
from yolo3 import COCO_ANCHORS, GroundTruth, MultiAnchorLoss, ScaleOutput, YOLOv3
from yolo3.data.shapes import SHAPES

EDGE = 256
"""Pixels of the image, high and wide."""
BOXES = torch.tensor([[90.0, 60, 154, 108], [106, 80, 130, 104], [10, 130, 130, 250]])
LABELS = torch.tensor([2, 0, 1])
NAMES = tuple(SHAPES[label] for label in LABELS.tolist())
LOGITS = torch.tensor([1, 0.2, -0.4, 0.5, -0.3, -1, 0, 2])
"""What a network may predict for the triangle at `SLOT`."""
SLOT = (1, 5, 7)
"""Anchor, row and column at stride 16."""

_FINE = 4  # factor of supersampling, for smooth edges
_STEPS = 110


def truth() -> GroundTruth:
    """The objects, as a batch of one image."""
    return GroundTruth.collate([(BOXES, LABELS)])


def scales() -> list[ScaleOutput]:
    """The three grids of the image, with nothing predicted."""
    return ScaleOutput.blank(COCO_ANCHORS, (EDGE, EDGE))


@cache
def pixels() -> Pixels:
    """(256, 256, 3) the image."""
    drawing = Image.new("RGB", (EDGE * _FINE, EDGE * _FINE), (214, 208, 196))
    brush = ImageDraw.Draw(drawing)
    triangle, circle, square = (BOXES * _FINE).tolist()
    left, top, right, bottom = triangle
    brush.polygon([((left + right) / 2, top), (right, bottom), (left, bottom)], fill=(60, 95, 140))
    brush.ellipse(circle, fill=(225, 150, 60))
    brush.rectangle(square, fill=(80, 130, 105))
    return np.asarray(drawing.reduce(_FINE))


def as_batch() -> Tensor:
    """(1, 3, 256, 256) the image as a network takes it, in [0, 1]."""
    return torch.from_numpy(pixels().copy()).permute(2, 0, 1)[None] / 255


@cache
def network() -> YOLOv3:
    """A network of an eighth of the width that has learnt the image and its mirror image by heart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = YOLOv3(num_classes=3, width=0.125)
    images, objects = _mirrored()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    criterion = MultiAnchorLoss()  # several slots per object, so that NMS has something to do
    for _ in range(_STEPS):
        loss = criterion(model(images), objects)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean, of one pass with the final weights
    with torch.no_grad():
        model(images)
    return model.eval()


@cache
def predictions() -> tuple[Tensor, ...]:
    """What `network` predicts for the image: logits per scale."""
    model = network()
    with torch.no_grad():
        return model(as_batch())


def _mirrored() -> tuple[Tensor, GroundTruth]:
    """The image and its mirror image, with their objects."""
    left, top, right, bottom = BOXES.unbind(1)
    boxes = torch.stack([EDGE - right, top, EDGE - left, bottom], dim=1)
    images = torch.cat([as_batch(), as_batch().flip(3)])
    return images, GroundTruth.collate([(BOXES, LABELS), (boxes, LABELS)])


def panel(words: str, *, title: str, note: str = "", pale: bool = True, edge: float = 216) -> "View":
    """A panel with the image in it, a line of text above and one below."""
    drawing = Panel(words, edge + 20, edge + 30 + (24 if note else 6))
    drawing.text(edge / 2 + 10, 18, title, bold=True)
    view = View(drawing, 10, 28, edge / EDGE)
    drawing.image(pixels(), view.at((0, 0, EDGE, EDGE)), pale=pale)
    if note:
        drawing.text(edge / 2 + 10, edge + 46, note, size=12, colour="muted")
    return view


class View:
    """A part of the image, magnified, inside a panel."""

    def __init__(self, drawing: Panel, left: float, top: float, zoom: float, origin: tuple[float, float] = (0, 0)):
        self.panel = drawing
        self.left = left
        self.top = top
        self.zoom = zoom
        self.origin = origin

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the image is in the panel."""
        return self.left + (x - self.origin[0]) * self.zoom, self.top + (y - self.origin[1]) * self.zoom

    def at(self, box: "tuple[float, float, float, float] | list[float]") -> tuple[float, float, float, float]:
        """Where a box of the image is in the panel."""
        return (*self.point(box[0], box[1]), *self.point(box[2], box[3]))

    def cell(self, row: int, column: int, stride: int) -> tuple[float, float, float, float]:
        """Where a cell is in the panel."""
        return self.at((column * stride, row * stride, (column + 1) * stride, (row + 1) * stride))

    def grid(self, stride: int, edge: int = EDGE) -> None:
        """Draw the borders of the cells."""
        for place in range(0, edge + 1, stride):
            x, y = self.point(place, place)
            width = 0.5 if stride < 16 else 0.8
            self.panel.line(x, self.point(0, 0)[1], x, self.point(0, edge)[1], "line", width)
            self.panel.line(self.point(0, 0)[0], y, self.point(edge, 0)[0], y, "line", width)

    def objects(self, width: float = 2, chosen: tuple[int, ...] = (0, 1, 2)) -> None:
        """Draw the true boxes, each in its colour."""
        for number in chosen:
            self.panel.box(self.at(BOXES[number].tolist()), OBJECT_COLOURS[number], width)
