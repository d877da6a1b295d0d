"""Explanations of a policy: for one image, which slot is responsible for which object."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from yolo3.assign.grid import image_size
from yolo3.assign.truth import check_truth
from yolo3.boxes import wh_iou
from yolo3.draw import Drawable, draw_boxes
from yolo3.protocols import Assigner
from yolo3.structures import GroundTruth, ScaleOutput, Targets

State = Literal["responsible", "lost", "ignored"]
Slot = tuple[int, int, int]
"""Anchor, row, column."""

_STATES: dict[State, str] = {"responsible": "shared with {}", "lost": "lost to {}"}  # if other objects are involved


@dataclass(frozen=True)
class Assignment:
    """The state of one slot because of one object."""

    object: int
    """Index of the object, in the order given."""
    stride: int
    """Stride of the scale."""
    anchor: int
    """Index of the anchor within its scale."""
    anchor_size: tuple[float, float]
    """(width, height) pixels."""
    row: int
    """Row of the cell."""
    column: int
    """Column of the cell."""
    fit: float
    """wh-IoU of the anchor and the object."""
    state: State
    """``responsible``: the slot is a positive of the object. ``lost``: it would be one if the object were alone.
    ``ignored``: it does not enter the loss."""
    others: tuple[int, ...] = ()
    """Other objects that the slot is responsible for, or was lost to."""


@dataclass(frozen=True)
class Explanation:
    """The assignments of a policy for the objects of one image; prints as a table."""

    boxes: tuple[tuple[float, float, float, float], ...]
    """xyxy of each object, pixels of the network input."""
    assignments: tuple[Assignment, ...]
    """Assignments, object by object, coarse to fine."""

    @property
    def unassigned(self) -> tuple[int, ...]:
        """Objects that no slot of any scale is responsible for."""
        assigned = {each.object for each in self.assignments if each.state == "responsible"}
        return tuple(number for number in range(len(self.boxes)) if number not in assigned)

    def draw(self, image: Drawable, stride: int | None = None) -> Image.Image:
        """A copy of the network input with each object, the cells responsible for it and their anchors, in one colour.

        Args:
            image: Letterboxed image, as the network sees it.
            stride: Stride of the one scale to draw. Default: all scales.
        """
        objects = list(range(len(self.boxes)))
        boxes = list(self.boxes)
        captions = [f"object {number}" for number in objects]
        for each in self.assignments:
            if each.state != "responsible" or stride not in (None, each.stride):
                continue
            left, top = each.column * each.stride, each.row * each.stride
            x, y = left + each.stride / 2, top + each.stride / 2
            width, height = each.anchor_size
            boxes += [
                (left, top, left + each.stride, top + each.stride),
                (x - width / 2, y - height / 2, x + width / 2, y + height / 2),
            ]
            captions += ["", f"anchor {each.anchor} of stride {each.stride}"]
            objects += [each.object] * 2
        return draw_boxes(image, boxes, captions, objects)

    def __str__(self) -> str:
        rows = [("object", "stride", "anchor", "row, column", "wh-IoU", "")]
        ignored: dict[tuple[int, int], int] = defaultdict(int)
        for each in self.assignments:
            if each.state == "ignored":
                ignored[each.object, each.stride] += 1
                continue
            others = ", ".join(map(str, each.others))
            state = _STATES[each.state].format(others) if others else "responsible"
            width, height = each.anchor_size
            anchor = f"{each.anchor}: {width:g} x {height:g}"
            cell = f"{each.row}, {each.column}"
            rows.append((str(each.object), str(each.stride), anchor, cell, f"{each.fit:.2f}", state))
        for (number, stride), count in ignored.items():
            rows.append((str(number), str(stride), "", "", "", f"{count} slot{'s' * (count > 1)} ignored"))
        rows += [(str(number), "", "", "", "", "no slot is responsible") for number in self.unassigned]
        header, *body = rows
        table = [header, *sorted(body, key=lambda row: int(row[0]))]  # stable: an object's rows keep their order
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join(line.rstrip() for line in lines)


def explain(boxes: Tensor, assigner: Assigner, scales: Sequence[ScaleOutput]) -> Explanation:
    """Run a policy on one image, and on each of its objects alone: the difference tells the slots lost to others.

    Works with every policy that passes on the weights of objects unchanged.

    Args:
        boxes: (N, 4) xyxy, pixels of the network input.
        assigner: Policy to explain.
        scales: Predictions of a batch of one image, see `ScaleOutput.from_predictions`, or `ScaleOutput.blank` if they
            do not matter.

    Raises:
        ValueError: A batch of more than one image; invalid boxes, see `check_truth`.
    """
    for scale in scales:
        if len(scale.logits) != 1:
            raise ValueError(f"explain takes one image; these predictions are of {len(scale.logits)}")
    count = len(boxes)
    number = torch.arange(count, device=boxes.device)
    given = GroundTruth(boxes, torch.zeros_like(number), torch.zeros_like(number))
    boxes = check_truth(given, image_size(scales[-1]), batch_size=1, dtype=scales[-1].logits.dtype).boxes
    # every policy passes on the weights, so an object's weight can hold its index
    together = GroundTruth(boxes, torch.zeros_like(number), torch.zeros_like(number), number.to(boxes.dtype))
    alone = replace(together, image=number)  # each object in its own image
    apart = [replace(scale, logits=scale.logits.expand(count, -1, -1, -1, -1)) for scale in scales]
    assignments: list[Assignment] = []
    for joint, single, scale in zip(assigner(together, scales), assigner(alone, apart), scales, strict=True):
        assignments += _of_scale(boxes, joint, single, scale)
    return Explanation(
        boxes=tuple((left, top, right, bottom) for left, top, right, bottom in boxes.tolist()),
        assignments=tuple(sorted(assignments, key=lambda each: each.object)),  # stable: coarse to fine within an object
    )


def _of_scale(boxes: Tensor, joint: Targets, single: Targets, scale: ScaleOutput) -> list[Assignment]:
    holders: dict[Slot, list[int]] = defaultdict(list)
    for (_, *slot), holder in zip(joint.slots.tolist(), joint.weights.long().tolist(), strict=True):
        holders[_slot(slot)].append(holder)
    fit = wh_iou((boxes[:, 2:] - boxes[:, :2])[:, None], scale.anchors).tolist()  # (N, A)
    sizes = [(width, height) for width, height in scale.anchors.tolist()]
    stride = int(scale.stride)

    def assignment(index: int, slot: Slot, state: State, others: Sequence[int] = ()) -> Assignment:
        anchor, row, column = slot
        return Assignment(index, stride, anchor, sizes[anchor], row, column, fit[index][anchor], state, tuple(others))

    found = [
        assignment(index, slot, "responsible", [other for other in objects if other != index])
        for slot, objects in holders.items()
        for index in objects
    ]
    for index, *rest in single.slots.tolist():
        slot = _slot(rest)
        if index not in holders[slot]:
            found.append(assignment(index, slot, "lost", holders[slot]))
    for index, *rest in (single.ignore & joint.ignore).nonzero().tolist():
        found.append(assignment(index, _slot(rest), "ignored"))
    return found


def _slot(values: Sequence[int]) -> Slot:
    anchor, row, column = values
    return anchor, row, column
