import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from yolo3.boxes import box_iou, nms


def slow_nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float, labels: torch.Tensor | None) -> list[int]:
    """The plain loop: best first, drop what overlaps a kept box."""
    values, classes = scores.tolist(), [0] * len(boxes) if labels is None else labels.tolist()
    order = sorted(range(len(boxes)), key=lambda i: -values[i])
    kept: list[int] = []
    of_class: dict[int, list[int]] = {label: [] for label in classes}
    for i in order:
        rivals = of_class[classes[i]]
        if not (box_iou(boxes[rivals], boxes[i]) > threshold).any():
            kept.append(i)
            rivals.append(i)
    return kept


def random_boxes(count: int, reach: float = 100) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    low = torch.rand(count, 2) * reach
    boxes = torch.cat([low, low + 5 + torch.rand(count, 2) * 60], dim=1)
    scores = torch.randint(0, 20, (count,)) / 20  # many ties
    return boxes, scores, torch.randint(0, 3, (count,))


@given(
    count=st.integers(0, 40),
    threshold=st.sampled_from([0.0, 0.3, 0.45, 0.9, 1.0]),
    by_class=st.booleans(),
    whole=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_equals_the_plain_loop(count: int, threshold: float, by_class: bool, whole: bool, seed: int) -> None:
    torch.manual_seed(seed)
    boxes, scores, labels = random_boxes(count, reach=10 if whole else 100)
    if whole:  # pixels: overlaps that equal a threshold, boxes that equal each other, boxes without area
        boxes = (boxes / 8).round()
    chosen = labels if by_class else None
    assert nms(boxes, scores, threshold, chosen).tolist() == slow_nms(boxes, scores, threshold, chosen)


@pytest.mark.parametrize("labels", ["many", "one", None])
@pytest.mark.parametrize("threshold", [0.1, 0.6])
def test_equals_the_plain_loop_over_several_chunks(labels: str | None, threshold: float) -> None:
    boxes, scores, _ = random_boxes(1000, reach=400)
    classes = {"many": torch.randint(0, 40, (1000,)) * 7 - 3, "one": torch.zeros(1000).long(), None: None}[labels]
    kept = slow_nms(boxes, scores, threshold, classes)
    assert nms(boxes, scores, threshold, classes).tolist() == kept
    for limit in (1, 7, 129, 900):  # the search stops early, at the same boxes
        assert nms(boxes, scores, threshold, classes, max_detections=limit).tolist() == kept[:limit]


def test_rounds_as_box_iou_does() -> None:
    """An overlap that is the threshold to the last bit is not above it."""
    boxes, scores = torch.tensor([[0.1, 0.2, 9.7, 10.3], [1 / 3, 0.7, 11.1, 9.9]]), torch.tensor([0.9, 0.8])
    overlap = box_iou(boxes[0], boxes[1])
    below = torch.nextafter(overlap, torch.tensor(0.0))
    assert nms(boxes, scores, overlap.item()).tolist() == [0, 1]
    assert nms(boxes, scores, below.item()).tolist() == [0]


def test_a_chain_keeps_every_other_box() -> None:
    """Each box drops the next: the case that needs the most rounds."""
    left = torch.arange(9) * 4.0
    boxes = torch.stack([left, torch.zeros(9), left + 10, torch.full((9,), 10.0)], dim=1)
    assert nms(boxes, torch.linspace(1, 0, 9), 0.3).tolist() == [0, 2, 4, 6, 8]


def test_boxes_that_are_infinite_or_no_numbers_drop_nobody() -> None:
    nan, inf = float("nan"), float("inf")
    boxes = torch.tensor([[nan, 0, 1, 1], [0, 0, inf, inf], [0, 0, 1, 1], [-inf, 0, inf, 1], [0, 0, 1, 1]])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5])
    assert nms(boxes, scores, 0.5).tolist() == slow_nms(boxes, scores, 0.5, None) == [0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64])
def test_other_number_types(dtype: torch.dtype) -> None:
    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], dtype=dtype)
    assert nms(boxes, torch.tensor([0.5, 0.75, 0.25], dtype=torch.float64)).tolist() == [1, 2]


def test_boxes_with_a_gradient() -> None:
    boxes, scores, _ = random_boxes(20)
    expected = nms(boxes, scores).tolist()
    assert nms(boxes.requires_grad_(), scores.requires_grad_()).tolist() == expected


@pytest.mark.parametrize("limit", [None, 0, 3])
@pytest.mark.parametrize("labels", [None, torch.zeros(0).long()])
def test_nothing_to_suppress(limit: int | None, labels: torch.Tensor | None) -> None:
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5, labels, max_detections=limit).tolist() == []


def test_the_limit_may_be_zero() -> None:
    boxes, scores, _ = random_boxes(5)
    assert nms(boxes, scores, 0.5, max_detections=0).tolist() == []
