"""Why a policy did what it did: for one picture, who answers for whom."""

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
from yolo3.draw import Picture, draw_boxes
from yolo3.protocols import Assigner
from yolo3.structures import GroundTruth, ScaleOutput, Targets

State = Literal["answers", "lost", "ignored"]
Slot = tuple[int, int, int]


@dataclass(frozen=True)
class Answer:
    """What became of one slot for the sake of one object."""

    object: int
    """Its number, in the order given."""
    stride: int
    """Of the scale."""
    anchor: int
    anchor_size: tuple[float, float]
    """(width, height) pixels."""
    row: int
    column: int
    fit: float
    """wh-IoU of the anchor and the object."""
    state: State
    """``answers``: the slot is a positive of the object. ``lost``: it would be, were the object alone. ``ignored``: no
    loss looks at it."""
    others: tuple[int, ...] = ()
    """Objects that the slot answers for too, or was lost to."""


@dataclass(frozen=True)
class Explanation:
    """What a policy made of the objects of one picture; prints as a table."""

    boxes: tuple[tuple[float, float, float, float], ...]
    """xyxy of each object, pixels of the network input."""
    answers: tuple[Answer, ...]
    """Object after object, coarse to fine."""

    @property
    def unanswered(self) -> tuple[int, ...]:
        """Objects that no slot of any scale answers for."""
        answered = {answer.object for answer in self.answers if answer.state == "answers"}
        return tuple(number for number in range(len(self.boxes)) if number not in answered)

    def draw(self, picture: Picture, stride: int | None = None) -> Image.Image:
        """A copy of the network input with each object, the cells that answer for it and their anchors, in one colour.

        Args:
            picture: as the network sees it: letterboxed.
            stride: of the one scale to draw; None draws all.
        """
        objects = list(range(len(self.boxes)))
        boxes, captions = list(self.boxes), [f"object {number}" for number in objects]
        for answer in self.answers:
            if answer.state != "answers" or stride not in (None, answer.stride):
                continue
            left, top = answer.column * answer.stride, answer.row * answer.stride
            x, y = left + answer.stride / 2, top + answer.stride / 2
            width, height = answer.anchor_size
            boxes += [
                (left, top, left + answer.stride, top + answer.stride),
                (x - width / 2, y - height / 2, x + width / 2, y + height / 2),
            ]
            captions += ["", f"anchor {answer.anchor} of stride {answer.stride}"]
            objects += [answer.object] * 2
        return draw_boxes(picture, boxes, captions, objects)

    def __str__(self) -> str:
        rows = [("object", "stride", "anchor", "row, column", "wh-IoU", "")]
        ignored: dict[tuple[int, int], int] = defaultdict(int)
        for answer in self.answers:
            if answer.state == "ignored":
                ignored[answer.object, answer.stride] += 1
                continue
            others = ", ".join(map(str, answer.others))
            said = f"lost to {others}" if answer.state == "lost" else f"shared with {others}" if others else "answers"
            width, height = answer.anchor_size
            anchor, cell = f"{answer.anchor}: {width:g} x {height:g}", f"{answer.row}, {answer.column}"
            rows.append((str(answer.object), str(answer.stride), anchor, cell, f"{answer.fit:.2f}", said))
        for (number, stride), count in ignored.items():
            rows.append((str(number), str(stride), "", "", "", f"{count} slot{'s' * (count > 1)} ignored"))
        rows += [(str(number), "", "", "", "", "nothing answers for it") for number in self.unanswered]
        header, *body = rows
        table = [header, *sorted(body, key=lambda row: int(row[0]))]  # stable: an object's rows keep their order
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join(line.rstrip() for line in lines)


def explain(boxes: Tensor, assigner: Assigner, scales: Sequence[ScaleOutput]) -> Explanation:
    """Ask a policy about one picture, and about each of its objects alone: the difference is who lost a slot to whom.

    Any policy can be asked that hands the weights of objects on as they are.

    Args:
        boxes: (N, 4) xyxy, pixels of the network input.
        assigner: the policy.
        scales: of a batch of one: `ScaleOutput.from_predictions`, or where the predictions do not matter
            `ScaleOutput.blank`.

    Raises:
        ValueError: a batch of more than one; boxes that no target can be made of, see `check_truth`.
    """
    for scale in scales:
        if len(scale.logits) != 1:
            raise ValueError(f"explain looks at one image; these predictions are of {len(scale.logits)}")
    count = len(boxes)
    number = torch.arange(count, device=boxes.device)
    given = GroundTruth(boxes, torch.zeros_like(number), torch.zeros_like(number))
    boxes = check_truth(given, image_size(scales[-1]), batch_size=1, dtype=scales[-1].logits.dtype).boxes
    # weights are what every policy hands on, so an object's weight can say which object it is
    together = GroundTruth(boxes, torch.zeros_like(number), torch.zeros_like(number), number.to(boxes.dtype))
    alone = replace(together, image=number)  # each in an image of its own
    apart = [replace(scale, logits=scale.logits.expand(count, -1, -1, -1, -1)) for scale in scales]
    answers: list[Answer] = []
    for joint, single, scale in zip(assigner(together, scales), assigner(alone, apart), scales, strict=True):
        answers += _of_scale(boxes, joint, single, scale)
    return Explanation(
        boxes=tuple((left, top, right, bottom) for left, top, right, bottom in boxes.tolist()),
        answers=tuple(sorted(answers, key=lambda answer: answer.object)),  # stable: coarse to fine within an object
    )


def _of_scale(boxes: Tensor, joint: Targets, single: Targets, scale: ScaleOutput) -> list[Answer]:
    holders: dict[Slot, list[int]] = defaultdict(list)
    for (_, *slot), holder in zip(joint.slots.tolist(), joint.weights.long().tolist(), strict=True):
        holders[_slot(slot)].append(holder)
    fit = wh_iou((boxes[:, 2:] - boxes[:, :2])[:, None], scale.anchors).tolist()  # (N, A)
    sizes = [(width, height) for width, height in scale.anchors.tolist()]
    stride = int(scale.stride)

    def answer(index: int, slot: Slot, state: State, others: Sequence[int] = ()) -> Answer:
        anchor, row, column = slot
        return Answer(index, stride, anchor, sizes[anchor], row, column, fit[index][anchor], state, tuple(others))

    answers = [
        answer(index, slot, "answers", [other for other in objects if other != index])
        for slot, objects in holders.items()
        for index in objects
    ]
    for index, *rest in single.slots.tolist():
        slot = _slot(rest)
        if index not in holders[slot]:
            answers.append(answer(index, slot, "lost", holders[slot]))
    for index, *rest in (single.ignore & joint.ignore).nonzero().tolist():
        answers.append(answer(index, _slot(rest), "ignored"))
    return answers


def _slot(values: Sequence[int]) -> Slot:
    anchor, row, column = values
    return anchor, row, column
