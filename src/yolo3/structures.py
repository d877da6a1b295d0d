"""The nouns: what travels between the parts of a detector.

    images ─[detector]→ predictions ─[assigner, with GroundTruth]→ Targets ─[terms]→ a loss
                             └─[detector.decode]→ Candidates ─[suppress]→ Detections

A slot is one place that can answer for an object: (image, anchor, row, column) of a scale's grid. Rows are y, columns
are x. Boxes are in pixels of the network input unless a name says otherwise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from yolo3.boxes import Anchors
from yolo3.draw import Picture, draw_boxes

_LARGEST_LOG_RATIO = math.log(1e3)  # of a box to its anchor: exp() of a stray logit must not become infinite


@dataclass(frozen=True)
class GroundTruth:
    """The labelled objects of a batch of images, all in one list."""

    boxes: Tensor
    """(N, 4) xyxy, pixels of the network input."""
    labels: Tensor
    """(N,) int64 class numbers, or (N, C) multi-hot."""
    image: Tensor
    """(N,) int64: the image of the batch that each object is in; objects keep the order they are given in."""
    weights: Tensor | None = None
    """(N,) how much each object counts, as mixup needs; None is 1 for all."""

    @classmethod
    def collate(cls, truths: Sequence[tuple[Tensor, Tensor]]) -> "GroundTruth":
        """Join the (boxes (N, 4), labels (N,)) of each image of a batch."""
        if not truths:
            raise ValueError("a batch needs at least one image")
        counts = torch.tensor([len(boxes) for boxes, _ in truths])
        return cls(
            boxes=torch.cat([boxes.reshape(-1, 4) for boxes, _ in truths]),
            labels=torch.cat([labels for _, labels in truths]),
            image=torch.arange(len(truths)).repeat_interleave(counts),
        )

    @property
    def object_weights(self) -> Tensor:
        """(N,) how much each object counts: `weights`, or ones."""
        return self.boxes.new_ones(len(self.boxes)) if self.weights is None else self.weights

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "GroundTruth":
        """The same objects on another device."""
        return _moved(self, device, non_blocking)

    def pin_memory(self) -> "GroundTruth":
        """The same objects in page-locked memory: a data loader asks for it."""
        return replace(self, **{name: value.pin_memory() for name, value in _tensors(self)})

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True)
class ScaleOutput:
    """Predictions of one scale, with what is needed to read them: the only place that knows the columns.

    Over a whole grid it is made from a detector's output; `at` gives the same thing for a list of slots, where the
    leading (B, A, S, S) becomes (P,), and `joined` makes one list of those of several scales.
    """

    logits: Tensor
    """(B, A, S, S, 5 + C), or (P, 5 + C) at slots: [objectness, x, y, w, h, class 0 … C-1]."""
    anchors: Tensor
    """(A, 2), or (P, 2) at slots: width and height of the anchor, pixels."""
    stride: int | Tensor
    """Pixels a cell; (P, 1) where scales are joined."""
    xy_scale: float | Tensor = 1.0
    """Reach of a centre beyond its cell, see `Anchors.xy_scales`; (P, 1) where scales of different reach are joined."""
    cells: Tensor | None = None
    """(P, 2) column and row at slots; None over a whole grid."""

    @classmethod
    def from_predictions(cls, predictions: Sequence[Tensor], anchors: Anchors) -> "list[ScaleOutput]":
        """Every scale of a detector's output, coarse to fine; half precision is read as float32.

        Raises:
            ValueError: predictions that do not have the scales or anchors said.
        """
        if len(predictions) != len(anchors):
            raise ValueError(f"{len(predictions)} predictions for anchors of {len(anchors)} scales")
        outputs = []
        for scale, logits in enumerate(predictions):
            if logits.ndim != 5 or logits.shape[1] != len(anchors.sizes[scale]) or logits.shape[-1] < 6:
                expected = f"(B, {len(anchors.sizes[scale])}, S, S, 5 + C)"
                raise ValueError(f"predictions of scale {scale} are {tuple(logits.shape)}, not {expected}")
            logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
            sizes = anchors.tensor(scale, like=logits)
            outputs.append(cls(logits, sizes, anchors.strides[scale], anchors.xy_scales[scale]))
        return outputs

    @classmethod
    def blank(cls, anchors: Anchors, image_size: tuple[int, int], batch_size: int = 1) -> "list[ScaleOutput]":
        """The grids for an input of (height, width) with nothing predicted yet: enough to place objects on.

        Raises:
            ValueError: a height or width that is not a multiple of every stride.
        """
        check_image_size(image_size, max(anchors.strides))
        nothing = torch.zeros(())  # expanded, not copied: a blank grid takes no memory
        predictions = [
            nothing.expand(batch_size, len(sizes), image_size[0] // stride, image_size[1] // stride, 6)
            for sizes, stride in anchors
        ]
        return cls.from_predictions(predictions, anchors)

    @property
    def objectness(self) -> Tensor:
        """(...,) logits."""
        return self.logits[..., 0]

    @property
    def classes(self) -> Tensor:
        """(..., C) logits."""
        return self.logits[..., 5:]

    @property
    def centre_logits(self) -> Tensor:
        """(..., 2): a sigmoid away from the centre within its cell."""
        return self.logits[..., 1:3]

    @property
    def log_ratios(self) -> Tensor:
        """(..., 2): log(w / anchor) and log(h / anchor)."""
        return self.logits[..., 3:5]

    @property
    def offsets(self) -> Tensor:
        """(..., 4): the centre within its cell (in cells), then log(w / anchor) and log(h / anchor)."""
        return torch.cat([self._centre_in_cell(), self.log_ratios], dim=-1)

    @property
    def cxcywh(self) -> Tensor:
        """(..., 4) predicted boxes, pixels. Source: YOLOv3, arXiv 1804.02767 §2.1."""
        return torch.cat(self._centre_and_size(), dim=-1)

    @property
    def xyxy(self) -> Tensor:
        """(..., 4) predicted boxes, pixels."""
        centre, size = self._centre_and_size()
        half = size / 2
        return torch.cat([centre - half, centre + half], dim=-1)

    @property
    def without_classes(self) -> "ScaleOutput":
        """The same boxes; `at` then gathers less."""
        return replace(self, logits=self.logits[..., :5])

    def at(self, slots: Tensor) -> "ScaleOutput":
        """The predictions at (P, 4) slots: image, anchor, row, column."""
        image, anchor, row, column = slots.unbind(1)
        return replace(
            self,
            logits=self.logits[image, anchor, row, column],
            anchors=self.anchors.index_select(0, anchor),
            cells=torch.stack([column, row], dim=1),
        )

    @classmethod
    def joined(cls, parts: "Sequence[ScaleOutput]") -> "ScaleOutput":
        """The predictions at slots of several scales, as one list: a term then runs once and not once a scale."""

        def column(name: str) -> Tensor:
            return torch.cat([part.logits.new_full((len(part.logits), 1), getattr(part, name)) for part in parts])

        xy_scale = parts[0].xy_scale
        return cls(
            logits=torch.cat([part.logits for part in parts]),
            anchors=torch.cat([part.anchors for part in parts]),
            stride=column("stride"),
            xy_scale=xy_scale if all(part.xy_scale == xy_scale for part in parts) else column("xy_scale"),
            cells=torch.cat([part.cells for part in parts if part.cells is not None]),
        )

    def _centre_in_cell(self) -> Tensor:
        sigmoid = self.centre_logits.sigmoid()
        if isinstance(self.xy_scale, float) and self.xy_scale == 1:
            return sigmoid
        return sigmoid * self.xy_scale - (self.xy_scale - 1) / 2

    def _centre_and_size(self) -> tuple[Tensor, Tensor]:
        """(..., 2) and (..., 2), pixels."""
        centre = (self._centre_in_cell() + self._cells()) * self.stride
        # the clamp comes first: where exp overflowed, its gradient would be infinite times zero
        return centre, self.log_ratios.clamp(max=_LARGEST_LOG_RATIO).exp() * self._anchors()

    def _cells(self) -> Tensor:
        """Column and row of every prediction, to broadcast against (..., 2)."""
        if self.cells is not None:
            return self.cells
        rows, columns = self.logits.shape[2:4]
        row = torch.arange(rows, device=self.logits.device)
        column = torch.arange(columns, device=self.logits.device)
        return torch.stack([column.expand(rows, columns), row[:, None].expand(rows, columns)], dim=-1)  # (S, S, 2)

    def _anchors(self) -> Tensor:
        """The anchor of every prediction, to broadcast against (..., 2)."""
        return self.anchors if self.cells is not None else self.anchors[:, None, None]


@dataclass(frozen=True)
class Targets:
    """What one scale should predict: its positive slots, and the slots that are ignored. The rest is background."""

    slots: Tensor
    """(P, 4) int64: image, anchor, row, column. A slot may stand here more than once where a policy allows it."""
    boxes: Tensor
    """(P, 4) cxcywh, pixels of the network input."""
    labels: Tensor
    """(P,) int64, or (P, C) multi-hot."""
    weights: Tensor
    """(P,) how much each positive counts."""
    ignore: Tensor
    """(B, A, S, S) bool: slots that no loss looks at; a positive is never one of them."""

    @classmethod
    def from_dense(cls, dense: Tensor, stride: int | Tensor) -> "Targets":
        """Read (B, A, S, S, 6) dense targets [c, x, y, w, h, label]: c is 1 positive, 0 background, -1 ignored;
        x and y lie inside the cell, w and h are in cells.
        """  # noqa: D205
        if dense.ndim != 5 or dense.shape[-1] != 6:
            raise ValueError(f"dense targets are (B, A, S, S, 6), not {tuple(dense.shape)}")
        slots = (dense[..., 0] == 1).nonzero()
        image, anchor, row, column = slots.unbind(1)
        values = dense[image, anchor, row, column]  # (P, 6)
        cells = torch.stack([column, row], dim=1)
        return cls(
            slots=slots,
            boxes=torch.cat([values[:, 1:3] + cells, values[:, 3:5]], dim=1) * stride,
            labels=values[:, 5].long(),
            weights=torch.ones_like(values[:, 0]),
            ignore=dense[..., 0] == -1,
        )

    def to_dense(self, stride: int | Tensor) -> Tensor:
        """(B, A, S, S, 6) dense targets; `from_dense` gives these targets back, in order of their slots.

        Raises:
            ValueError: two positives in one slot, multi-hot labels or weights: a dense target has no room for them.
        """
        if self.labels.ndim != 1:
            raise ValueError("dense targets hold one class an object; multi-hot labels do not fit")
        image, anchor, row, column = self.slots.unbind(1)
        answers = torch.zeros_like(self.ignore, dtype=torch.long)
        answers.index_put_((image, anchor, row, column), torch.ones_like(image), accumulate=True)
        if (answers > 1).any():
            raise ValueError("two objects share a slot; dense targets hold one object a slot")
        if not (self.weights == 1).all():
            raise ValueError("dense targets have no column for object weights")
        dense = self.boxes.new_zeros(*self.ignore.shape, 6)
        dense[..., 0] = torch.where(self.ignore, -1.0, 0.0)
        values = [torch.ones_like(self.boxes[:, :1]), self.offsets(stride), self.boxes[:, 2:] / stride]
        dense[image, anchor, row, column] = torch.cat([*values, self.labels[:, None].to(self.boxes.dtype)], dim=1)
        return dense

    @property
    def background(self) -> Tensor:
        """(B, A, S, S) bool: slots that are neither positive nor ignored."""
        background = ~self.ignore
        background[self.slots.unbind(1)] = False
        return background

    @classmethod
    def joined(cls, parts: "Sequence[Targets]") -> "Targets":
        """The positives of several scales as one list, beside `ScaleOutput.joined`; `ignore` is one long row."""
        return cls(
            slots=torch.cat([part.slots for part in parts]),
            boxes=torch.cat([part.boxes for part in parts]),
            labels=torch.cat([part.labels for part in parts]),
            weights=torch.cat([part.weights for part in parts]),
            ignore=torch.cat([part.ignore.flatten() for part in parts]),
        )

    def offsets(self, stride: int | Tensor) -> Tensor:
        """(P, 2) centres within their cells, in [0, 1) cells: the right and bottom edge belong to the last cell."""
        below_one = 1 - torch.finfo(self.boxes.dtype).eps
        return (self.boxes[:, :2] / stride - self.slots[:, [3, 2]]).clamp(0, below_one)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Targets":
        """The same targets on another device."""
        return _moved(self, device, non_blocking)

    def __len__(self) -> int:
        return len(self.slots)


@dataclass(frozen=True)
class Candidates:
    """Every box a detector can see in a batch, before suppression."""

    boxes: Tensor
    """(B, N, 4) xyxy, pixels of the network input."""
    scores: Tensor
    """(B, N, C) P(object) · P(class)."""


@dataclass(frozen=True)
class Detections:
    """The objects found in one image, best first."""

    boxes: Tensor
    """(N, 4) xyxy pixels."""
    scores: Tensor
    """(N,)."""
    labels: Tensor
    """(N,) int64."""
    class_names: tuple[str, ...] = ()
    """The name of every class the detector knows; empty where it has none."""

    @property
    def names(self) -> list[str]:
        """The class name of each object; its number where classes have no names."""
        return [self.class_names[label] if self.class_names else str(label) for label in self.labels.tolist()]

    def draw(self, picture: Picture) -> Image.Image:
        """A copy of the picture they were found in, with each object's box, name and score; see `draw_boxes`."""
        captions = [f"{name} {score:.2f}" for name, score in zip(self.names, self.scores.tolist(), strict=True)]
        return draw_boxes(picture, self.boxes.tolist(), captions, self.labels.tolist())

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, chosen: Tensor | slice) -> "Detections":
        """The detections that a mask, indices or a slice choose."""
        return replace(self, boxes=self.boxes[chosen], scores=self.scores[chosen], labels=self.labels[chosen])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Detections":
        """The same detections on another device."""
        return _moved(self, device, non_blocking)


def check_image_size(image_size: tuple[int, int], stride: int) -> None:
    """Raise the ValueError of a network input whose (height, width) is not a multiple of the coarsest stride."""
    if any(edge < stride or edge % stride for edge in image_size):
        height, width = image_size
        mended = " x ".join(str(max(stride, round(edge / stride) * stride)) for edge in image_size)
        raise ValueError(f"image size {height} x {width} is not a multiple of {stride}; try {mended}")


def _tensors(value: Any) -> list[tuple[str, Tensor]]:
    return [(name, field) for name, field in vars(value).items() if isinstance(field, Tensor)]


def _moved(value: Any, device: torch.device | str, non_blocking: bool) -> Any:
    return replace(value, **{name: field.to(device, non_blocking=non_blocking) for name, field in _tensors(value)})
