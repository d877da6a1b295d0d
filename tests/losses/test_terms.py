import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from yolo3 import ScaleOutput, Targets
from yolo3.boxes import Overlap
from yolo3.losses import (
    BinaryCrossEntropy,
    CrossEntropyClasses,
    DarknetBox,
    FocalCrossEntropy,
    IoUBox,
    MultiLabelClasses,
    QualityFocal,
    SquaredErrorBox,
    Varifocal,
)
from yolo3.losses.terms import average, total


def positive(x: float, y: float, w: float, h: float, xy_scale: float = 1.0) -> ScaleOutput:
    """One prediction of anchor (16, 32) in column 2, row 1 of a grid of stride 8."""
    logits = torch.tensor([[0.0, x, y, w, h, 0.0]], requires_grad=True)
    return ScaleOutput(logits, torch.tensor([[16.0, 32.0]]), 8, xy_scale, torch.tensor([[2, 1]]))


def target(cx: float, cy: float, w: float, h: float) -> Targets:
    """One object in that slot."""
    slots, boxes = torch.tensor([[0, 0, 1, 2]]), torch.tensor([[cx, cy, w, h]]).float()
    return Targets(slots, boxes, torch.tensor([0]), torch.ones(1), torch.zeros(1, 1, 4, 4, dtype=torch.bool))


def test_squared_error_by_hand() -> None:
    """σ(0) = 0.5 against an offset of 0.25 and 0.75; 0.1 against log(1) and 0.2 against log(2)."""
    value = SquaredErrorBox()(positive(0, 0, 0.1, 0.2), target(18, 14, 16, 64))
    expected = (0.25**2 + 0.25**2 + 0.1**2 + (0.2 - math.log(2)) ** 2) / 4
    assert value.tolist() == pytest.approx([expected])


@pytest.mark.parametrize("kind", get_args(Overlap))
def test_iou_box_is_zero_for_the_same_box_and_one_or_more_for_another(kind: str) -> None:
    assert IoUBox(kind)(positive(0, 0, 0, 0), target(20, 12, 16, 32)).tolist() == pytest.approx([0], abs=1e-6)
    assert IoUBox(kind)(positive(0, 0, -3, -3), target(18, 14, 1, 1)).item() >= 1


def test_iou_box_refuses_what_box_iou_does_not_have() -> None:
    with pytest.raises(ValueError, match="kind of overlap is 'miou'; choose iou"):
        IoUBox("miou")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="power is 3; it must be above 0, and 1 with wiou"):
        IoUBox("wiou", power=3)


def test_iou_box_by_hand() -> None:
    """The prediction (12, -4, 28, 28) and the lower half of it: IoU 1/2, and the hull is the union."""
    for kind in ("iou", "giou"):
        assert IoUBox(kind)(positive(0, 0, 0, 0), target(20, 20, 16, 16)).tolist() == pytest.approx([0.5])


def test_darknet_box_has_darknets_gradient() -> None:
    prediction = positive(0.3, -0.2, 0.1, 0.2)
    DarknetBox()(prediction, target(18, 14, 16, 64)).sum().backward()
    sigmoid = torch.tensor([0.3, -0.2]).sigmoid()
    expected = [0, sigmoid[0] - 0.25, sigmoid[1] - 0.75, 0.1, 0.2 - math.log(2), 0]
    assert prediction.logits.grad is not None
    assert prediction.logits.grad[0].tolist() == pytest.approx([float(value) for value in expected])


def test_darknet_box_is_least_where_the_prediction_decodes_to_the_object() -> None:
    object_, xy_scale = target(18, 14, 16, 64), 1.2
    right = ((torch.tensor([0.25, 0.75]) + 0.1) / xy_scale).logit()
    best = positive(right[0].item(), right[1].item(), 0, math.log(2), xy_scale)
    assert best.cxcywh[0].tolist() == pytest.approx(object_.boxes[0].tolist(), rel=1e-5)
    DarknetBox()(best, object_).sum().backward()
    assert best.logits.grad is not None
    assert best.logits.grad.abs().max() < 1e-6


logits = st.floats(-20, 20)
probabilities = st.floats(0, 1)


@given(logits, probabilities, st.floats(0.5, 3))
def test_binary_cross_entropy_is_its_formula(x: float, t: float, pos_weight: float) -> None:
    p = 1 / (1 + math.exp(-x))
    expected = -pos_weight * t * math.log(p) - (1 - t) * math.log(1 / (1 + math.exp(x)))
    got = BinaryCrossEntropy(pos_weight)(torch.tensor(x, dtype=torch.double), torch.tensor(t, dtype=torch.double))
    assert got.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(logits, probabilities, st.sampled_from([0.5, 1.5, 2.0]), st.sampled_from([None, 0.25]))
def test_focal_cross_entropy_is_its_formula(x: float, t: float, gamma: float, alpha: float | None) -> None:
    p = 1 / (1 + math.exp(-x))
    p_t, alpha_t = t * p + (1 - t) * (1 - p), 1.0 if alpha is None else t * alpha + (1 - t) * (1 - alpha)
    bce = -t * math.log(p) - (1 - t) * math.log(1 / (1 + math.exp(x)))
    tensors = torch.tensor(x, dtype=torch.double), torch.tensor(t, dtype=torch.double)
    got = FocalCrossEntropy(gamma, alpha)(*tensors).item()
    assert got == pytest.approx(alpha_t * (1 - p_t) ** gamma * bce, rel=1e-4, abs=1e-7)


def test_focal_with_gamma_zero_is_cross_entropy_and_keeps_pos_weight() -> None:
    x, t = torch.randn(50), torch.rand(50)
    torch.testing.assert_close(FocalCrossEntropy(0.0, pos_weight=3)(x, t), BinaryCrossEntropy(3)(x, t))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_gradient_is_finite_where_all_is_right(gamma: float) -> None:
    x = torch.tensor([200.0, -200.0, 0.0], requires_grad=True)
    FocalCrossEntropy(gamma)(x, torch.tensor([1.0, 0.0, 1.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(("x", "t"), [(0.0, 0.0), (2.0, 0.7), (-1.5, 0.2), (3.0, 1.0), (-4.0, 0.0)])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_quality_focal_and_varifocal_are_their_formulas(x: float, t: float, gamma: float) -> None:
    p = 1 / (1 + math.exp(-x))
    bce = -t * math.log(p) - (1 - t) * math.log(1 - p)
    tensors = torch.tensor(x, dtype=torch.double), torch.tensor(t, dtype=torch.double)
    assert QualityFocal(gamma)(*tensors).item() == pytest.approx(abs(t - p) ** gamma * bce, rel=1e-9)
    weight = t if t > 0 else 0.6 * p**gamma
    assert Varifocal(gamma, alpha=0.6)(*tensors).item() == pytest.approx(weight * bce, rel=1e-9)


@pytest.mark.parametrize("term", [QualityFocal(0.5), QualityFocal(), Varifocal(0.5), Varifocal()])
def test_gradients_of_quality_terms_are_finite_where_all_is_right(term: QualityFocal | Varifocal) -> None:
    x = torch.tensor([200.0, -200.0, 0.0], requires_grad=True)
    term(x, torch.tensor([1.0, 0.0, 0.5])).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_cross_entropy_classes() -> None:
    x = torch.randn(4, 3)
    labels = torch.tensor([0, 2, 1, 1])
    expected = -x.log_softmax(1)[range(4), labels]
    torch.testing.assert_close(CrossEntropyClasses()(x, labels), expected)
    torch.testing.assert_close(CrossEntropyClasses()(x, F.one_hot(labels, 3).float()), expected)
    both = torch.tensor([[1.0, 1.0, 0.0]] * 4)
    torch.testing.assert_close(CrossEntropyClasses()(x, both), -x.log_softmax(1)[:, :2].mean(1))
    smoothed = 0.9 * expected - 0.1 * x.log_softmax(1).mean(1)
    torch.testing.assert_close(CrossEntropyClasses(label_smoothing=0.1)(x, labels), smoothed)


def test_multi_label_classes_by_hand() -> None:
    """σ(0) = 1/2: every class costs log 2, whatever its target."""
    x = torch.zeros(2, 3)
    assert MultiLabelClasses()(x, torch.tensor([0, 2])).tolist() == pytest.approx([3 * math.log(2)] * 2)
    x = torch.tensor([[2.0, -1.0]])
    expected = math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))
    assert MultiLabelClasses()(x, torch.tensor([0])).tolist() == pytest.approx([expected])
    assert MultiLabelClasses()(x, torch.tensor([[1, 0]])).tolist() == pytest.approx([expected])
    smooth = BinaryCrossEntropy()(x, torch.tensor([[0.95, 0.05]])).sum().item()
    assert MultiLabelClasses(label_smoothing=0.1)(x, torch.tensor([0])).tolist() == pytest.approx([smooth])


def test_average_of_nothing_is_zero_with_a_gradient() -> None:
    values = torch.zeros(0, requires_grad=True)
    mean = average(values, 0)
    assert mean == 0
    mean.backward()
    assert values.grad is not None
    assert average(torch.tensor([1.0, 2.0]), torch.tensor(4)) == 0.75


def test_total_is_the_sum() -> None:
    assert total({"box": torch.tensor(1.5), "classes": torch.tensor(2.0)}) == 3.5
