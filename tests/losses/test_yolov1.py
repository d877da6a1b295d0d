import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from yolo3 import GroundTruth
from yolo3.boxes import box_iou, cxcywh_to_xyxy
from yolo3.losses import YoloV1Loss
from yolo3.models.yolov1 import GridOutput

LOSS = YoloV1Loss(3)


def truth_of(*boxes: tuple[float, ...]) -> GroundTruth:
    """Objects of one image, of classes 0, 1, 2."""
    return GroundTruth.collate([(torch.tensor(boxes).reshape(-1, 4), torch.arange(len(boxes)))])


def test_encoding_by_hand() -> None:
    """A box around (80, 40) in cells of 64 pixels: column 1, row 0."""
    target = LOSS.assign(torch.zeros(1, 2, 2, 13), truth_of((48, 24, 112, 56)))
    assert target[0, 0, 1].tolist() == [1, 0, 0, 1, 0.25, 0.625, 1, 0.5, 0, 0, 0, 0, 0]
    assert target.count_nonzero() == 6


def test_the_first_object_of_a_cell_counts_and_far_edges_belong_to_the_last_cell() -> None:
    truth = truth_of((100, 100, 156, 156), (0, 0, 20, 20), (110, 110, 120, 120))
    target = LOSS.assign(torch.zeros(1, 2, 2, 13), truth)
    assert target[0, 1, 1, :4].tolist() == [1, 0, 0, 1]
    assert target[0, 1, 1, 4] == 1 - torch.finfo(torch.float32).eps
    assert target[0, 0, 0, :4].tolist() == [0, 1, 0, 1]
    assert target[..., 3].sum() == 2


def test_every_term_by_hand() -> None:
    """One cell with an object; its second predictor overlaps it better and is responsible."""
    target = torch.zeros(1, 2, 2, 13)
    target[0, 0, 1, :8] = torch.tensor([0, 1, 0, 1, 0.5, 0.5, 1, 4])
    prediction = torch.zeros(1, 2, 2, 13)
    prediction[0, 0, 1] = torch.tensor([0.5, 0.5, 0, 0.9, 0, 0, 0.1, 0.1, 0.6, 0.5, 0.25, 1, 1])
    prediction[0, 1, 0, 3], prediction[0, 1, 0, 8] = 0.3, 0.4
    terms = LOSS.terms(prediction, target)
    expected = {
        "box": 5 * (0.25**2 + (math.sqrt(4) - math.sqrt(1)) ** 2),
        "objectness": 0.4**2,
        "background": 0.5 * (0.3**2 + 0.4**2),
        "classes": 0.5,
    }
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=1e-5)
    iou = YoloV1Loss(3, objectness_target="iou").terms(prediction, target)["objectness"]
    assert iou.item() == pytest.approx((0.6 - 1 * 1 / 4) ** 2)


def random_case() -> tuple[Tensor, GroundTruth]:
    centre, half = torch.rand(4, 2) * 128, torch.rand(4, 2) * 40 + 4
    boxes = torch.cat([centre - half, centre + half], dim=1)
    truth = GroundTruth(boxes, torch.tensor([0, 1, 2, 1]), torch.tensor([0, 0, 1, 1]))
    return torch.randn(2, 2 * 2 * 13), truth


def test_flat_predictions_and_objects_or_their_targets_give_one_loss() -> None:
    flat, truth = random_case()
    loss = LOSS(flat, truth)
    torch.testing.assert_close(LOSS(flat.view(2, 2, 2, 13), LOSS.assign(flat, truth)), loss)
    torch.testing.assert_close(loss, sum(LOSS.terms(flat, truth).values()))
    torch.testing.assert_close(LOSS(flat, replace(truth, labels=torch.eye(3)[truth.labels])), loss)


def test_object_weights() -> None:
    flat, truth = random_case()
    plain, halved = LOSS.terms(flat, truth), LOSS.terms(flat, replace(truth, weights=torch.full((4,), 0.5)))
    for name in ("box", "objectness", "classes"):
        torch.testing.assert_close(halved[name], plain[name] / 2)
    assert halved["background"] == plain["background"]


@pytest.mark.parametrize("objectness_target", ["binary", "iou"])
def test_gradient(objectness_target: str) -> None:
    flat, truth = random_case()
    flat = flat.double().requires_grad_()
    loss = YoloV1Loss(3, objectness_target=objectness_target)
    if objectness_target == "binary":
        assert torch.autograd.gradcheck(lambda p: loss(p, truth), flat)
    loss(flat, truth).backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_float32(dtype: torch.dtype) -> None:
    flat, truth = random_case()
    half = (flat * 100).to(dtype)
    torch.testing.assert_close(LOSS(half, truth), LOSS(half.float(), truth))


def test_no_object_at_all() -> None:
    flat = torch.randn(2, 52, requires_grad=True)
    terms = LOSS.terms(flat, truth_of())
    assert terms["box"] == terms["objectness"] == terms["classes"] == 0
    for value in terms.values():
        (gradient,) = torch.autograd.grad(value, flat, retain_graph=True)
        assert gradient.isfinite().all()


def test_compiles_as_one_graph() -> None:
    flat, truth = random_case()
    target = LOSS.assign(flat, truth)
    torch._dynamo.reset()
    compiled = torch.compile(LOSS.__call__, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(flat, target), LOSS(flat, target))


def test_refuses_what_does_not_fit() -> None:
    flat, truth = random_case()
    with pytest.raises(ValueError, match=r"predictions are \(2, 50\), not .* for 3 classes and 2 boxes"):
        LOSS(flat[:, :50], truth)
    with pytest.raises(ValueError, match=r"targets are \(1, 2, 2, 13\), predictions \(2, 2, 2, 13\)"):
        LOSS(flat, torch.zeros(1, 2, 2, 13))
    with pytest.raises(ValueError, match=r"box 0 .* centre outside the 128 x 128 image"):
        LOSS(flat, truth_of((200, 200, 220, 220)))
    with pytest.raises(ValueError, match="objectness_target is 'one'; choose binary or iou"):
        YoloV1Loss(objectness_target="one")


def test_dense_targets_come_to_the_type_of_the_predictions() -> None:
    loss = YoloV1Loss(3)
    predictions, truth = torch.rand(1, 1, 1, 13), torch.zeros(1, 1, 1, 13)
    truth[..., [1, 3]] = 1
    truth[..., 4:8] = torch.tensor([0.5, 0.5, 0.4, 0.3])
    torch.testing.assert_close(loss(predictions, truth.double()), loss(predictions, truth))


def test_the_other_reading_of_the_no_object_term_by_hand() -> None:
    """The first predictor of the cell with an object is not responsible for it: its confidence counts too."""
    target = torch.zeros(1, 2, 2, 13)
    target[0, 0, 1, :8] = torch.tensor([0, 1, 0, 1, 0.5, 0.5, 1, 4])
    prediction = torch.zeros(1, 2, 2, 13)
    prediction[0, 0, 1] = torch.tensor([0.5, 0.5, 0, 0.9, 0, 0, 0.1, 0.1, 0.6, 0.5, 0.25, 1, 1])
    prediction[0, 1, 0, 3], prediction[0, 1, 0, 8] = 0.3, 0.4
    cells, predictors = (YoloV1Loss(3, background=name).terms(prediction, target) for name in ("cells", "predictors"))
    assert cells["background"].item() == pytest.approx(0.5 * (0.3**2 + 0.4**2))
    assert predictors["background"].item() == pytest.approx(0.5 * (0.3**2 + 0.4**2 + 0.9**2))
    for name in ("box", "objectness", "classes"):
        assert cells[name] == predictors[name]


def test_the_other_reading_against_loops() -> None:
    flat, truth = random_case()
    loss = YoloV1Loss(3, background="predictors")
    target = loss.assign(flat, truth)
    output, encoded = GridOutput.from_predictions(flat, 3, 2), GridOutput(target, 3)
    expected = 0.0
    for image, row, column in product(range(2), range(2), range(2)):
        slot = (image, row, column)
        overlaps = [box_iou(*map(cxcywh_to_xyxy, (output.xywh[slot][k], encoded.xywh[slot][0]))) for k in range(2)]
        for k in range(2):
            if encoded.confidence[slot][0] == 0 or k != overlaps.index(max(overlaps)):
                expected += 0.5 * output.confidence[slot][k].item() ** 2
    assert loss.terms(flat, truth)["background"].item() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="background is 'all'; choose cells or predictors"):
        YoloV1Loss(background="all")  # type: ignore[arg-type]
