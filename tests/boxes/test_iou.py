import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from yolo3.boxes import Overlap, box_iou, wh_iou

KINDS = get_args(Overlap)
CASES = {
    "equal": ([0, 0, 4, 2], [0, 0, 4, 2]),
    "touching": ([0, 0, 2, 2], [2, 0, 4, 2]),
    "nested": ([0, 0, 8, 8], [2, 2, 4, 4]),
    "apart": ([0, 0, 2, 2], [10, 10, 13, 12]),
    "crossing": ([0, 0, 4, 4], [2, 1, 6, 5]),
    "thin": ([0, 0, 1000, 0.1], [0, 0, 0.1, 1000]),
}


corner = st.floats(0, 100)
edge = st.floats(0.01, 100)
boxes = st.tuples(corner, corner, edge, edge).map(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]])


def slow_overlap(a: list[float], b: list[float], kind: str) -> float:
    """The definitions, one scalar at a time, in float64."""
    aw, ah, bw, bh = a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = aw * ah + bw * bh - shared
    iou = shared / union if union else 0.0
    hull_w, hull_h = max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])
    if kind == "iou":
        return iou
    if kind == "giou":
        return iou - (hull_w * hull_h - union) / (hull_w * hull_h)
    between = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    diou = iou - between / (hull_w**2 + hull_h**2)
    if kind == "diou":
        return diou
    if kind == "eiou":
        return diou - (aw - bw) ** 2 / hull_w**2 - (ah - bh) ** 2 / hull_h**2
    if kind == "wiou":
        return 1 - math.exp(between / (hull_w**2 + hull_h**2)) * (1 - iou)
    if kind == "siou":
        return iou - slow_siou_cost(a, b, hull_w, hull_h)
    v = 4 / math.pi**2 * (math.atan(aw / ah) - math.atan(bw / bh)) ** 2
    return diou - (v * v / (1 - iou + v) if v else 0.0)


def slow_siou_cost(a: list[float], b: list[float], hull_w: float, hull_h: float) -> float:
    """As the paper writes it, with its sine and arcsine."""
    dx, dy = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
    sine = min(1.0, abs(dy) / math.hypot(dx, dy)) if dx or dy else 0.0
    gamma = 2 - (1 - 2 * math.sin(math.asin(sine) - math.pi / 4) ** 2)
    distance = (1 - math.exp(-gamma * (dx / hull_w) ** 2)) + (1 - math.exp(-gamma * (dy / hull_h) ** 2))
    shape = 0.0
    for one, other in ((a[2] - a[0], b[2] - b[0]), (a[3] - a[1], b[3] - b[1])):
        shape += (1 - math.exp(-abs(one - other) / max(one, other))) ** 4
    return (distance + shape) / 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_equals_the_definition(case: str, kind: Overlap) -> None:
    a, b = CASES[case]
    got = box_iou(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64), kind)
    assert got.item() == pytest.approx(slow_overlap(a, b, kind), abs=1e-12)


def test_values_by_hand() -> None:
    a, b = torch.tensor([0.0, 0.0, 4.0, 4.0]), torch.tensor([2.0, 0.0, 6.0, 4.0])
    assert box_iou(a, b).item() == pytest.approx(8 / 24)
    assert box_iou(a, b, "giou").item() == pytest.approx(8 / 24)  # their hull is their union
    assert box_iou(a, b, "diou").item() == pytest.approx(8 / 24 - 4 / 52)
    assert box_iou(a, b, "eiou").item() == pytest.approx(8 / 24 - 4 / 52)  # of one size
    assert box_iou(a, b, "wiou").item() == pytest.approx(1 - math.exp(4 / 52) * 16 / 24)
    # side by side the angle costs nothing: γ is 2, and the centres are a third of the hull's width apart
    assert box_iou(a, b, "siou").item() == pytest.approx(8 / 24 - (1 - math.exp(-2 / 9)) / 2)


def test_power_raises_the_iou_and_each_penalty() -> None:
    a, b = torch.tensor([0.0, 0.0, 4.0, 4.0]), torch.tensor([2.0, 0.0, 6.0, 2.0])
    iou, penalty = 4 / 20, (4 + 1) / (36 + 16)
    assert box_iou(a, b, power=3).item() == pytest.approx(iou**3)
    assert box_iou(a, b, "diou", power=3).item() == pytest.approx(iou**3 - penalty**3)
    assert box_iou(a, b, "eiou", power=2).item() == pytest.approx(iou**2 - penalty**2 - (0 / 36) ** 2 - (4 / 16) ** 2)
    for power, kind in ((0.0, "iou"), (-1.0, "giou"), (2.0, "wiou")):
        with pytest.raises(ValueError, match="it must be above 0, and 1 with wiou"):
            box_iou(a, b, kind, power=power)  # type: ignore[arg-type]


@given(boxes, boxes)
def test_property_each_kind_keeps_its_range(a: list[float], b: list[float]) -> None:
    one, other = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    least = {"iou": 0, "giou": -1, "diou": -1, "ciou": -2, "eiou": -3, "siou": -2, "wiou": 1 - math.e}
    for kind in KINDS:
        assert least[kind] - 1e-9 <= box_iou(one, other, kind).item() <= 1 + 1e-9
        assert box_iou(one, one, kind).item() == pytest.approx(1)


def test_wiou_has_no_gradient_through_the_hull() -> None:
    truth = torch.tensor([0.0, 0.0, 4.0, 4.0], dtype=torch.float64)
    box = torch.tensor([1.0, 0.0, 6.0, 3.0], dtype=torch.float64, requires_grad=True)
    between = ((box[:2] + box[2:] - truth[:2] - truth[2:]) / 2).square().sum()
    expected = 1 - (between / (6**2 + 4**2)).exp() * (1 - box_iou(box, truth))
    expected_gradient = torch.autograd.grad(expected, box)[0]
    torch.testing.assert_close(torch.autograd.grad(box_iou(box, truth, "wiou"), box)[0], expected_gradient)


@given(boxes, boxes, st.sampled_from(KINDS))
def test_property_equals_the_definition_both_ways(a: list[float], b: list[float], kind: Overlap) -> None:
    one, other = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    assert box_iou(one, other, kind).item() == pytest.approx(slow_overlap(a, b, kind), abs=1e-9)
    assert box_iou(other, one, kind).item() == pytest.approx(slow_overlap(a, b, kind), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1, 1, 1, 1], [1, 1, 1, 1]),
        ([0, 0, 0, 5], [0, 0, 0, 5]),
        ([0, 0, 5, 0], [0, 0, 5, 3]),
        ([2, 2, 2, 2], [0, 0, 5, 5]),
    ],
)
def test_boxes_without_area_give_finite_values_and_gradients(a: list[float], b: list[float], kind: Overlap) -> None:
    box = torch.tensor(a, dtype=torch.float32, requires_grad=True)
    value = box_iou(box, torch.tensor(b, dtype=torch.float32), kind)
    value.backward()
    assert value.isfinite()
    assert box.grad is not None
    assert box.grad.isfinite().all()


def test_boxes_apart_have_a_gradient_in_all_but_iou() -> None:
    for kind, has_gradient in ((kind, kind != "iou") for kind in KINDS):
        box = torch.tensor([0.0, 0.0, 2.0, 2.0], requires_grad=True)
        box_iou(box, torch.tensor([10.0, 10.0, 14.0, 13.0]), kind).backward()
        assert bool(box.grad.abs().sum() > 0) is has_gradient


def test_ciou_weight_has_no_gradient() -> None:
    """With α held, ∂(α·v) = α·∂v; a gradient through α would add to it."""
    truth = torch.tensor([0.0, 0.0, 4.0, 4.0], dtype=torch.float64)
    box = torch.tensor([0.0, 0.0, 6.0, 3.0], dtype=torch.float64, requires_grad=True)
    iou, diou, ciou = (box_iou(box, truth, kind) for kind in ("iou", "diou", "ciou"))
    size = box[2:] - box[:2]
    v = 4 / math.pi**2 * (torch.atan(size[0] / size[1]) - math.pi / 4).square()
    alpha = (v / (1 - iou + v)).item()
    expected = torch.autograd.grad(diou - alpha * v, box)[0]
    torch.testing.assert_close(torch.autograd.grad(ciou, box)[0], expected)


def test_pairs_broadcast_and_may_be_empty() -> None:
    a, b = torch.rand(3, 4), torch.rand(5, 4)
    assert box_iou(a[:, None], b).shape == (3, 5)
    assert box_iou(a[:, None], b[:0], "ciou").shape == (3, 0)


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match="kind of overlap is 'miou'; choose iou, giou, diou"):
        box_iou(torch.rand(1, 4), torch.rand(1, 4), "miou")  # type: ignore[arg-type]


def test_wh_iou() -> None:
    sizes = torch.tensor([[10.0, 10.0], [20.0, 5.0], [0.0, 0.0]])
    anchors = torch.tensor([[10.0, 20.0]])
    assert wh_iou(sizes, anchors).tolist() == pytest.approx([0.5, 50 / 250, 0.0])
    assert wh_iou(torch.zeros(2), torch.zeros(2)).item() == 0
