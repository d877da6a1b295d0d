"""The numbers of an explanation: equal to the predictor's, to those by hand, and to a slow loop."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolo3 import Anchors, Darknet, Predictor, YOLOv1, YOLOv3, load_darknet_weights
from yolo3.boxes import box_iou
from yolo3.explain import explain_prediction, explanation_page
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.suppression import Suppression

_CFGS = Path(__file__).parents[1] / "darknet" / "cfgs"


def _four_scales() -> YOLOv3:
    anchors = Anchors((((40, 40),), ((20, 20), (10, 30)), ((10, 10),), ((4, 4), (5, 3), (6, 6))), (32, 16, 8, 4))
    return YOLOv3(3, width=0.125, anchors=anchors)


def _one_stage(one_stage_cfg) -> Darknet:
    """Two heads at the same stride, of one and two anchors."""
    return Darknet(one_stage_cfg((64, 64), 16, (1, 2)))


def _same(predictor: Predictor, image) -> int:
    """Compare an explanation with what the predictor finds, to the bit; the number of detections."""
    (found,) = predictor(image)
    explained = explain_prediction(predictor, image).detections
    assert [each.prediction.box for each in explained] == [tuple(box) for box in found.boxes.tolist()]
    assert [each.prediction.score for each in explained] == found.scores.tolist()
    assert [each.prediction.of_class.label for each in explained] == found.labels.tolist()
    assert [each.prediction.of_class.name for each in explained] == found.names
    return len(found)


@pytest.mark.parametrize(
    "build",
    [
        lambda _: YOLOv3(3, width=0.125),
        lambda _: _four_scales(),
        _one_stage,
        *(
            lambda _, name=name: Darknet(_CFGS / f"{name}.cfg")
            for name in ("region", "gaussian", "new_coords", "fused")
        ),
    ],
    ids=["yolov3", "four scales", "two heads of one stride", "region", "gaussian", "new_coords", "fused"],
)
def test_detections_equal_those_of_the_predictor_to_the_bit(build, one_stage_cfg) -> None:
    detector = build(one_stage_cfg).eval()
    size = getattr(detector, "image_size", None)
    image = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    settings = {"min_score": 0.0, "iou_threshold": 0.3, "max_detections": 40, "precision": "fp32"}
    predictor = Predictor(detector, (), size or 64, **settings)
    assert _same(predictor, image) > 1


@pytest.mark.parametrize("name", ["dog.jpg", "person.jpg"])
def test_detections_of_published_weights_equal_those_of_the_predictor(name: str, shared: Path) -> None:
    network = Darknet("yolov3-tiny")
    load_darknet_weights(network, shared / "weights/yolov3-tiny.weights")
    predictor = Predictor(network, precision="fp32", letterbox="darknet")
    assert _same(predictor, shared / "images" / name) > 1


def test_numbers_of_a_slot_by_hand(told, predictor_of, image) -> None:
    told.put((40, 20, 48, 16), 0.8, (0.9, 0.3, 0.1), scale=1, anchor=1)  # column 2, row 1 of cells of 16 pixels
    (found,) = explain_prediction(predictor_of(told), image).detections
    each = found.prediction
    assert str(each.slot) == "stride 16, row 1, column 2, anchor 1 (16 x 16)"
    assert each.slot.cell == (32, 16, 48, 32)
    assert each.centre_in_cell == pytest.approx((0.5, 0.25))
    assert each.size_ratios == pytest.approx((3, 1))
    assert each.centre_logits == pytest.approx((0, math.log(1 / 3)), abs=1e-6)
    assert each.size_logits == pytest.approx((math.log(3), 0))
    assert each.objectness == pytest.approx(0.8)
    assert each.objectness_logit == pytest.approx(math.log(4))
    assert each.of_class.logit == pytest.approx(math.log(9))
    assert each.score == pytest.approx(0.8 * 0.9)
    assert each.network_box == pytest.approx((16, 12, 64, 28), abs=1e-4)
    assert [other.name for other in each.best_classes] == ["cat", "dog", "cow"]


def test_boxes_of_the_image_are_those_of_the_input_out_of_the_letterbox(told, predictor_of) -> None:
    told.put((40, 30, 16, 16), 0.8, (0.9, 0.3, 0.1), scale=1, anchor=1)
    image = np.zeros((64, 128, 3), dtype=np.uint8)  # halved, with 16 pixels of grey above and below
    (found,) = explain_prediction(predictor_of(told), image).detections
    assert found.prediction.network_box == pytest.approx((32, 22, 48, 38), abs=1e-4)
    assert found.prediction.box == pytest.approx((64, 12, 96, 44), abs=1e-3)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.1, 0.45, 0.8]), agnostic=st.booleans())
def test_what_was_dropped_for_what_equals_a_slow_loop(
    seed: int, threshold: float, agnostic: bool, told, predictor_of
) -> None:
    random = torch.Generator().manual_seed(seed)
    for logits in (told.coarse, told.fine):
        logits.copy_(torch.randn(logits.shape, generator=random))
    settings = {"min_score": 0.2, "iou_threshold": threshold, "class_agnostic": agnostic, "max_detections": 6}
    predictor = predictor_of(told, **settings)
    grey = np.full((64, 64, 3), 128, dtype=np.uint8)
    explained = explain_prediction(predictor, grey)

    (candidates,) = predictor.candidates([predictor.prepare(grey)])
    pairs = (candidates.scores[0] > 0.2).nonzero().tolist()
    pairs.sort(key=lambda pair: -candidates.scores[0, pair[0], pair[1]].item())
    kept: list[list[int]] = []
    losers: dict[int, list[float]] = {}
    for candidate, label in pairs:
        overlaps = [
            box_iou(candidates.boxes[0, other], candidates.boxes[0, candidate]).item()
            if agnostic or label == of_class
            else 0.0
            for other, of_class in kept
        ]
        winner = next((number for number, iou in enumerate(overlaps) if iou > threshold), None)
        if winner is None:
            kept.append([candidate, label])
        else:
            losers.setdefault(winner, []).append(candidates.scores[0, candidate, label].item())
    assert len(explained.detections) == min(6, len(kept))
    assert explained.num_passing == len(pairs)
    for number, each in enumerate(explained.detections):
        assert [loser.prediction.score for loser in each.dropped] == losers.get(number, [])
        assert all(loser.iou > threshold for loser in each.dropped)


def test_maps_hold_the_best_anchor_of_each_cell(told, predictor_of, image) -> None:
    told.put((40, 20, 30, 30), 0.8, (0.9, 0.3, 0.1), anchor=0)
    told.put((40, 20, 30, 30), 0.6, (0.1, 0.9, 0.1), anchor=1)
    coarse, fine = explain_prediction(predictor_of(told), image, why="dog").scales
    assert (coarse.grid, fine.grid, coarse.stride, fine.stride) == ((2, 2), (4, 4), 32, 16)
    assert coarse.objectness[0, 1].item() == pytest.approx(0.8)
    assert coarse.scores[0, 1].item() == pytest.approx(0.6 * 0.9)
    assert coarse.objectness[1, 0].item() == pytest.approx(1 / (1 + math.exp(8)))


def test_the_class_is_the_one_asked_for_or_that_of_the_best(told, predictor_of, image) -> None:
    told.put((40, 20, 30, 30), 0.8, (0.1, 0.9, 0.2))
    told.put((10, 50, 8, 8), 0.2, (0.1, 0.1, 0.9), scale=1)
    predictor = predictor_of(told)
    assert explain_prediction(predictor, image).asked.name == "dog"
    assert explain_prediction(predictor, image, why="cow").asked.name == "cow"
    assert explain_prediction(predictor, image, why=0).asked.name == "cat"
    nothing = explain_prediction(predictor, image, suppression=Suppression(0.99))
    assert (nothing.detections, nothing.asked.name) == ((), "dog")
    asked = explain_prediction(predictor, image, why="cow").asked
    assert [each.score for each in asked.at_detections] == pytest.approx([0.8 * 0.2])
    with pytest.raises(ValueError, match="no class is called 'zebra'; there are cat, dog, cow"):
        explain_prediction(predictor, image, why="zebra")


def test_an_image_of_nothing_above_the_threshold(told, predictor_of, image) -> None:
    explained = explain_prediction(predictor_of(told), image)
    assert explained.detections == ()
    assert explained.asked.verdict.outcome == "below threshold"
    assert "0 detections" in str(explained)


def test_detectors_that_cannot_be_explained(image) -> None:
    one = Predictor(YOLOv1(3, grid=1, width=0.0625, hidden=8), image_size=64, precision="fp32")
    with pytest.raises(
        ValueError, match=r"only detectors with anchors can be explained; this YOLOv1 has none, as every YOLOv1"
    ):
        explain_prediction(one, image)
    several = Predictor(TestTimeAugmentation(YOLOv3(3, width=0.125)), image_size=64, precision="fp32")
    with pytest.raises(ValueError, match="test-time augmentation looks at an image several times"):
        explain_prediction(several, image)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_exported_model_tells_no_logits(image) -> None:
    exported = Predictor(YOLOv3(3, width=0.125), image_size=64, backend="onnxruntime")
    with pytest.raises(ValueError, match="an exported model tells boxes and scores, and not the logits behind them"):
        explain_prediction(exported, image)


def test_bfloat16_is_explained_too(predictor_of, image) -> None:
    predictor = predictor_of(YOLOv3(3, width=0.125), precision="bf16", min_score=0.0, max_detections=5)
    explained = explain_prediction(predictor, image)
    (found,) = predictor(image)
    assert [each.prediction.score for each in explained.detections] == found.scores.tolist()
    assert max(scale.cam.max().item() for scale in explained.scales) == 1


@pytest.mark.parametrize("channels", [1, 4])
def test_images_of_other_channels(channels: int, predictor_of) -> None:
    predictor = predictor_of(YOLOv3(3, width=0.125, in_channels=channels), min_score=0.0, max_detections=5)
    image = np.random.default_rng(0).integers(0, 255, (50, 70, channels), dtype=np.uint8)
    assert _same(predictor, image) == 5
    explained = explain_prediction(predictor, image)
    assert explained.network_input.shape == (channels, 64, 64)
    assert "data:image/jpeg" in explanation_page(explained)
