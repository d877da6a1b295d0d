"""Losses against numbers that the original authors' programs gave (../shared/oracles, see its README)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from yolo3 import COCO_ANCHORS, GroundTruth, ScaleOutput, TargetEncoder, Targets, YoloLoss
from yolo3.assign import AnchorsAboveIoU
from yolo3.assign.overall import overlapping
from yolo3.boxes import cxcywh_to_xyxy
from yolo3.losses import DarknetLoss, FocalGIoULoss, MultiAnchorLoss, YoloV1Loss


def load(shared: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The arrays and the numbers of an oracle."""
    folder, numbers = shared / "oracles", {}
    with np.load(folder / f"{name}.npz") as arrays:
        tensors = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    if (folder / f"{name}.json").exists():
        numbers = json.loads((folder / f"{name}.json").read_text())
    return tensors, numbers


def ours(predictions: Tensor) -> Tensor:
    """Darknet's column order [x, y, w, h, objectness, classes] -> [objectness, x, y, w, h, classes], as a leaf."""
    return predictions[..., [4, 0, 1, 2, 3, *range(5, predictions.shape[-1])]].clone().requires_grad_()


def gradient_sums(predictions: list[Tensor]) -> list[float]:
    """Σ|gradient| of each scale."""
    assert all(each.grad is not None for each in predictions)
    return [each.grad.abs().sum().item() for each in predictions if each.grad is not None]


@pytest.mark.parametrize("case", [0, 1, 2])
def test_yolo_loss_and_its_targets(shared: Path, case: int) -> None:
    arrays, numbers = load(shared, f"yolo_loss_{case}")
    truths = [(arrays[f"boxes{i}"], arrays[f"labels{i}"]) for i in range(numbers["batch"])]
    encoder = TargetEncoder(image_size=numbers["image_size"], num_classes=numbers["num_classes"])
    dense = [torch.stack(scale) for scale in zip(*(encoder(*truth) for truth in truths), strict=True)]
    for scale in range(3):
        torch.testing.assert_close(dense[scale], arrays[f"target{scale}"], atol=1e-5, rtol=1e-6)

    predictions = tuple(arrays[f"p{scale}"] for scale in range(3))
    truth = GroundTruth.collate(truths)
    for objectness_target in ("binary", "iou"):
        loss = YoloLoss(objectness_target=objectness_target, background_weight=1, box_weight=1)
        expected = {name: numbers["unweighted"][name] for name in ("background", "box", "classes")}
        expected["objectness"] = numbers["unweighted"][f"objectness_{objectness_target}"]
        sparse = loss.assign(predictions, truth)
        for targets in (truth, sparse, dense, [arrays[f"target{scale}"] for scale in range(3)]):
            terms = {name: value.item() for name, value in loss.terms(predictions, targets).items()}
            assert terms == pytest.approx(expected, rel=1e-5, abs=1e-7)


SETTINGS_2020 = [
    (ratio, gamma, reduction, smoothing)
    for ratio in (0, 1)
    for gamma in (0, 1.5)
    for reduction in ("mean", "sum")
    for smoothing in (0, 0.1)
]


def inputs_2020(shared: Path, case: int) -> tuple[list[Tensor], GroundTruth, dict[str, Any]]:
    arrays, numbers = load(shared, f"yolov3_2020_loss_{case}")
    predictions = [ours(arrays[f"p{scale}"]) for scale in range(3)]
    rows = arrays["targets"]  # (n, 6): image, class, then cx, cy, w, h relative to the image
    boxes = cxcywh_to_xyxy(rows[:, 2:]) * 32 * predictions[0].shape[2]
    return predictions, GroundTruth(boxes, rows[:, 1].long(), rows[:, 0].long()), numbers


@pytest.mark.parametrize("case", [0, 1])
@pytest.mark.parametrize(("ratio", "gamma", "reduction", "smoothing"), SETTINGS_2020)
def test_multi_anchor_loss(
    shared: Path, case: int, ratio: float, gamma: float, reduction: Any, smoothing: float
) -> None:
    predictions, truth, numbers = inputs_2020(shared, case)
    expected = numbers[f"gr{ratio}_gamma{gamma}_{reduction}_eps{smoothing}"]
    loss = MultiAnchorLoss(
        objectness_iou_ratio=ratio, focal_gamma=gamma, reduction=reduction, label_smoothing=smoothing
    )
    terms = loss.terms(tuple(predictions), truth)
    got = {name: terms[ours].item() for name, ours in (("lbox", "box"), ("lobj", "objectness"), ("lcls", "classes"))}
    got["total"] = loss(tuple(predictions), truth).item()
    assert got == pytest.approx({name: expected[name] for name in got}, rel=1e-5)
    loss(tuple(predictions), truth).backward()
    assert gradient_sums(predictions) == pytest.approx(expected["grad_l1"], rel=1e-4)


@pytest.mark.parametrize("case", [0, 1])
def test_assignment_of_anchors_above_iou(shared: Path, case: int) -> None:
    predictions, truth, numbers = inputs_2020(shared, case)
    scales = ScaleOutput.from_predictions(predictions, COCO_ANCHORS)
    for scale, targets, expected in zip(
        scales, AnchorsAboveIoU()(truth, scales), numbers["build_targets"], strict=True
    ):
        assert len(targets) == expected["n"]
        assert targets.slots.sum(dim=0).tolist() == expected["index_sum"]
        in_cells = torch.cat([targets.offsets(scale.stride), targets.boxes[:, 2:] / scale.stride], dim=1)
        assert in_cells.sum(dim=0).tolist() == pytest.approx(expected["box_sum"], rel=1e-5)
        assert targets.labels.sum() == expected["cls_sum"]


@pytest.mark.parametrize("case", [0, 1])
def test_focal_giou_loss(shared: Path, case: int) -> None:
    arrays, numbers = load(shared, f"yolov3_voc_loss_{case}")
    fine_to_coarse = [arrays[f"raw{scale}"].unflatten(1, (3, -1)).permute(0, 1, 3, 4, 2) for scale in range(3)]
    predictions = [ours(raw) for raw in reversed(fine_to_coarse)]
    labels = [arrays[f"label{scale}"].permute(0, 3, 1, 2, 4) for scale in (2, 1, 0)]  # (B, A, S, S, ...)
    image, index = (arrays["boxes"][..., 2] > 0).nonzero(as_tuple=True)
    objects = GroundTruth(cxcywh_to_xyxy(arrays["boxes"][image, index]), torch.zeros_like(image), image)
    targets = []
    scales = ScaleOutput.from_predictions(predictions, COCO_ANCHORS)
    for overlap, label in zip(overlapping(objects, scales, 0.5), labels, strict=True):
        slots = (label[..., 4] > 0).nonzero()
        values = label[slots.unbind(1)]
        ignore = overlap & (label[..., 4] == 0)
        targets.append(Targets(slots, values[:, :4], values[:, 6:], values[:, 5], ignore))

    loss = FocalGIoULoss()
    terms = loss.terms(tuple(predictions), targets)
    got = {"giou": terms["box"], "conf": terms["objectness"], "cls": terms["classes"]}
    got["total"] = loss(tuple(predictions), targets)
    expected = {name: numbers[name] for name in got}
    assert {name: value.item() for name, value in got.items()} == pytest.approx(expected, rel=1e-5)
    got["total"].backward()
    assert gradient_sums(predictions[::-1]) == pytest.approx(numbers["grad_l1"], rel=1e-4)


def test_gradient_of_darknet_loss_is_darknets_delta(shared: Path) -> None:
    """Both scales as one network, with a fine scale that the oracle does not know: small objects go there."""
    scales = [load(shared, f"darknet/pj_yolo_{edge}")[0] for edge in (13, 26)]
    predictions = [ours(scale["logits"].permute(0, 1, 3, 4, 2)) for scale in scales]
    image, index = (scales[0]["truth"][..., 2] > 0).nonzero(as_tuple=True)
    rows = scales[0]["truth"][image, index]
    truth = GroundTruth(cxcywh_to_xyxy(rows[:, :4]) * 416, rows[:, 4].long(), image)

    loss = DarknetLoss()(tuple([*predictions, torch.zeros(2, 3, 52, 52, 85)]), truth)
    (loss * 2).backward()  # Darknet's deltas are of the sum over the batch, two images here
    for scale, prediction in zip(scales, predictions, strict=True):
        assert prediction.grad is not None
        delta = ours(scale["delta"].permute(0, 1, 3, 4, 2)).detach()
        torch.testing.assert_close(-prediction.grad, delta, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("objectness_target", ["binary", "iou"])
def test_yolov1_loss(shared: Path, objectness_target: Any) -> None:
    arrays, numbers = load(shared, "yolov1_loss")
    prediction, target = arrays["prediction"], arrays["target"]
    expected = {name: numbers[name] for name in ("box", "background", "classes")}
    expected["objectness"] = numbers["objectness_iou" if objectness_target == "iou" else "objectness"]
    loss = YoloV1Loss(objectness_target=objectness_target)
    for given in (prediction, prediction.flatten(1)):
        terms = loss.terms(given, target)
        assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=1e-5)
