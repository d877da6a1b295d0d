import numpy as np
import pytest
import torch

from yolo3 import COCO_ANCHORS, ScaleOutput
from yolo3.assign import AnchorsAboveIoU, BestAnchorOverall, BestAnchorPerScale, explain
from yolo3.protocols import Assigner

BLANK = ScaleOutput.blank(COCO_ANCHORS, (416, 416))
TWINS = torch.tensor([[0.0, 0.0, 116.0, 90.0], [1.0, 0.0, 117.0, 90.0], [200.0, 200.0, 300.0, 330.0]])


def told(assigner: Assigner, boxes: torch.Tensor = TWINS, stride: int = 32) -> list[tuple[int, int, str, tuple]]:
    """(object, anchor, state, others) of one scale."""
    found = explain(boxes, assigner, BLANK).assignments
    return [(a.object, a.anchor, a.state, a.others) for a in found if a.stride == stride]


def test_who_lost_a_collision_and_took_the_next_anchor() -> None:
    assert told(BestAnchorPerScale(ignore_iou=0.5)) == [
        (0, 0, "responsible", ()),
        (1, 1, "responsible", ()),
        (1, 0, "lost", (0,)),
        (2, 0, "responsible", ()),
    ]


def test_what_is_ignored_for_whom() -> None:
    assert told(BestAnchorPerScale(ignore_iou=0.3), TWINS[:1]) == [(0, 0, "responsible", ()), (0, 1, "ignored", ())]


def test_shared_slots() -> None:
    assert told(AnchorsAboveIoU(0.5)) == [
        (0, 0, "responsible", (1,)),
        (1, 0, "responsible", (0,)),
        (2, 0, "responsible", ()),
    ]


def test_an_object_without_a_responsible_slot() -> None:
    explanation = explain(TWINS[:2], BestAnchorOverall(ignore_iou=1), BLANK)
    assert explanation.unassigned == (0,)
    assert str(explanation).splitlines() == [
        "object  stride  anchor       row, column  wh-IoU",
        "0       32      0: 116 x 90  1, 1         1.00    lost to 1",
        "0                                                 no slot is responsible",
        "1       32      0: 116 x 90  1, 1         1.00    responsible",
    ]


def test_the_table_counts_ignored_slots_and_names_those_who_share() -> None:
    assert "3 slots ignored" in str(explain(TWINS, BestAnchorOverall(ignore_iou=0.5), BLANK))
    assert "shared with 1" in str(explain(TWINS, AnchorsAboveIoU(), BLANK))


def test_no_object_at_all() -> None:
    explanation = explain(torch.zeros(0, 4), BestAnchorPerScale(), BLANK)
    assert explanation.assignments == explanation.unassigned == ()
    assert len(str(explanation).splitlines()) == 1


def test_drawing_shows_each_object_with_its_cell_and_anchor() -> None:
    white = np.full((416, 416, 3), 255, dtype=np.uint8)
    explanation = explain(TWINS[2:], BestAnchorPerScale(), BLANK)
    coarse, all_scales = np.asarray(explanation.draw(white, stride=32)), np.asarray(explanation.draw(white))
    assert (coarse[265, 224] != 255).any()  # the left edge of cell (8, 7)
    assert (coarse[265, 200] != 255).any()  # the left edge of the object
    assert (coarse[300, 240] == 255).all()  # inside the object, outside the cell
    assert (all_scales != 255).any(axis=2).sum() > (coarse != 255).any(axis=2).sum()


def test_explains_one_image() -> None:
    with pytest.raises(ValueError, match="takes one image; these predictions are of 2"):
        explain(TWINS, BestAnchorPerScale(), ScaleOutput.blank(COCO_ANCHORS, (64, 64), batch_size=2))


def test_boxes_are_checked() -> None:
    scales = ScaleOutput.blank(COCO_ANCHORS, (64, 64))
    for boxes, complaint in (
        ([[0.1, 0.1, 0.5, 0.5]], "all boxes of the image lie within the first pixel"),
        ([[9.0, 9, 5, 5]], "has no area"),
    ):
        with pytest.raises(ValueError, match=complaint):
            explain(torch.tensor(boxes), BestAnchorPerScale(), scales)
