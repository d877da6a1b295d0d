from dataclasses import replace

import pytest
import torch

from yolo3 import COCO_ANCHORS, GroundTruth, TargetEncoder, Targets, YoloLoss, YoloV1Loss
from yolo3.assign import check_truth
from yolo3.boxes import xyxy_to_cxcywh
from yolo3.losses import DarknetLoss, FocalGIoULoss, MultiAnchorLoss

SIZE = 64
BOXES = torch.tensor([[4.0, 8, 40, 30], [20, 20, 50, 60], [10, 10, 30, 50]])
TRUTH = GroundTruth(BOXES, torch.tensor([0, 2, 1]), torch.tensor([0, 0, 1]))
LOSSES = [YoloLoss(), YoloLoss(objectness_target="iou"), MultiAnchorLoss(), FocalGIoULoss(), DarknetLoss()]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)


def _predictions(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    shapes = [(2, 3, SIZE // stride, SIZE // stride, 8) for stride in COCO_ANCHORS.strides]
    return tuple((torch.randn(shape) * 0.1).to(dtype).requires_grad_() for shape in shapes)


def _dense() -> list[torch.Tensor]:
    """The targets of both images, as `TargetEncoder` makes them."""
    encoder = TargetEncoder(image_size=SIZE)
    each = [encoder(BOXES[TRUTH.image == image], TRUTH.labels[TRUTH.image == image]) for image in (0, 1)]
    return [torch.stack(scales) for scales in zip(*each, strict=True)]


@pytest.mark.parametrize("boxes", [BOXES / SIZE, xyxy_to_cxcywh(BOXES) / SIZE], ids=["xyxy", "cxcywh"])
def test_fractions_of_the_image_are_refused(boxes: torch.Tensor) -> None:
    said = r"box 0 \(image 0, .*all boxes of the image lie within the first pixel.* boxes \* torch.tensor\(\[width"
    with pytest.raises(ValueError, match=said):
        TargetEncoder(image_size=SIZE)(boxes, TRUTH.labels)
    for loss in LOSSES:
        with pytest.raises(ValueError, match=said):
            loss(_predictions(), replace(TRUTH, boxes=boxes))
        with pytest.raises(ValueError, match=said):
            loss.assign(_predictions(), replace(TRUTH, boxes=boxes))
    with pytest.raises(ValueError, match=said):
        YoloV1Loss(3)(torch.zeros(2, 1, 1, 13), replace(TRUTH, boxes=boxes))


@each_loss
def test_fractions_in_one_image_of_a_batch_are_refused(loss) -> None:
    """As where one of two data sets that are joined has fractions: the other images do not hide them."""
    boxes = torch.cat([BOXES[:2], BOXES[2:] / SIZE])
    with pytest.raises(ValueError, match=r"box 2 \(image 1, .*all boxes of the image lie within the first pixel"):
        loss(_predictions(), replace(TRUTH, boxes=boxes))
    beside = torch.cat([BOXES[:1] / SIZE, BOXES[1:]])  # an object of less than a pixel beside a larger one
    assert loss(_predictions(), replace(TRUTH, boxes=beside)).isfinite()


def test_centres_and_sizes_in_pixels_are_refused_where_they_have_no_area() -> None:
    with pytest.raises(
        ValueError, match=r"box 0 .* has no area: .* convert centres and sizes with cxcywh_to_xyxy\(boxes\)"
    ):
        TargetEncoder(image_size=SIZE)(xyxy_to_cxcywh(torch.tensor([[40.0, 40, 60, 60]])), torch.tensor([0]))


@pytest.mark.parametrize(
    "boxes",
    [
        [[-1.0, -1, 1, 1]],  # an object at the edge, half outside
        [[0.0, 0, 1, 1]],  # what some tools write where there is no object
        [[0.2, 0.2, 0.9, 0.9], [5, 5, 9, 9]],
        [],
    ],
)
def test_small_boxes_in_pixels_are_taken(boxes: list[list[float]]) -> None:
    labels = torch.zeros(len(boxes))
    dense = TargetEncoder(image_size=SIZE)(torch.tensor(boxes), labels)
    assert sum((scale[..., 0] == 1).sum() for scale in dense) == 3 * len(boxes)


def test_a_data_set_knows_its_unit() -> None:
    tiny = torch.tensor([[0.2, 0.2, 0.9, 0.9]])
    dense = TargetEncoder(image_size=SIZE).encode_pixels(tiny, torch.zeros(1))
    assert all((scale[..., 0] == 1).sum() == 1 for scale in dense)


@each_loss
@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("image", [0, -1, 1], r"box 1 \(image -1, .* is in an image that the batch does not have: in 0\.\.1"),
        ("image", [0, 0, 2], r"box 2 \(image 2, .* is in an image that the batch does not have: in 0\.\.1"),
        ("image", [0, 0.5, 1], r"image must be \(N,\) whole numbers \(int64\), not torch\.float32"),
        ("image", [0, 1], "3 boxes and 2 image; give one per box"),
        ("labels", [0, 1, 3], r"box 2 .* has a label that is not in 0\.\.2; are the labels 1-based"),
        ("labels", [0, 1.5, 1], r"labels must be \(N,\) whole numbers \(int64\), not torch\.float32"),
        ("labels", [0, 1], "3 boxes and 2 labels; give one per box"),
        ("labels", [[1, 0, 0], [0, 0, 0], [0, 1, 1]], r"box 1 \(.*label \[0, 0, 0\].* has no class at all"),
        ("labels", [[1, 0], [0, 1], [1, 0]], "multi-hot labels of 2 classes for a detector of 3"),
        ("weights", [1, float("nan"), 1], r"box 1 .* has a weight that is not 0 or more"),
        ("weights", [1, -1, 1], r"box 1 .* has a weight that is not 0 or more"),
        ("boxes", [[4, 8, 40], [20, 20, 50], [1, 2, 3]], r"boxes must be \(N, 4\) xyxy, not \(3, 3\)"),
    ],
)
def test_what_no_target_can_be_made_of(loss, field: str, value: list, complaint: str) -> None:
    truth = replace(TRUTH, **{field: torch.tensor(value)})
    with pytest.raises(ValueError, match=complaint):
        loss(_predictions(), truth)


@each_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32, torch.int64])
def test_boxes_of_any_type(loss, dtype: torch.dtype) -> None:
    """Whole pixels, which all of these types hold."""
    given = loss(_predictions(), replace(TRUTH, boxes=BOXES.to(dtype), weights=torch.ones(3).to(dtype)))
    torch.testing.assert_close(given, loss(_predictions(), TRUTH), rtol=0, atol=0)
    given.backward()


@each_loss
@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8, torch.float32])
def test_class_and_image_numbers_of_any_type(loss, dtype: torch.dtype) -> None:
    truth = replace(TRUTH, labels=TRUTH.labels.to(dtype), image=TRUTH.image.to(dtype))
    torch.testing.assert_close(loss(_predictions(), truth), loss(_predictions(), TRUTH), rtol=0, atol=0)
    hot = replace(TRUTH, labels=torch.eye(3, dtype=dtype)[TRUTH.labels])
    torch.testing.assert_close(loss(_predictions(), hot), loss(_predictions(), TRUTH))


@each_loss
def test_predictions_in_double_precision(loss) -> None:
    exact = loss(_predictions(torch.float64), TRUTH)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), loss(_predictions(), TRUTH))


@each_loss
def test_dense_targets_of_another_type_or_device_come_to_the_predictions(loss) -> None:
    plain = loss(_predictions(), _dense())
    torch.testing.assert_close(loss(_predictions(), [scale.double() for scale in _dense()]), plain, rtol=0, atol=0)
    predictions = tuple(scale.detach().to("meta") for scale in _predictions())
    moved = [Targets.from_dense(scale, stride) for scale, stride in zip(_dense(), COCO_ANCHORS.strides, strict=True)]
    assert all(each.to("meta").boxes.device.type == "meta" for each in moved)
    with pytest.raises(RuntimeError, match="meta"):  # every comparison got as far as the predictions' device
        loss(predictions, _dense())


@each_loss
@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        (5, 3, r"target \d+ \(image 0, anchor \d, row 0, column 0, label 3\) has a label that is not in 0\.\.2"),
        (5, -1, r"target \d+ .* has a label that is not in 0\.\.2"),
        (3, 0, r"target \d+ .* has a width or height that is not above 0"),
        (4, float("nan"), r"target \d+ .* has a coordinate that is not finite"),
        (0, 0.9, r"the first column of dense targets is 1 \(positive\), 0 \(background\) or -1 \(ignored\)"),
    ],
)
def test_dense_targets_that_are_not_sound(loss, column: int, value: float, complaint: str) -> None:
    dense = _dense()
    (place, *_) = (dense[0][..., 0] == 1).nonzero()
    dense[0][(*place.tolist(), column)] = value
    with pytest.raises(ValueError, match=complaint):
        loss(_predictions(), dense)


@each_loss
def test_targets_outside_the_grid(loss) -> None:
    targets = loss.assign(_predictions(), TRUTH)
    number, some = next((number, each) for number, each in enumerate(targets) if len(each))
    for place in (-1, 99):
        slots = some.slots.clone()
        slots[0, 0] = place
        wrong = [*targets[:number], replace(some, slots=slots), *targets[number + 1 :]]
        with pytest.raises(ValueError, match=rf"target 0 \(image {place}, .*is not a slot of a grid of \(2, 3, "):
            loss(_predictions(), wrong)


def test_nothing_is_sound() -> None:
    nothing = check_truth(GroundTruth(torch.tensor([]), torch.tensor([]), torch.tensor([])), (SIZE, SIZE), 3, 2)
    assert nothing.boxes.shape == (0, 4)
    assert nothing.labels.dtype == nothing.image.dtype == torch.int64
    for loss in LOSSES:
        assert loss(_predictions(), nothing).isfinite()
