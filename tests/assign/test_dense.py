from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo3 import COCO_ANCHORS, Anchors, GroundTruth, TargetEncoder, Targets, YoloLoss
from yolo3.assign import (
    ATSS,
    AnchorsAboveIoU,
    BestAnchorInCell,
    BestAnchorOverall,
    BestAnchorPerScale,
    NeighbourCells,
    SimOTA,
    TaskAligned,
    check_truth,
)
from yolo3.boxes import cxcywh_to_xyxy
from yolo3.losses import FocalGIoULoss, MultiAnchorLoss
from yolo3.losses.anchor_loss import AnchorLoss
from yolo3.protocols import Assigner

centre = st.floats(0, 1, width=32)
size = st.floats(1 / 64, 1, width=32)


@settings(max_examples=60)
@given(st.lists(st.tuples(centre, centre, size, size), min_size=1, max_size=8))
def test_decoding_an_encoded_box_gives_the_box(relative: list[tuple[float, ...]]) -> None:
    boxes = cxcywh_to_xyxy(torch.tensor(relative)) * 128
    labels = torch.arange(len(boxes))
    dense = TargetEncoder(image_size=128)(boxes, labels)
    for scale, stride in zip(dense, COCO_ANCHORS.strides, strict=True):
        targets = Targets.from_dense(scale[None], stride)
        assert len(targets) > 0
        torch.testing.assert_close(cxcywh_to_xyxy(targets.boxes), boxes[targets.labels], atol=1e-3, rtol=1e-5)


def test_shapes_of_an_oblong_input() -> None:
    encoder = TargetEncoder(image_size=(64, 96))
    assert [tuple(scale.shape) for scale in encoder(torch.zeros(0, 4), torch.zeros(0))] == [
        (3, 2, 3, 6),
        (3, 4, 6, 6),
        (3, 8, 12, 6),
    ]


@pytest.mark.parametrize(
    ("box", "label", "complaint"),
    [
        ([10, 10, 10, 20], 0, r"box 1 .* has no area"),
        ([20, 10, 10, 20], 0, r"box 1 .* has no area"),
        ([10, 10, float("nan"), 20], 0, r"box 1 .* not finite"),
        ([10, 10, float("inf"), 20], 0, r"box 1 .* not finite"),
        ([50, 10, 90, 20], 0, r"box 1 .* centre outside the 64 x 64 image"),
        ([10, 10, 20, 20], 3, r"box 1 \(image 0, label 3.* not in 0..2; are the labels 1-based"),
        ([10, 10, 20, 20], -1, r"box 1 .* not in 0..2"),
    ],
)
def test_names_the_box_that_no_target_can_be_made_of(box: list[float], label: int, complaint: str) -> None:
    encoder = TargetEncoder(image_size=64, num_classes=3)
    with pytest.raises(ValueError, match=complaint):
        encoder(torch.tensor([[1.0, 1, 5, 5], box]), torch.tensor([0, label]))


def test_labels_have_no_upper_end_without_a_number_of_classes() -> None:
    assert TargetEncoder(image_size=32)(torch.tensor([[1.0, 1, 5, 5]]), torch.tensor([999]))[0][..., 5].max() == 999
    with pytest.raises(ValueError, match="not 0 or more"):
        TargetEncoder(image_size=32)(torch.tensor([[1.0, 1, 5, 5]]), torch.tensor([-1]))


def test_multi_hot_labels_must_have_the_detectors_classes() -> None:
    truth = GroundTruth(torch.tensor([[1.0, 1, 5, 5]]), torch.eye(4)[:1], torch.tensor([0]))
    check_truth(truth, (32, 32), num_classes=4)
    with pytest.raises(ValueError, match="multi-hot labels of 4 classes for a detector of 3"):
        check_truth(truth, (32, 32), num_classes=3)


def test_image_size_must_fit_the_grid() -> None:
    with pytest.raises(ValueError, match="image size 400 x 400 is not a multiple of 32; try 384 x 384"):
        TargetEncoder(image_size=400)


@pytest.mark.parametrize("assigner", [AnchorsAboveIoU(0.3), NeighbourCells(), ATSS(), BestAnchorPerScale(0.4)])
def test_another_policy_gives_what_it_gives_the_loss(assigner: Assigner) -> None:
    boxes = torch.tensor([[20.0, 20.0, 90.0, 70.0], [70.0, 80.0, 110.0, 120.0]])
    labels = torch.tensor([2, 0])
    dense = TargetEncoder(image_size=128, assigner=assigner)(boxes, labels)
    predictions = [torch.randn(1, *scale.shape[:-1], 8) for scale in dense]

    loss = YoloLoss(assigner=assigner)
    expected = loss.assign(tuple(predictions), GroundTruth.collate([(boxes, labels)]))
    for scale, targets, stride in zip(dense, expected, COCO_ANCHORS.strides, strict=True):
        back = Targets.from_dense(scale[None], stride)
        order = _row_order(targets.slots)
        assert torch.equal(back.slots, targets.slots[order])
        torch.testing.assert_close(back.boxes, targets.boxes[order])
        assert torch.equal(back.labels, targets.labels[order])
        assert torch.equal(back.ignore, targets.ignore)


def _row_order(slots: torch.Tensor) -> list[int]:
    return sorted(range(len(slots)), key=lambda number: slots[number].tolist())


@pytest.mark.parametrize("assigner", [SimOTA(), TaskAligned(), BestAnchorOverall(0.5), BestAnchorInCell(0.5)])
def test_a_policy_that_looks_at_predictions_is_refused(assigner: Assigner) -> None:
    name = type(assigner).__name__
    anchors = COCO_ANCHORS
    if isinstance(assigner, BestAnchorInCell):
        anchors = Anchors((((40, 40), (90, 90)),), strides=(32,))
    with pytest.raises(ValueError, match=f"^{name} looks at predictions, which a data set does not have; give it to"):
        TargetEncoder(anchors, 128, assigner=assigner)


def test_an_ignore_iou_beside_a_policy_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ignore_iou is 0\.7, and the assigner has its own"):
        TargetEncoder(ignore_iou=0.7, assigner=BestAnchorPerScale(0.7))


def test_two_objects_in_one_slot_do_not_fit() -> None:
    boxes = torch.tensor([[20.0, 20.0, 60.0, 60.0], [21.0, 21.0, 61.0, 61.0]])
    with pytest.raises(ValueError, match="two objects share a slot"):
        TargetEncoder(image_size=128, assigner=NeighbourCells())(boxes, torch.tensor([0, 1]))


def test_a_seventh_column_holds_the_weights() -> None:
    boxes = torch.tensor([[20.0, 20.0, 90.0, 70.0], [70.0, 80.0, 110.0, 120.0]])
    labels = torch.tensor([2, 0])
    weights = torch.tensor([0.25, 0.75])
    dense = TargetEncoder(image_size=128, weights=True)(boxes, labels, weights)
    for scale, stride in zip(dense, COCO_ANCHORS.strides, strict=True):
        assert scale.shape[-1] == 7
        targets = Targets.from_dense(scale[None], stride)
        assert len(targets) > 0
        assert torch.equal(targets.weights, torch.where(targets.labels == 2, 0.25, 0.75))
    unweighted = TargetEncoder(image_size=128, weights=True)(boxes, labels)
    six = TargetEncoder(image_size=128)(boxes, labels)
    for with_ones, without in zip(unweighted, six, strict=True):
        assert torch.equal(with_ones[..., :6], without)
        assert torch.equal(with_ones[..., 6], (without[..., 0] == 1).float())
    with pytest.raises(ValueError, match="six columns have none for object weights"):
        TargetEncoder(image_size=128)(boxes, labels, weights)
    with pytest.raises(ValueError, match="has a weight that is not 0 or more"):
        TargetEncoder(image_size=128, weights=True)(boxes, labels, -weights)


@pytest.mark.parametrize("loss", [YoloLoss(), MultiAnchorLoss(), FocalGIoULoss(assigner=BestAnchorPerScale())])
def test_the_loss_of_weighted_dense_targets_is_that_of_the_objects(loss: AnchorLoss) -> None:
    boxes = torch.tensor([[20.0, 20.0, 90.0, 70.0], [70.0, 80.0, 110.0, 120.0]])
    labels = torch.tensor([2, 0])
    weights = torch.tensor([0.25, 0.75])
    encoder = TargetEncoder(image_size=128, assigner=loss.policy, weights=True)
    dense = [scale[None] for scale in encoder(boxes, labels, weights)]
    predictions = tuple(torch.randn(*scale.shape[:-1], 8) for scale in dense)
    truth = replace(GroundTruth.collate([(boxes, labels)]), weights=weights)
    torch.testing.assert_close(loss.terms(predictions, dense), loss.terms(predictions, truth))
