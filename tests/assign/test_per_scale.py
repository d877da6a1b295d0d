import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo3 import COCO_ANCHORS, GroundTruth, ScaleOutput
from yolo3.assign import BestAnchorPerScale
from yolo3.boxes import wh_iou, xyxy_to_cxcywh


def slow_states(truth: GroundTruth, scale: ScaleOutput, ignore_iou: float) -> tuple[dict, set]:
    """The policy in plain words: {slot: object} and the ignored slots."""
    rows, columns = scale.logits.shape[2:4]
    positives: dict[tuple[int, ...], int] = {}
    boxes = xyxy_to_cxcywh(truth.boxes)
    cells = []
    for box, image in zip(boxes, truth.image.tolist(), strict=True):
        cells.append((image, min(int(box[1] / scale.stride), rows - 1), min(int(box[0] / scale.stride), columns - 1)))
    for index, (image, row, column) in enumerate(cells):
        overlap = wh_iou(boxes[index, 2:], scale.anchors).tolist()
        for anchor in sorted(range(len(overlap)), key=lambda a: -overlap[a]):
            if (image, anchor, row, column) not in positives:
                positives[image, anchor, row, column] = index
                break
    ignored = {
        (image, anchor, row, column)
        for index, (image, row, column) in enumerate(cells)
        for anchor, iou in enumerate(wh_iou(boxes[index, 2:], scale.anchors).tolist())
        if iou > ignore_iou
    }
    return positives, ignored - positives.keys()


def random_truth(counts: list[int], edge: int) -> GroundTruth:
    """Boxes crowded into few cells, some centred on the far edge."""
    truths = []
    for count in counts:
        centre = (torch.randint(0, 3, (count, 2)) / 2) * edge
        size = torch.rand(count, 2) * edge / 2 + 1
        truths.append((torch.cat([centre - size / 2, centre + size / 2], dim=1), torch.randint(0, 5, (count,))))
    return GroundTruth.collate(truths)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=3), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0, 2**31)
)
def test_equals_the_policy_in_plain_words(counts: list[int], ignore_iou: float, seed: int) -> None:
    torch.manual_seed(seed)
    truth = random_truth(counts, edge=128)
    scales = ScaleOutput.blank(COCO_ANCHORS, (128, 128), batch_size=len(counts))
    for scale, targets in zip(scales, BestAnchorPerScale(ignore_iou)(truth, scales), strict=True):
        positives, ignored = slow_states(truth, scale, ignore_iou)
        boxes = xyxy_to_cxcywh(truth.boxes)
        assert {tuple(slot): box.tolist() for slot, box in zip(targets.slots.tolist(), targets.boxes, strict=True)} == {
            slot: boxes[index].tolist() for slot, index in positives.items()
        }
        assert targets.labels.tolist() == truth.labels[sorted(positives.values())].tolist()
        assert {tuple(slot) for slot in targets.ignore.nonzero().tolist()} == ignored


def test_a_fourth_box_in_a_cell_gets_no_positive() -> None:
    boxes = torch.tensor([[10.0, 10.0, 20.0, 20.0]]).repeat(4, 1)
    truth = GroundTruth.collate([(boxes, torch.arange(4))])
    for targets in BestAnchorPerScale()(truth, ScaleOutput.blank(COCO_ANCHORS, (64, 64))):
        assert targets.labels.tolist() == [0, 1, 2]


def test_an_ignore_mark_never_keeps_a_later_box_from_a_slot() -> None:
    """The first box takes anchor 0 and overlaps anchor 1 well; the second, of the same shape, still gets anchor 1."""
    boxes = torch.tensor([[0.0, 0.0, 116.0, 90.0], [0.0, 0.0, 120.0, 110.0]])
    truth = GroundTruth.collate([(boxes, torch.tensor([0, 1]))])
    coarse = BestAnchorPerScale(ignore_iou=0.2)(truth, ScaleOutput.blank(COCO_ANCHORS, (416, 416)))[0]
    assert coarse.slots[:, 1].tolist() == [0, 1]


def test_no_object_at_all() -> None:
    truth = GroundTruth.collate([(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))] * 2)
    for targets in BestAnchorPerScale()(truth, ScaleOutput.blank(COCO_ANCHORS, (64, 32), batch_size=2)):
        assert len(targets) == 0
        assert not targets.ignore.any()


def test_weights_and_multi_hot_labels_go_along() -> None:
    truth = GroundTruth(torch.tensor([[0.0, 0, 9, 9]]), torch.eye(4)[:1], torch.tensor([0]), torch.tensor([0.3]))
    for targets in BestAnchorPerScale()(truth, ScaleOutput.blank(COCO_ANCHORS, (64, 64))):
        assert targets.labels.tolist() == [[1, 0, 0, 0]]
        assert targets.weights.tolist() == truth.weights.tolist()
