import sys

import pytest
import torch

from yolo3 import COCO_ANCHORS, Anchors, Detections, GroundTruth, ScaleOutput, Targets
from yolo3.structures import check_image_size


def truth_of(*counts: int) -> GroundTruth:
    return GroundTruth.collate([(torch.rand(n, 4), torch.zeros(n, dtype=torch.long)) for n in counts])


def test_collate_numbers_the_images() -> None:
    truth = truth_of(2, 0, 1)
    assert truth.image.tolist() == [0, 0, 2]
    assert len(truth) == 3
    assert len(truth_of(0, 0)) == 0
    with pytest.raises(ValueError, match="at least one image"):
        GroundTruth.collate([])


def test_moves_keep_what_is_none() -> None:
    moved = truth_of(1).to("meta")
    assert moved.boxes.device.type == "meta"
    assert moved.weights is None


def test_scale_output_decodes_by_the_formula() -> None:
    """SPEC: cx = (σ(tx) + column)·stride, w = exp(tw)·anchor."""
    logits = torch.zeros(1, 3, 13, 13, 7)
    logits[0, 1, 4, 6] = torch.tensor([2.0, 0.5, -0.5, 0.1, -0.2, 3.0, 4.0])
    output = ScaleOutput.from_predictions([logits], type(COCO_ANCHORS)(COCO_ANCHORS.sizes[:1], (32,)))[0]
    sigmoid = lambda x: 1 / (1 + torch.tensor(-x).exp().item())  # noqa: E731
    expected = [(sigmoid(0.5) + 6) * 32, (sigmoid(-0.5) + 4) * 32, 156 * 1.1051709, 198 * 0.8187308]
    assert output.cxcywh[0, 1, 4, 6].tolist() == pytest.approx(expected, rel=1e-6)
    assert output.objectness[0, 1, 4, 6] == 2
    assert output.classes[0, 1, 4, 6].tolist() == [3, 4]
    at_slot = output.at(torch.tensor([[0, 1, 4, 6]]))
    assert torch.equal(at_slot.cxcywh[0], output.cxcywh[0, 1, 4, 6])
    assert torch.equal(at_slot.xyxy[0], output.xyxy[0, 1, 4, 6])


def test_xy_scale_reaches_beyond_the_cell() -> None:
    output = ScaleOutput(torch.full((1, 1, 1, 1, 6), 100.0), torch.ones(1, 2), 8, xy_scale=1.2)
    assert output.offsets[0, 0, 0, 0, 0].item() == pytest.approx(1.1)  # s·1 - (s - 1)/2


@pytest.mark.parametrize("xy_scales", [(1.0, 1.0), (1.1, 1.1), (1.0, 1.2)])
def test_scales_joined_read_as_each_of_them(xy_scales: tuple[float, float]) -> None:
    anchors = Anchors((((40, 30), (20, 50)), ((12, 9),)), (32, 16), xy_scales)
    predictions = [torch.randn(2, len(sizes), 64 // stride, 96 // stride, 8) for sizes, stride in anchors]
    slots = [torch.tensor([[1, 1, 1, 2], [0, 0, 0, 1]]), torch.tensor([[1, 0, 3, 5]])]
    parts = [
        scale.at(some) for scale, some in zip(ScaleOutput.from_predictions(predictions, anchors), slots, strict=True)
    ]
    joined = ScaleOutput.joined(parts)
    for name in ("objectness", "classes", "offsets", "cxcywh", "xyxy", "anchors"):
        torch.testing.assert_close(getattr(joined, name), torch.cat([getattr(part, name) for part in parts]))
    boxes = [torch.rand(len(some), 4) * 20 for some in slots]
    truths = [targets(slots=some, boxes=box) for some, box in zip(slots, boxes, strict=True)]
    together = Targets.joined(truths)
    expected = torch.cat([truth.offsets(stride) for truth, stride in zip(truths, anchors.strides, strict=True)])
    assert torch.equal(together.offsets(joined.stride), expected)
    assert torch.equal(together.boxes, torch.cat(boxes))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_wild_logits_stay_finite(dtype: torch.dtype) -> None:
    logits = torch.full((1, 3, 2, 2, 6), 6e4, dtype=dtype, requires_grad=True)
    output = ScaleOutput.from_predictions([logits], type(COCO_ANCHORS)(COCO_ANCHORS.sizes[:1], (32,)))[0]
    output.xyxy.sum().backward()
    assert output.cxcywh.dtype == torch.float32
    assert output.cxcywh[..., 2].max().item() == pytest.approx(373e3)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(1, 3, 13, 13), (1, 2, 13, 13, 7), (1, 3, 13, 13, 5)])
def test_scale_output_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"predictions of scale 0 are .* not \(B, 3, S, S, 5 \+ C\)"):
        ScaleOutput.from_predictions([torch.zeros(shape)] * 3, COCO_ANCHORS)
    with pytest.raises(ValueError, match="predictions of 1 scales and anchors of 3; pass the detector's own"):
        ScaleOutput.from_predictions([torch.zeros(shape)], COCO_ANCHORS)
    with pytest.raises(ValueError, match="predictions are one tensor for 3 scales"):
        ScaleOutput.from_predictions(torch.zeros(shape), COCO_ANCHORS)


def targets(**changes: torch.Tensor) -> Targets:
    values = {
        "slots": torch.tensor([[0, 0, 1, 2], [1, 2, 0, 0]]),
        "boxes": torch.tensor([[20.5, 12.25, 30.0, 40.0], [1.0, 7.5, 3.0, 5.0]]),
        "labels": torch.tensor([3, 1]),
        "weights": torch.ones(2),
        "ignore": torch.zeros(2, 3, 4, 4, dtype=torch.bool),
    }
    values["ignore"][0, 1, 1, 2] = True
    return Targets(**{**values, **changes})


def test_dense_targets_by_hand() -> None:
    dense = targets().to_dense(stride=8)
    assert dense.shape == (2, 3, 4, 4, 6)
    assert dense[0, 0, 1, 2].tolist() == [1, 20.5 / 8 - 2, 12.25 / 8 - 1, 30 / 8, 5, 3]
    assert dense[0, 1, 1, 2].tolist() == [-1, 0, 0, 0, 0, 0]
    assert dense.count_nonzero() == 6 + 6 + 1  # nothing else is set


def test_dense_round_trip_is_lossless() -> None:
    given, back = targets(), Targets.from_dense(targets().to_dense(8), 8)
    for name in vars(given):
        assert torch.equal(getattr(back, name), getattr(given, name)), name


def test_an_object_at_the_far_edge_belongs_to_the_last_cell() -> None:
    edge = targets(
        boxes=torch.tensor([[32.0, 12.0, 4.0, 4.0], [0.0, 0.0, 4.0, 4.0]]),
        slots=torch.tensor([[0, 0, 1, 3], [0, 0, 0, 0]]),
    )
    assert edge.to_dense(8)[0, 0, 1, 3, 1].item() == 1 - torch.finfo(torch.float32).eps
    assert edge.to_dense(8)[0, 0, 1, 3, 1] < 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"labels": torch.eye(2)}, "multi-hot labels do not fit"),
        ({"slots": torch.tensor([[0, 0, 1, 2], [0, 0, 1, 2]])}, "two objects share a slot"),
        ({"weights": torch.tensor([1.0, 0.5])}, "six columns have none for object weights"),
    ],
)
def test_dense_has_no_room(changes: dict[str, torch.Tensor], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        targets(**changes).to_dense(8)
    with pytest.raises(ValueError, match=r"dense targets are \(B, A, S, S, 6\)"):
        Targets.from_dense(torch.zeros(2, 3, 4, 4), 8)


def test_background_is_the_rest() -> None:
    background = targets().background
    assert background.sum() == 2 * 3 * 16 - 2 - 1
    assert not background[0, 0, 1, 2]
    assert not background[0, 1, 1, 2]


def test_targets_move() -> None:
    assert targets().to("meta").slots.device.type == "meta"
    assert len(targets()) == 2


def test_detections_are_chosen_and_named() -> None:
    found = Detections(torch.rand(3, 4), torch.tensor([0.9, 0.5, 0.2]), torch.tensor([1, 0, 1]), ("cat", "dog"))
    assert found.names == ["dog", "cat", "dog"]
    assert found[found.scores > 0.4].names == ["dog", "cat"]
    assert len(found[:1]) == 1
    assert [each.names for each in found] == [["dog"], ["cat"], ["dog"]]
    assert found[-1].boxes.tolist() == found.boxes[2:].tolist()
    with pytest.raises(IndexError):
        found[3]
    assert Detections(found.boxes, found.scores, found.labels).names == ["1", "0", "1"]
    assert found.to("meta").boxes.device.type == "meta"


@pytest.mark.parametrize("size", [(416, 400), (0, 32), (31, 64)])
def test_image_size_must_fit_the_grid(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"image size {size[0]} x {size[1]} is not a multiple of 32; try"):
        check_image_size(size, 32)
    with pytest.raises(ValueError, match="not a multiple of 32"):
        ScaleOutput.blank(COCO_ANCHORS, size)


def test_detections_in_plain_types() -> None:
    boxes, scores, labels = torch.tensor([[1.0, 2.0, 30.256, 40.0]]), torch.tensor([0.75]), torch.tensor([1])
    found = Detections(boxes, scores, labels, ("cat", "dog"))
    assert found.to_dict() == {
        "detections": [{"name": "dog", "label": 1, "score": 0.75, "box": [1.0, 2.0, 30.26, 40.0]}]
    }
    assert found[:0].to_dict() == {"detections": []}


def test_detections_of_supervision() -> None:
    supervision = pytest.importorskip("supervision")
    found = Detections(
        torch.tensor([[1.0, 2, 30, 40], [0, 0, 5, 5]]), torch.tensor([0.75, 0.5]), torch.tensor([1, 0]), ("cat", "dog")
    )
    theirs = found.to_supervision()
    assert isinstance(theirs, supervision.Detections)
    assert theirs.xyxy.tolist() == found.boxes.tolist()
    assert theirs.confidence.tolist() == [0.75, 0.5]
    assert theirs.class_id.tolist() == [1, 0]
    assert theirs["class_name"].tolist() == ["dog", "cat"]
    assert theirs[theirs.confidence > 0.6]["class_name"].tolist() == ["dog"]
    assert len(found[:0].to_supervision()) == 0


def test_without_supervision_the_package_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    found = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ModuleNotFoundError, match="to_supervision needs supervision: pip install supervision"):
        found.to_supervision()


def test_images_of_nothing_are_joined_with_others() -> None:
    boxes, labels = torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([2])
    nothing = torch.tensor([]), torch.tensor([])  # of floats, and without the four columns
    for truths in ([nothing, (boxes, labels)], [(boxes, labels.int()), nothing]):
        truth = GroundTruth.collate(truths)
        assert truth.boxes.tolist() == [[1, 2, 3, 4]]
        assert (truth.labels.tolist(), truth.labels.dtype) == ([2], torch.int64)
    assert truth.image.tolist() == [0]
    truth = GroundTruth.collate([nothing, nothing])
    assert (truth.boxes.shape, truth.labels.dtype) == ((0, 4), torch.int64)
    hot = GroundTruth.collate([nothing, (boxes, torch.eye(3)[:1])])
    assert hot.labels.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(
    ("boxes", "labels", "complaint"),
    [
        (torch.zeros(4, 3), torch.zeros(4), r"image 1: boxes are \(N, 4\) xyxy, not \(4, 3\)"),
        (torch.zeros(4), torch.zeros(1), r"image 1: boxes are \(N, 4\) xyxy, not \(4,\)"),
        (torch.zeros(2, 4), torch.zeros(1), "image 1 has 2 boxes and 1 labels; give one label per box"),
    ],
)
def test_boxes_and_labels_that_do_not_go_together(boxes: torch.Tensor, labels: torch.Tensor, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        GroundTruth.collate([(torch.zeros(1, 4), torch.zeros(1)), (boxes, labels)])


def test_ground_truth_from_rows_by_hand() -> None:
    """In an image of 100 x 200 (height x width)."""
    truth = GroundTruth.from_rows(torch.tensor([[1.0, 2, 0.5, 0.25, 0.1, 0.5], [0, 0, 0.5, 0.5, 1, 1]]), (100, 200))
    torch.testing.assert_close(truth.boxes, torch.tensor([[90.0, 0, 110, 50], [0, 0, 200, 100]]))
    assert truth.labels.tolist() == [2, 0]
    assert truth.image.tolist() == [1, 0]
    assert len(GroundTruth.from_rows(torch.zeros(0, 6), (100, 200))) == 0


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([[0.0, 1, 0.5, 0.5, 0.1]], r"rows are \(N, 6\): image, class, x, y, width, height; not \(1, 5\)"),
        (
            [[0.0, 0, 0.5, 0.5, 0.1, 0.1], [0, 1.5, 0.5, 0.5, 0.1, 0.1]],
            r"row 1 has an image or class that is not a whole number",
        ),
        ([[-1.0, 0, 0.5, 0.5, 0.1, 0.1]], r"row 0 has an image or class"),
        ([[0.0, 0, 120, 80, 30, 20]], r"row 0 has a box that is not in fractions .*: \[0\.0, 0\.0, 120\.0, 80\.0"),
        ([[0.0, 0, float("nan"), 0.5, 0.1, 0.1]], "row 0 has a box that is not in fractions"),
    ],
)
def test_rows_that_are_no_objects(rows: list[list[float]], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        GroundTruth.from_rows(torch.tensor(rows), (100, 200))
