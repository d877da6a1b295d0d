import pytest
import torch

from yolo3 import Candidates, suppress

BOXES = torch.tensor([[[0.0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]]])
SCORES = torch.tensor([[[0.9, 0.1], [0.3, 0.8], [0.25, 0.6]]])


def test_best_first_and_each_class_apart() -> None:
    found = suppress(Candidates(BOXES, SCORES))[0]
    assert found.labels.tolist() == [0, 1, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert found.boxes.tolist() == BOXES[0].tolist()


def test_class_agnostic_drops_across_classes() -> None:
    found = suppress(Candidates(BOXES, SCORES), class_agnostic=True)[0]
    assert found.labels.tolist() == [0, 1]


def test_limits() -> None:
    assert len(suppress(Candidates(BOXES, SCORES), max_detections=1)[0]) == 1
    assert len(suppress(Candidates(BOXES, SCORES), min_score=0.95)[0]) == 0
    assert suppress(Candidates(BOXES[:0], SCORES[:0])) == []


@pytest.mark.parametrize("wrong", [{"min_score": 1.2}, {"iou_threshold": -0.1}])
def test_refuses_thresholds_outside_0_to_1(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} is .* must lie in \[0, 1\]"):
        suppress(Candidates(BOXES, SCORES), **wrong)
