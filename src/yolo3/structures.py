"""The nouns: what travels between the parts of a detector.

::

    images ─[detector]→ predictions ─[assigner, with GroundTruth]→ Targets ─[terms]→ a loss
                             └─[detector.decode]→ Candidates ─[suppress]→ Detections

Predictions are read through `ScaleOutput`, a noun with a file of its own. A slot is one place that can be responsible
for an object: (image, anchor, row, column) of a scale's grid. Rows are y, columns are x. Boxes are in pixels of the
network input unless a name says otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from yolo3.boxes import cxcywh_to_xyxy
from yolo3.scale_output import ScaleOutput, check_image_size

if TYPE_CHECKING:
    import supervision
    from PIL import Image

    from yolo3.draw import Drawable, Style

__all__ = ["Candidates", "Detections", "GroundTruth", "ScaleOutput", "Targets", "check_image_size"]


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
    """(N,) weight of each object, as mixup needs; None is 1 for all."""

    @classmethod
    def collate(cls, truths: Sequence[tuple[Tensor, Tensor]]) -> "GroundTruth":
        """Join the (boxes (N, 4), labels (N,)) of each image of a batch; an image of nothing may give empty tensors.

        Raises:
            ValueError: no image, boxes that are not (N, 4), an image of more boxes than labels, or fewer.
        """
        if not truths:
            raise ValueError("a batch needs at least one image")
        boxes = [torch.as_tensor(boxes) for boxes, _ in truths]
        labels = [torch.as_tensor(labels) for _, labels in truths]
        for number, (own, named) in enumerate(zip(boxes, labels, strict=True)):
            if own.numel() and (own.ndim != 2 or own.shape[1] != 4):
                raise ValueError(f"image {number}: boxes are (N, 4) xyxy, not {tuple(own.shape)}")
            if len(own) != len(named):
                raise ValueError(f"image {number} has {len(own)} boxes and {len(named)} labels; each box has one")
        some = [named for named in labels if len(named)] or labels[:1]  # `torch.tensor([])` is of floats, and flat
        joined = torch.cat(some)
        return cls(
            boxes=torch.cat([own.reshape(-1, 4) for own in boxes]),
            labels=joined if joined.ndim == 2 or (joined.is_floating_point() and len(joined)) else joined.long(),
            image=torch.arange(len(truths)).repeat_interleave(torch.tensor([len(own) for own in boxes])),
        )

    @classmethod
    def from_rows(cls, rows: Tensor, image_size: tuple[int, int]) -> "GroundTruth":
        """Read one table of a batch, as several PyTorch programs for YOLO pass it on.

        Args:
            rows: (N, 6): image of the batch, class, and centre x, centre y, width, height as fractions of the image.
            image_size: (height, width) of the network input, pixels.

        Raises:
            ValueError: Rows of another shape, an image or class that is no whole number, a fraction outside [0, 1].
        """
        if rows.ndim != 2 or rows.shape[1] != 6:
            raise ValueError(f"rows are (N, 6): image, class, x, y, width, height; not {tuple(rows.shape)}")
        numbers, fractions = rows[:, :2], rows[:, 2:]
        for what, valid in (
            ("an image or class that is no whole number", (numbers >= 0) & (numbers == numbers.round())),
            ("a box that is no fraction of the image, in [0, 1]", (fractions >= 0) & (fractions <= 1)),
        ):
            wrong = (~valid.all(dim=1)).nonzero()
            if len(wrong):
                first = int(wrong[0])
                raise ValueError(f"row {first} has {what}: {[round(value, 4) for value in rows[first].tolist()]}")
        height, width = image_size
        pixels = fractions * fractions.new_tensor([width, height, width, height])
        return cls(cxcywh_to_xyxy(pixels), labels=numbers[:, 1].long(), image=numbers[:, 0].long())

    @property
    def object_weights(self) -> Tensor:
        """(N,) weight of each object: `weights`, or ones."""
        return self.boxes.new_ones(len(self.boxes)) if self.weights is None else self.weights

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "GroundTruth":
        """The same objects on another device."""
        return _moved(self, device, non_blocking)

    def pin_memory(self) -> "GroundTruth":
        """The same objects in page-locked memory: a data loader asks for it."""
        return replace(self, **{name: value.pin_memory() for name, value in _tensors(self)})

    def __len__(self) -> int:
        return len(self.boxes)


_EDGE = 1e-4
"""Cells by which a centre may lie outside its cell by rounding alone."""


@dataclass(frozen=True)
class Targets:
    """Targets of one scale: its positive slots, and the slots that are ignored. The rest is background."""

    slots: Tensor
    """(P, 4) int64: image, anchor, row, column. A slot may stand here more than once where a policy allows it."""
    boxes: Tensor
    """(P, 4) cxcywh, pixels of the network input."""
    labels: Tensor
    """(P,) int64, or (P, C) multi-hot."""
    weights: Tensor
    """(P,) weight of each positive."""
    ignore: Tensor
    """(B, A, S, S) bool: slots that are ignored by every loss; a positive is never one of them."""

    @classmethod
    def from_dense(cls, dense: Tensor, stride: int | Tensor) -> "Targets":
        """Read (B, A, S, S, 6) dense targets [c, x, y, w, h, label]: c is 1 positive, 0 background, -1 ignored;
        x and y count from the corner of the cell, w and h are in cells. A seventh column is the weight of the object.
        """  # noqa: D205
        if dense.ndim != 5 or dense.shape[-1] not in (6, 7):
            raise ValueError(f"dense targets are (B, A, S, S, 6), or 7 with weights, not {tuple(dense.shape)}")
        if not ((dense[..., 0] == 1) | (dense[..., 0] == 0) | (dense[..., 0] == -1)).all():
            raise ValueError("the first column of dense targets is 1 (positive), 0 (background) or -1 (ignored)")
        slots = (dense[..., 0] == 1).nonzero()
        image, anchor, row, column = slots.unbind(1)
        values = dense[image, anchor, row, column]  # (P, 6)
        cells = torch.stack([column, row], dim=1)
        return cls(
            slots=slots,
            boxes=torch.cat([values[:, 1:3] + cells, values[:, 3:5]], dim=1) * stride,
            labels=values[:, 5].long(),
            weights=values[:, 6] if dense.shape[-1] == 7 else torch.ones_like(values[:, 0]),
            ignore=dense[..., 0] == -1,
        )

    def to_dense(self, stride: int | Tensor, *, weights: bool = False) -> Tensor:
        """(B, A, S, S, 6) dense targets; `from_dense` gives these targets back, in order of their slots.

        Args:
            stride: Pixels per cell.
            weights: Whether a seventh column holds the weight of each object.

        Raises:
            ValueError: Two positives in one slot, multi-hot labels, or weights without their column.
        """
        if self.labels.ndim != 1:
            raise ValueError("dense targets hold one class an object; multi-hot labels do not fit")
        image, anchor, row, column = self.slots.unbind(1)
        answers = torch.zeros_like(self.ignore, dtype=torch.long)
        answers.index_put_((image, anchor, row, column), torch.ones_like(image), accumulate=True)
        if (answers > 1).any():
            raise ValueError("two objects share a slot; dense targets hold one object a slot")
        if not weights and not (self.weights == 1).all():
            raise ValueError("dense targets of six columns have none for object weights; say weights=True")
        dense = self.boxes.new_zeros(*self.ignore.shape, 7 if weights else 6)
        dense[..., 0] = torch.where(self.ignore, -1.0, 0.0)
        place = self.boxes[:, :2] / stride - self.slots[:, [3, 2]]
        is_inside = ((place > -_EDGE) & (place < 1 + _EDGE)).all(dim=1, keepdim=True)
        # some policies make cells beside the object's responsible too
        place = torch.where(is_inside, self.offsets(stride), place)
        values = [torch.ones_like(self.boxes[:, :1]), place, self.boxes[:, 2:] / stride]
        values.append(self.labels[:, None].to(self.boxes.dtype))
        if weights:
            values.append(self.weights[:, None].to(self.boxes.dtype))
        dense[image, anchor, row, column] = torch.cat(values, dim=1)
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
    """Every box that a detector predicts in a batch, before NMS."""

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
    """Name of every class of the detector; empty if it has none."""
    limit_reached: bool = False
    """Whether objects of lower score were left out, since there were more than ``max_detections``."""
    best_below: float | None = None
    """Highest score if nothing passed the confidence threshold; None if something did, or if it is not known."""

    @property
    def names(self) -> list[str]:
        """The class name of each object; its number where classes have no names."""
        return [self.class_names[label] if self.class_names else str(label) for label in self.labels.tolist()]

    def draw(self, image: "Drawable", style: "Style | None" = None) -> "Image.Image":
        """A copy of the image they were found in, with each bounding box, name and score; see `draw_detections`."""
        from yolo3.results.drawing import draw_detections

        return draw_detections(self, image, style)

    def to_dict(self) -> dict[str, Any]:
        """The objects in plain types: ``{"detections": [{"name", "label", "score", "box"}]}``, ready for JSON.

        A box is [left, top, right, bottom] in pixels, to a hundredth; a score is rounded to six digits.
        """
        values = zip(self.names, self.labels.tolist(), self.scores.tolist(), self.boxes.tolist(), strict=True)
        return {
            "detections": [
                {"name": name, "label": label, "score": round(score, 6), "box": [round(edge, 2) for edge in box]}
                for name, label, score, box in values
            ]
        }

    def to_supervision(self) -> "supervision.Detections":
        """The same as the ``Detections`` of the library `supervision`, which counts, tracks and draws them.

        Raises:
            ModuleNotFoundError: supervision is not installed.
        """
        from yolo3.results.drawing import to_supervision

        return to_supervision(self)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, chosen: Tensor | slice | int) -> "Detections":
        """The detections that a mask, indices, a slice or one index selects; iteration gives them one by one."""
        if isinstance(chosen, int):
            number = range(len(self))[chosen]  # counts from the end, and ends a loop with an IndexError
            chosen = slice(number, number + 1)
        return replace(self, boxes=self.boxes[chosen], scores=self.scores[chosen], labels=self.labels[chosen])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Detections":
        """The same detections on another device."""
        return _moved(self, device, non_blocking)


def _tensors(value: Any) -> list[tuple[str, Tensor]]:
    return [(name, field) for name, field in vars(value).items() if isinstance(field, Tensor)]


def _moved(value: Any, device: torch.device | str, non_blocking: bool) -> Any:
    return replace(value, **{name: field.to(device, non_blocking=non_blocking) for name, field in _tensors(value)})
