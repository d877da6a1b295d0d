import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo3 import COCO_ANCHORS, GroundTruth, TargetEncoder, Targets
from yolo3.assign import check_truth
from yolo3.boxes import cxcywh_to_xyxy

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
