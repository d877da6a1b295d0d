import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from yolo3.boxes import box_iou, nms


def slow_nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float, labels: torch.Tensor | None) -> list[int]:
    """The plain loop: best first, drop what overlaps a kept box."""
    order = sorted(range(len(boxes)), key=lambda i: -scores[i].item())
    kept: list[int] = []
    for i in order:
        rivals = [j for j in kept if labels is None or labels[i] == labels[j]]
        if all(box_iou(boxes[i], boxes[j]) <= threshold for j in rivals):
            kept.append(i)
    return kept


def random_boxes(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    low = torch.rand(count, 2) * 100
    boxes = torch.cat([low, low + 5 + torch.rand(count, 2) * 60], dim=1)
    scores = torch.randint(0, 20, (count,)) / 20  # many ties
    return boxes, scores, torch.randint(0, 3, (count,))


@given(st.integers(0, 40), st.sampled_from([0.0, 0.3, 0.45, 0.9]), st.booleans(), st.integers(0, 2**31))
def test_equals_the_plain_loop(count: int, threshold: float, by_class: bool, seed: int) -> None:
    torch.manual_seed(seed)
    boxes, scores, labels = random_boxes(count)
    chosen = labels if by_class else None
    assert nms(boxes, scores, threshold, chosen).tolist() == slow_nms(boxes, scores, threshold, chosen)


def test_equals_the_plain_loop_over_several_chunks() -> None:
    boxes, scores, labels = random_boxes(1200)
    kept = nms(boxes, scores, 0.3, labels).tolist()
    assert kept == slow_nms(boxes, scores, 0.3, labels)
    assert nms(boxes, scores, 0.3, labels, max_detections=7).tolist() == kept[:7]


def test_a_chain_keeps_every_other_box() -> None:
    """Each box drops the next: the case that needs the most rounds."""
    left = torch.arange(9) * 4.0
    boxes = torch.stack([left, torch.zeros(9), left + 10, torch.full((9,), 10.0)], dim=1)
    assert nms(boxes, torch.linspace(1, 0, 9), 0.3).tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("limit", [None, 0, 3])
def test_nothing_to_suppress(limit: int | None) -> None:
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5, max_detections=limit).tolist() == []


def test_the_limit_may_be_zero() -> None:
    boxes, scores, _ = random_boxes(5)
    assert nms(boxes, scores, 0.5, max_detections=0).tolist() == []
