"""Objects paired with the slots that may predict them, for policies that choose among candidates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yolo3.structures import GroundTruth, ScaleOutput, Targets


@dataclass(frozen=True)
class Pairs:
    """Candidate pairs of an object and a slot, of all scales in one list: coarse to fine, then by object and slot."""

    objects: Tensor
    """(M,) int64: index of the object in the ground truth."""
    scales: Tensor
    """(M,) int64: index of the scale, 0 the coarsest."""
    slots: Tensor
    """(M, 4) int64: image, anchor, row, column."""

    @classmethod
    def within(
        cls, truth: GroundTruth, scales: Sequence[ScaleOutput], region: Callable[[ScaleOutput], Tensor]
    ) -> "Pairs":
        """Pair every object with all anchors of the cells in its region.

        Args:
            truth: Ground truth with N objects.
            scales: Predictions of the batch, of which only the grids are used.
            region: Function that gives (N, rows, columns) bool for one scale: the cells that may predict each object.
        """
        objects = []
        numbers = []
        slots = []
        for number, scale in enumerate(scales):
            found, row, column = region(scale).nonzero(as_tuple=True)
            num_anchors = len(scale.anchors)
            anchor = torch.arange(num_anchors, device=found.device).repeat(len(found))
            found, row, column = (each.repeat_interleave(num_anchors) for each in (found, row, column))
            objects.append(found)
            numbers.append(torch.full_like(found, number))
            slots.append(torch.stack([truth.image[found], anchor, row, column], dim=1))
        return cls(torch.cat(objects), torch.cat(numbers), torch.cat(slots))

    def predictions(self, scales: Sequence[ScaleOutput]) -> ScaleOutput:
        """The prediction of every pair, (M, 5 + C)."""
        at_slots = [scale.at(self.slots[self.scales == number]) for number, scale in enumerate(scales)]
        return ScaleOutput.joined(at_slots)

    def anchor_boxes(self, scales: Sequence[ScaleOutput]) -> Tensor:
        """(M, 4) xyxy pixels: the anchor of every pair, centred on its cell."""
        boxes = []
        for number, scale in enumerate(scales):
            _, anchor, row, column = self.slots[self.scales == number].unbind(1)
            centre = (torch.stack([column, row], dim=1) + 0.5) * scale.stride
            half = scale.anchors[anchor] / 2
            boxes.append(torch.cat([centre - half, centre + half], dim=1))
        return torch.cat(boxes)

    def best_per_object(self, score: Tensor, count: Tensor | int) -> Tensor:
        """(M,) bool: the `count` pairs of highest score of each object; the first of equal scores.

        Args:
            score: (M,) score of each pair.
            count: Number of pairs per object: one for all, or (M,) that of each pair's object.
        """
        return _rank(self.objects, score) < count

    def one_object_per_slot(self, score: Tensor, scales: Sequence[ScaleOutput]) -> Tensor:
        """(M,) bool: the pair of highest score among those that share a slot; the first object of equal scores."""
        key = torch.zeros_like(self.objects)
        first = 0
        for number, scale in enumerate(scales):
            batch_size, num_anchors, rows, columns = scale.logits.shape[:4]
            image, anchor, row, column = self.slots.unbind(1)
            index = first + ((image * num_anchors + anchor) * rows + row) * columns + column
            key = torch.where(self.scales == number, index, key)
            first += batch_size * num_anchors * rows * columns
        return _rank(key, score) == 0

    def chosen(self, mask: Tensor) -> "Pairs":
        """The pairs selected by an (M,) mask."""
        return Pairs(self.objects[mask], self.scales[mask], self.slots[mask])

    def to_targets(self, truth: GroundTruth, cxcywh: Tensor, scales: Sequence[ScaleOutput]) -> list[Targets]:
        """Every pair as a positive, nothing ignored.

        Args:
            truth: Ground truth with N objects.
            cxcywh: (N, 4) boxes of the objects, pixels.
            scales: Predictions of the batch, of which only the grids are used.
        """
        targets = []
        for number, scale in enumerate(scales):
            here = self.scales == number
            objects = self.objects[here]
            targets.append(
                Targets(
                    slots=self.slots[here],
                    boxes=cxcywh[objects],
                    labels=truth.labels[objects],
                    weights=truth.object_weights[objects],
                    ignore=torch.zeros(scale.logits.shape[:4], dtype=torch.bool, device=objects.device),
                )
            )
        return targets


def cell_centres(scale: ScaleOutput, like: Tensor) -> tuple[Tensor, Tensor]:
    """(columns,) x and (rows,) y of the centres of a grid's cells, pixels."""
    rows, columns = scale.logits.shape[2:4]
    x = (torch.arange(columns, dtype=like.dtype, device=like.device) + 0.5) * scale.stride
    y = (torch.arange(rows, dtype=like.dtype, device=like.device) + 0.5) * scale.stride
    return x, y


def _rank(group: Tensor, score: Tensor) -> Tensor:
    """(M,) rank of each member in its group, by descending score; the earlier of equal scores comes first."""
    order = score.argsort(descending=True, stable=True)
    order = order[group[order].argsort(stable=True)]
    ordered = group[order]
    rank = torch.empty_like(group)
    rank[order] = torch.arange(len(group), device=group.device) - torch.searchsorted(ordered, ordered)
    return rank
