import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo3 import COCO_ANCHORS, Anchors, GroundTruth, ScaleOutput
from yolo3.assign import BestAnchorOverall
from yolo3.assign.overall import overlapping
from yolo3.boxes import box_iou, wh_iou


def random_case(count: int, edge: int = 128, xy_scale: float = 1.0) -> tuple[GroundTruth, list[ScaleOutput]]:
    """Two images of crowded objects, and predictions of which many overlap one."""
    anchors = dataclasses.replace(COCO_ANCHORS, xy_scales=(xy_scale,) * 3)
    predictions = [torch.randn(2, 3, edge // stride, edge // stride, 9) for stride in anchors.strides]
    centre, half = torch.rand(count, 2) * edge, torch.rand(count, 2) ** 2 * edge / 2 + 1
    boxes = torch.cat([centre - half, centre + half], dim=1)
    truth = GroundTruth(boxes, torch.randint(0, 4, (count,)), torch.randint(0, 2, (count,)))
    return truth, ScaleOutput.from_predictions(predictions, anchors)


@settings(max_examples=60)
@given(
    st.integers(0, 12),
    st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0, 1.5]),
    st.sampled_from([1.0, 1.2, 2.0]),
    st.integers(0, 2**31),
)
def test_overlapping_finds_what_comparing_all_with_all_finds(
    count: int, min_iou: float, xy_scale: float, seed: int
) -> None:
    torch.manual_seed(seed)
    truth, scales = random_case(count, xy_scale=xy_scale)
    for scale, found in zip(scales, overlapping(truth, scales, min_iou), strict=True):
        expected = torch.zeros(scale.logits.shape[:4], dtype=torch.bool)
        for box, image in zip(truth.boxes, truth.image.tolist(), strict=True):
            expected[image] |= box_iou(scale.xyxy[image], box) >= min_iou
        assert torch.equal(found, expected)


@pytest.mark.parametrize("min_iou", [0.5, 0.7, 0.95])
def test_overlapping_finds_the_limit_cases(min_iou: float) -> None:
    """A prediction of a size or place that just reaches the overlap, at a cell's very edge."""
    for logit in (-30.0, 0.0, 30.0):
        logits = torch.zeros(1, 1, 8, 8, 6)
        logits[..., 1:3] = logit
        scale = ScaleOutput.from_predictions([logits], Anchors((((32, 32),),), (8,)))[0]
        centre = torch.tensor([36.0, 36.0])
        for size in (32.0, 32.0 * min_iou, 32.0 / min_iou):
            for shift in torch.linspace(-16, 16, 65):
                middle = centre + torch.stack([shift, torch.tensor(0.0)])
                half = torch.tensor([size, 32.0]) / 2
                boxes = torch.cat([middle - half, middle + half])[None]
                truth = GroundTruth(boxes, torch.tensor([0]), torch.tensor([0]))
                (found,) = overlapping(truth, [scale], min_iou)
                assert torch.equal(found, box_iou(scale.xyxy, boxes[0]) >= min_iou)


@settings(max_examples=40)
@given(st.integers(0, 12), st.integers(0, 2**31))
def test_equals_the_policy_in_plain_words(count: int, seed: int) -> None:
    torch.manual_seed(seed)
    truth, scales = random_case(count, edge=64)
    expected: dict[tuple[int, ...], tuple[int, set[int]]] = {}
    for index, box in enumerate(truth.boxes.tolist()):
        size = torch.tensor([box[2] - box[0], box[3] - box[1]])
        anchors = [(k, a, anchor) for k, scale in enumerate(scales) for a, anchor in enumerate(scale.anchors)]
        _, k, anchor = max((float(wh_iou(size, anchor)), -k, -a) for k, a, anchor in anchors)
        stride, image = scales[-k].stride, int(truth.image[index])
        slot = (-k, image, -anchor, int((box[1] + box[3]) / 2 / stride), int((box[0] + box[2]) / 2 / stride))
        expected[slot] = (index, expected.get(slot, (0, set()))[1] | {int(truth.labels[index])})
    found = {}
    for k, (scale, targets) in enumerate(zip(scales, BestAnchorOverall(0.6)(truth, scales), strict=True)):
        for slot, box, hot in zip(targets.slots.tolist(), targets.boxes, targets.labels, strict=True):
            found[(k, *slot)] = (box.tolist(), set(hot.nonzero().flatten().tolist()))
        taken = torch.zeros_like(targets.ignore)
        taken[targets.slots.unbind(1)] = True
        assert torch.equal(targets.ignore, overlapping(truth, [scale], 0.6)[0] & ~taken)
    assert found.keys() == expected.keys()
    for slot, (index, labels) in expected.items():
        left, top, right, bottom = truth.boxes[index].tolist()
        box, hot = found[slot]
        assert box == pytest.approx([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], rel=1e-4)
        assert hot == labels


def test_the_last_object_wins_a_slot_and_classes_unite() -> None:
    boxes = torch.tensor([[0.0, 0.0, 116.0, 90.0], [0.0, 0.0, 120.0, 92.0], [200.0, 200.0, 210.0, 213.0]])
    truth = GroundTruth(boxes, torch.tensor([0, 2, 1]), torch.zeros(3, dtype=torch.long), torch.tensor([0.5, 0.7, 1.0]))
    predictions = [torch.zeros(1, 3, 416 // stride, 416 // stride, 8) for stride in COCO_ANCHORS.strides]
    coarse, medium, fine = BestAnchorOverall()(truth, ScaleOutput.from_predictions(predictions, COCO_ANCHORS))
    assert coarse.slots.tolist() == [[0, 0, 1, 1]]
    assert coarse.boxes.tolist() == [[60, 46, 120, 92]]
    assert coarse.labels.tolist() == [[1, 0, 1]]
    assert coarse.weights.tolist() == pytest.approx([0.7])
    assert len(medium) == 0
    assert fine.labels.tolist() == [[0, 1, 0]]


def test_multi_hot_labels_unite_too() -> None:
    boxes = torch.tensor([[0.0, 0.0, 116.0, 90.0]] * 2)
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    coarse = BestAnchorOverall()(
        GroundTruth(boxes, labels, torch.tensor([0, 0])), ScaleOutput.blank(COCO_ANCHORS, (416, 416))
    )[0]
    assert coarse.labels.tolist() == [[1, 0.5, 0]]


def test_no_object_at_all() -> None:
    truth, scales = random_case(0)
    for targets in BestAnchorOverall()(truth, scales):
        assert len(targets) == 0
        assert not targets.ignore.any()


@settings(max_examples=30)
@given(st.integers(0, 8), st.sampled_from([0.2, 0.5, 0.9]), st.integers(0, 2**31))
def test_anchors_above_a_threshold_are_responsible_too(count: int, also_above: float, seed: int) -> None:
    torch.manual_seed(seed)
    truth, scales = random_case(count, edge=64)
    expected = set()
    for index, box in enumerate(truth.boxes.tolist()):
        size = torch.tensor([box[2] - box[0], box[3] - box[1]])
        fits = [float(wh_iou(size, anchor)) for scale in scales for anchor in scale.anchors]
        for number, fit in enumerate(fits):
            if fit > also_above or number == fits.index(max(fits)):
                scale, anchor = divmod(number, 3)
                row = int((box[1] + box[3]) / 2 / scales[scale].stride)
                column = int((box[0] + box[2]) / 2 / scales[scale].stride)
                expected.add((scale, int(truth.image[index]), anchor, row, column))
    found = BestAnchorOverall(also_above=also_above)(truth, scales)
    assert {(k, *slot) for k, targets in enumerate(found) for slot in targets.slots.tolist()} == expected
