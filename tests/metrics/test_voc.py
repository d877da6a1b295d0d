"""Average precision against another program's VOC numbers, and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from yolo3 import Detections
from yolo3.data import Sample
from yolo3.metrics import average_precision, voc_average_precision

Box = tuple[float, float, float, float]


def _sample(
    boxes: list[Box],
    labels: list[int] | None = None,
    difficult: list[bool] | None = None,
    crowd: list[bool] | None = None,
    size: tuple[int, int] = (400, 400),
) -> Sample:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    nothing = [False] * len(corners)
    return Sample(
        image=Path("picture.jpg"),
        boxes=corners,
        labels=np.array(labels if labels is not None else [0] * len(corners), np.int64),
        difficult=np.array(difficult or nothing, np.bool_),
        crowd=np.array(crowd or nothing, np.bool_),
        area=(corners[:, 2:] - corners[:, :2]).prod(1),
        size=size,
    )


def _found(boxes: list[Box], scores: list[float], labels: list[int] | None = None) -> Detections:
    corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return Detections(corners, torch.tensor(scores), torch.tensor(labels or [0] * len(corners), dtype=torch.int64))


def test_average_precision_by_hand() -> None:
    # right, wrong, right, wrong of 4 objects: precision 1, 1/2, 2/3, 1/2 at recall 1/4, 1/4, 1/2, 1/2
    recall, precision = np.array([0.25, 0.25, 0.5, 0.5]), np.array([1, 1 / 2, 2 / 3, 1 / 2])

    assert average_precision(recall, precision) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    # recalls 0, .1, .2 see 1; .3, .4, .5 see 2/3; the other five see nothing
    assert average_precision(recall, precision, "11-point") == pytest.approx((3 * 1 + 3 * 2 / 3) / 11)
    assert average_precision(np.array([]), np.array([])) == 0
    assert average_precision(np.array([]), np.array([]), "11-point") == 0


def test_eleven_points_see_a_recall_of_exactly_a_tenth() -> None:
    recall = np.arange(1, 11) / 10  # 0.3 is not 3 · 0.1 in floats
    assert average_precision(recall, np.linspace(1, 0.1, 10), "11-point") == pytest.approx(
        (1 + np.linspace(1, 0.1, 10).sum()) / 11
    )


def test_only_the_best_detection_of_an_object_is_right() -> None:
    truth = (10.0, 10.0, 60.0, 60.0)
    samples = [_sample([truth, (200, 200, 260, 260)])]
    found = [_found([truth, truth], [0.9, 0.8])]  # precision 1, 1/2 at recall 1/2

    assert voc_average_precision(samples, found, ["cat"]) == pytest.approx({"cat": 0.5})


def test_voc_leaves_classes_without_truth_out() -> None:
    samples = [_sample([(10, 10, 60, 60)], [1])]
    found = [_found([(10, 10, 60, 60)], [0.9], [0])]

    assert voc_average_precision(samples, found, ["cat", "dog"]) == {"dog": 0}


def test_refuses_an_unknown_interpolation() -> None:
    with pytest.raises(ValueError, match="unknown interpolation 'spline'; choose all-point or 11-point"):
        voc_average_precision([], [], [], interpolation="spline")


@pytest.mark.parametrize("iou_threshold", [0.3, 0.5])
def test_equals_another_programs_voc_numbers(shared: Path, iou_threshold: float) -> None:
    folder = shared / "oracles" / "map" / "object_detection_metrics"
    expected = json.loads((folder / "expected.json").read_text())
    samples, found = [], []
    for path in sorted((folder / "groundtruths").glob("*.txt")):
        samples.append(_sample([box for _, box in _read_boxes(path)]))
        detections = _read_boxes(folder / "detections" / path.name)
        found.append(_found([box for _, box in detections], [score for score, _ in detections]))

    for interpolation, key in (("all-point", "EveryPoint"), ("11-point", "ElevenPoint")):
        measured = voc_average_precision(samples, found, ["person"], iou_threshold, interpolation)
        assert measured["person"] == pytest.approx(
            expected[f"root iou{iou_threshold} {key}Interpolation"]["person"]["AP"], abs=1e-9
        )


def _read_boxes(path: Path) -> list[tuple[float, Box]]:
    """(score, xyxy) of each line ``class [score] left top width height``."""
    boxes = []
    for line in path.read_text().splitlines():
        *before, left, top, width, height = map(float, line.split()[1:])
        boxes.append((before[0] if before else 1.0, (left, top, left + width, top + height)))
    return boxes
