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
    """(N,) int64: number of the image of the batch that each object is in. The order counts: where objects compete for
    a slot, policies serve earlier ones first."""
    weights: Tensor | None = None
    """(N,) weight of each object: with mixup, the share of its image. None is 1 for all."""

    @classmethod
    def collate(cls, truths: Sequence[tuple[Tensor, Tensor]]) -> "GroundTruth":
        """Join the objects of each image of a batch.

        Args:
            truths: (boxes (N, 4), labels (N,)) of each image; empty tensors, even ``torch.tensor([])``, for an image
                without objects.

        Raises:
            ValueError: No image, boxes that are not (N, 4), an image with more or fewer boxes than labels.
        """
        if not truths:
            raise ValueError("a batch needs at least one image")
        boxes = [torch.as_tensor(boxes) for boxes, _ in truths]
        labels = [torch.as_tensor(labels) for _, labels in truths]
        for number, (of_image, classes) in enumerate(zip(boxes, labels, strict=True)):
            if of_image.numel() and (of_image.ndim != 2 or of_image.shape[1] != 4):
                raise ValueError(f"image {number}: boxes are (N, 4) xyxy, not {tuple(of_image.shape)}")
            if len(of_image) != len(classes):
                counts = f"{len(of_image)} boxes and {len(classes)} labels"
                raise ValueError(f"image {number} has {counts}; give one label per box")
        # empty ones are left out: `torch.tensor([])` has floats and one axis, whatever the labels of the others are
        joined = torch.cat([classes for classes in labels if len(classes)] or labels[:1])
        # floats stay floats: a class of 1.5 is for the loss to refuse, not for `long` to round down
        stay = joined.ndim == 2 or (len(joined) > 0 and joined.is_floating_point())
        if not stay:
            joined = joined.long()
        return cls(
            boxes=torch.cat([of_image.reshape(-1, 4) for of_image in boxes]),
            labels=joined,
            image=torch.arange(len(truths)).repeat_interleave(torch.tensor([len(of_image) for of_image in boxes])),
        )

    @classmethod
    def from_rows(cls, rows: Tensor, image_size: tuple[int, int]) -> "GroundTruth":
        """Read the objects of a batch from one table, as the data loaders of several other PyTorch programs give them.

        Args:
            rows: (N, 6): image of the batch, class, and centre x, centre y, width, height as fractions of the image.
            image_size: (height, width) of the network input, pixels.

        Raises:
            ValueError: Rows of another shape, an image or class that is not a whole number, a fraction outside [0, 1].
        """
        if rows.ndim != 2 or rows.shape[1] != 6:
            raise ValueError(f"rows are (N, 6): image, class, x, y, width, height; not {tuple(rows.shape)}")
        numbers = rows[:, :2]  # image and class
        fractions = rows[:, 2:]
        for what, valid in (
            ("an image or class that is not a whole number", (numbers >= 0) & (numbers == numbers.round())),
            ("a box that is not in fractions of the image, in [0, 1]", (fractions >= 0) & (fractions <= 1)),
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
        if self.weights is None:
            return self.boxes.new_ones(len(self.boxes))
        return self.weights

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "GroundTruth":
        """The same objects on another device."""
        return _moved(self, device, non_blocking)

    def pin_memory(self) -> "GroundTruth":
        """The same objects in page-locked memory: a data loader asks for it."""
        return replace(self, **{name: value.pin_memory() for name, value in _tensors(self)})

    def __len__(self) -> int:
        return len(self.boxes)


_EDGE = 1e-4
"""Cells by which rounding alone may put a centre outside its cell: float32 has 7 digits, and a grid some 100 cells."""


@dataclass(frozen=True)
class Targets:
    """Targets of one scale: its positive slots, and the slots that are ignored. The rest is background."""

    slots: Tensor
    """(P, 4) int64: image, anchor, row, column. A slot is listed once per object that it is given."""
    boxes: Tensor
    """(P, 4) cxcywh, pixels of the network input."""
    labels: Tensor
    """(P,) int64, or (P, C) multi-hot."""
    weights: Tensor
    """(P,) weight of each positive."""
    ignore: Tensor
    """(B, A, S, S) bool: slots that are ignored by every loss; none of them is positive."""

    @classmethod
    def from_dense(cls, dense: Tensor, stride: int | Tensor) -> "Targets":
        """Read dense targets, a value for every slot.

        Args:
            dense: (B, A, S, S, 6): [c, x, y, w, h, label]. c is 1 for a positive, 0 for background, -1 for an ignored
                slot; x and y count from the top left corner of the cell, and x, y, w and h are in cells. A seventh
                column is the weight of the object.
            stride: Pixels per cell.

        Raises:
            ValueError: Another shape, or another number in the first column.
        """
        if dense.ndim != 5 or dense.shape[-1] not in (6, 7):
            raise ValueError(f"dense targets are (B, A, S, S, 6), or 7 with weights, not {tuple(dense.shape)}")
        if not ((dense[..., 0] == 1) | (dense[..., 0] == 0) | (dense[..., 0] == -1)).all():
            raise ValueError("the first column of dense targets is 1 (positive), 0 (background) or -1 (ignored)")
        slots = (dense[..., 0] == 1).nonzero()
        image, anchor, row, column = slots.unbind(1)
        values = dense[image, anchor, row, column]  # (P, 6) or (P, 7)
        cells = torch.stack([column, row], dim=1)
        weights = torch.ones_like(values[:, 0])
        if dense.shape[-1] == 7:
            weights = values[:, 6]
        return cls(
            slots=slots,
            boxes=torch.cat([values[:, 1:3] + cells, values[:, 3:5]], dim=1) * stride,
            labels=values[:, 5].long(),
            weights=weights,
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
            raise ValueError("dense targets hold one class per object; multi-hot labels do not fit")
        image, anchor, row, column = self.slots.unbind(1)
        num_objects = torch.zeros_like(self.ignore, dtype=torch.long)
        num_objects.index_put_((image, anchor, row, column), torch.ones_like(image), accumulate=True)
        if (num_objects > 1).any():
            raise ValueError("two objects share a slot; dense targets hold one object per slot")
        if not weights and not (self.weights == 1).all():
            raise ValueError("dense targets of six columns have none for object weights; pass weights=True")
        num_columns = 7 if weights else 6
        dense = self.boxes.new_zeros(*self.ignore.shape, num_columns)
        dense[..., 0] = torch.where(self.ignore, -1.0, 0.0)
        place = self.boxes[:, :2] / stride - self.slots[:, [3, 2]]
        # `NeighbourCells` makes cells beside the object's responsible too: their offsets lie outside [0, 1) and stay so
        is_inside = ((place > -_EDGE) & (place < 1 + _EDGE)).all(dim=1, keepdim=True)
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
        """The positives of several scales as one list, in the order of `ScaleOutput.joined`; `ignore` becomes flat."""
        return cls(
            slots=torch.cat([part.slots for part in parts]),
            boxes=torch.cat([part.boxes for part in parts]),
            labels=torch.cat([part.labels for part in parts]),
            weights=torch.cat([part.weights for part in parts]),
            ignore=torch.cat([part.ignore.flatten() for part in parts]),
        )

    def offsets(self, stride: int | Tensor) -> Tensor:
        """(P, 2) centres within their cells, in [0, 1) cells.

        A centre on the right or bottom edge of the image belongs to the last cell: its offset is just below 1.
        """
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
    """(B, N, C) score of every class: P(object) · P(class)."""


@dataclass(frozen=True)
class Detections:
    """The objects found in one image, best first."""

    boxes: Tensor
    """(N, 4) xyxy pixels."""
    scores: Tensor
    """(N,) in [0, 1], descending."""
    labels: Tensor
    """(N,) int64 class numbers."""
    class_names: tuple[str, ...] = ()
    """Name of every class of the detector; empty if the classes have no names."""
    limit_reached: bool = False
    """Whether objects of lower score were left out because there were more than ``max_detections``."""
    best_below: float | None = None
    """Highest score if nothing passed the confidence threshold; None if something did, or if unknown."""

    @property
    def names(self) -> list[str]:
        """The class name of each object; its number where classes have no names."""
        labels = self.labels.tolist()
        if not self.class_names:
            return [str(label) for label in labels]
        return [self.class_names[label] for label in labels]

    def draw(self, image: "Drawable", style: "Style | None" = None) -> "Image.Image":
        """Draw each bounding box, name and score on a copy of the image; see `draw_detections`."""
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
            number = range(len(self))[chosen]  # -1 is the last one; the IndexError past the end ends a `for` loop
            chosen = slice(number, number + 1)
        return replace(self, boxes=self.boxes[chosen], scores=self.scores[chosen], labels=self.labels[chosen])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Detections":
        """The same detections on another device."""
        return _moved(self, device, non_blocking)


def _tensors(value: Any) -> list[tuple[str, Tensor]]:
    return [(name, field) for name, field in vars(value).items() if isinstance(field, Tensor)]


def _moved(value: Any, device: torch.device | str, non_blocking: bool) -> Any:
    return replace(value, **{name: field.to(device, non_blocking=non_blocking) for name, field in _tensors(value)})
