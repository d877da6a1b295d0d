import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo3 import COCO_ANCHORS, GroundTruth, ScaleOutput
from yolo3.assign import AnchorsAboveIoU
from yolo3.boxes import wh_iou, xyxy_to_cxcywh


def truth_of(boxes: list[list[float]]) -> GroundTruth:
    return GroundTruth.collate([(torch.tensor(boxes).reshape(-1, 4), torch.arange(len(boxes)))])


@settings(max_examples=40)
@given(st.integers(0, 12), st.sampled_from([0.0, 0.2, 0.5]), st.integers(0, 2**31))
def test_equals_the_policy_in_plain_words(count: int, min_iou: float, seed: int) -> None:
    torch.manual_seed(seed)
    centre, half = torch.randint(0, 3, (count, 2)) / 2 * 128, torch.rand(count, 2) * 32 + 1
    image = torch.randint(0, 2, (count,))
    truth = GroundTruth(torch.cat([centre - half, centre + half], dim=1), torch.arange(count), image)
    scales = ScaleOutput.blank(COCO_ANCHORS, (128, 128), batch_size=2)
    for scale, targets in zip(scales, AnchorsAboveIoU(min_iou)(truth, scales), strict=True):
        expected = []
        for index, (x, y, w, h) in enumerate(xyxy_to_cxcywh(truth.boxes).tolist()):
            row, column = (min(int(value / scale.stride), 128 // scale.stride - 1) for value in (y, x))
            for anchor, size in enumerate(scale.anchors):
                if wh_iou(torch.tensor([w, h]), size) > min_iou:
                    expected.append([index, int(image[index]), anchor, row, column])
        assert torch.column_stack([targets.labels, targets.slots]).tolist() == expected
        assert torch.equal(targets.boxes, xyxy_to_cxcywh(truth.boxes)[targets.labels])
        assert not targets.ignore.any()


def test_objects_share_a_slot_in_the_order_given() -> None:
    box = [10.0, 10.0, 126.0, 100.0]
    coarse, _, fine = AnchorsAboveIoU()(truth_of([box, box]), ScaleOutput.blank(COCO_ANCHORS, (416, 416)))
    assert coarse.slots[:, 1].tolist() == [0, 1, 0, 1]
    assert coarse.labels.tolist() == [0, 0, 1, 1]
    assert len(fine) == 0


def test_no_object_at_all() -> None:
    for targets in AnchorsAboveIoU()(truth_of([]), ScaleOutput.blank(COCO_ANCHORS, (64, 32))):
        assert len(targets) == 0
        assert targets.slots.shape == (0, 4)


def test_weights_go_along() -> None:
    truth = GroundTruth(torch.tensor([[0.0, 0, 30, 61]]), torch.eye(4)[:1], torch.tensor([0]), torch.tensor([0.3]))
    medium = AnchorsAboveIoU(0.9)(truth, ScaleOutput.blank(COCO_ANCHORS, (64, 64)))[1]
    assert medium.weights.tolist() == truth.weights.tolist()
    assert medium.labels.tolist() == [[1, 0, 0, 0]]
