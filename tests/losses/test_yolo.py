import math

import pytest
import torch

from yolo3 import Anchors, Targets, YoloLoss

ANCHORS = Anchors((((16, 32),),), (8,))


def one_positive(ignored: bool = True) -> Targets:
    """A grid of 2 x 2: a positive in row 0, column 1, and an ignored slot in row 1, column 0."""
    ignore = torch.zeros(1, 1, 2, 2, dtype=torch.bool)
    ignore[0, 0, 1, 0] = ignored
    slots, boxes = torch.tensor([[0, 0, 0, 1]]), torch.tensor([[10.0, 6.0, 16.0, 64.0]])
    return Targets(slots, boxes, torch.tensor([2]), torch.ones(1), ignore)


def zero_logits() -> torch.Tensor:
    return torch.zeros(1, 1, 2, 2, 8)


def test_every_term_by_hand() -> None:
    """With all logits 0 every probability is 1/2 and every class of three has 1/3; offsets are (0.25, 0.75)."""
    terms = YoloLoss(ANCHORS).terms((zero_logits(),), [one_positive()])
    box = (0.25**2 + 0.25**2 + math.log(2) ** 2) / 4
    expected = {"background": 10 * math.log(2), "objectness": math.log(2), "box": 10 * box, "classes": math.log(3)}
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected)


def test_weights_multiply_the_terms() -> None:
    loss = YoloLoss(ANCHORS, background_weight=2, objectness_weight=3, box_weight=4, class_weight=5)
    plain = YoloLoss(ANCHORS, background_weight=1, objectness_weight=1, box_weight=1, class_weight=1)
    logits = torch.randn(1, 1, 2, 2, 8)
    weighted, terms = (each.terms((logits,), [one_positive()]) for each in (loss, plain))
    for name, weight in {"background": 2, "objectness": 3, "box": 4, "classes": 5}.items():
        torch.testing.assert_close(weighted[name], weight * terms[name])


def test_objectness_should_be_the_overlap_reached() -> None:
    """The prediction (12, 4, 16, 32) and its object (10, 6, 16, 64)."""
    logits = zero_logits().requires_grad_()
    objectness = YoloLoss(ANCHORS, objectness_target="iou").terms((logits,), [one_positive()])["objectness"]
    shared = 14 * 32
    iou = shared / (16 * 32 + 16 * 64 - shared)
    assert objectness.item() == pytest.approx(math.log(2))  # of a logit of 0, whatever the target
    (gradient,) = torch.autograd.grad(objectness, logits)
    assert gradient[0, 0, 0, 1].tolist() == pytest.approx([0.5 - iou, 0, 0, 0, 0, 0, 0, 0])  # none for the box


def test_background_is_the_mean_over_background_alone() -> None:
    logits = zero_logits()
    logits[0, 0, 1, 0, 0], logits[0, 0, 0, 1, 0], logits[0, 0, 1, 1, 0] = 50, 50, 2
    background = YoloLoss(ANCHORS, background_weight=1).terms((logits,), [one_positive()])["background"]
    assert background.item() == pytest.approx((math.log(2) + math.log1p(math.exp(2))) / 2)
    everything = YoloLoss(ANCHORS, background_weight=1).terms((logits,), [one_positive(ignored=False)])["background"]
    assert everything.item() == pytest.approx((math.log(2) + math.log1p(math.exp(2)) + 50) / 3)
