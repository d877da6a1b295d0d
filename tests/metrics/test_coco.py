"""Average precision against pycocotools, and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolo3 import Detections
from yolo3.data import Sample
from yolo3.metrics import CocoMetrics, coco_metrics, voc_average_precision

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
        image=Path("image.jpg"),
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


def _random_set(
    seed: int, num_images: int, num_classes: int, crowded: bool, ties: bool, many: int
) -> tuple[list[Sample], list[Detections]]:
    """Images with objects of all sizes, and detections that hit, miss and repeat them."""
    rng = np.random.default_rng(seed)
    samples, found = [], []
    for number in range(num_images):
        count = 0 if number % 5 == 0 else int(rng.integers(1, 9))  # every fifth image is empty
        edges = rng.choice([12, 50, 150], count)[:, None] * rng.uniform(0.7, 1.3, (count, 2))
        low = rng.uniform(0, 240, (count, 2))
        truth = np.concatenate([low, low + edges], axis=1).round(1).astype(np.float32)
        labels = rng.integers(0, num_classes - 1, count)  # the last class never occurs
        crowd = list(rng.random(count) < 0.25) if crowded else None
        samples.append(_sample([tuple(box) for box in truth], labels.tolist(), crowd=crowd))
        boxes = [box + rng.normal(0, 4, 4) for box in truth for _ in range(int(rng.integers(0, 4)))]
        starts = rng.uniform(0, 300, (many if number == 1 else 3, 2))
        boxes += list(np.concatenate([starts, starts + rng.uniform(5, 90, starts.shape)], axis=1))
        scores = rng.random(len(boxes))
        scores = scores.round(1) if ties else scores
        order = np.argsort(-scores, kind="stable")
        numbers = rng.integers(0, num_classes, len(boxes))
        found.append(_found([tuple(boxes[i]) for i in order], scores[order].tolist(), [int(numbers[i]) for i in order]))
    return samples, found


def _pycocotools(samples: list[Sample], found: list[Detections], num_classes: int) -> tuple[list[float], np.ndarray]:
    truth = COCO()
    annotations = [
        {
            "image_id": number,
            "category_id": int(sample.labels[index]),
            "bbox": [float(box[0]), float(box[1]), float(box[2]) - float(box[0]), float(box[3]) - float(box[1])],
            "area": float(sample.area[index]),
            "iscrowd": int(sample.crowd[index]),
        }
        for number, sample in enumerate(samples)
        for index, box in enumerate(sample.boxes)
    ]
    for number, annotation in enumerate(annotations):
        annotation["id"] = number + 1
    truth.dataset = {
        "info": {},
        "images": [{"id": number, "height": 400, "width": 400} for number in range(len(samples))],
        "categories": [{"id": number, "name": str(number)} for number in range(num_classes)],
        "annotations": annotations,
    }
    truth.createIndex()
    results = [
        {
            "image_id": number,
            "category_id": label,
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": score,
        }
        for number, each in enumerate(found)
        for box, label, score in zip(each.boxes.tolist(), each.labels.tolist(), each.scores.tolist(), strict=True)
    ]
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats.tolist(), evaluation.eval["precision"]


@pytest.mark.parametrize(
    ("seed", "num_images", "num_classes", "crowded", "ties", "many"),
    [(0, 12, 4, False, False, 3), (1, 12, 3, True, False, 3), (2, 15, 4, True, True, 3), (3, 6, 2, True, True, 400)],
    ids=["plain", "crowds", "crowds and ties", "more than 100 detections"],
)
def test_equals_pycocotools(
    seed: int,
    num_images: int,
    num_classes: int,
    crowded: bool,
    ties: bool,
    many: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    samples, found = _random_set(seed, num_images, num_classes, crowded, ties, many)
    names = [f"class {number}" for number in range(num_classes)]

    measured = coco_metrics(samples, found, names)

    assert capsys.readouterr().out == ""
    stats, precision = _pycocotools(samples, found, num_classes)
    assert list(measured.scores().values()) == pytest.approx(stats, abs=1e-12)
    assert 0 < measured.AP < 0.9
    assert measured.without_truth == (names[-1],)
    for number, name in enumerate(names[:-1]):
        each = precision[:, :, number, 0, 2]
        assert measured.per_class[name].AP == pytest.approx(each.mean(), abs=1e-12)
        assert measured.per_class[name].AP50 == pytest.approx(each[0].mean(), abs=1e-12)


def test_a_perfect_detector_scores_one() -> None:
    samples = [_sample([(10, 10, 60, 60), (100, 100, 300, 300)], [0, 1]), _sample([])]
    found = [_found([(10, 10, 60, 60), (100, 100, 300, 300)], [0.9, 0.8], [0, 1]), _found([], [])]

    measured = coco_metrics(samples, found, ["cat", "dog", "emu"])

    assert (measured.AP, measured.AR100, measured.APm, measured.APl) == pytest.approx((1, 1, 1, 1))
    assert measured.APs == -1  # there are no small objects
    assert measured.to_dict()["per_class"]["cat"] == pytest.approx({"AP": 1, "AP50": 1})
    assert json.loads(json.dumps(measured.to_dict()))["without_truth"] == ["emu"]


def test_nothing_found_scores_zero_and_no_truth_has_no_score() -> None:
    nothing = [_found([], [])]

    assert coco_metrics([_sample([(10, 10, 60, 60)])], nothing, ["cat"]).AP == 0
    assert coco_metrics([_sample([])], nothing, ["cat"]).AP == -1


def test_a_difficult_object_neither_counts_nor_harms() -> None:
    easy, hard = (10.0, 10.0, 60.0, 60.0), (100.0, 100.0, 160.0, 160.0)
    samples = [_sample([easy, hard], difficult=[False, True])]
    found_both = [_found([hard, easy], [0.9, 0.8])]
    found_easy = [_found([easy], [0.8])]

    for found in (found_both, found_easy):
        assert coco_metrics(samples, found, ["cat"]).AP == pytest.approx(1)
        assert voc_average_precision(samples, found, ["cat"]) == pytest.approx({"cat": 1})


def test_the_table_tells_every_class_and_what_is_left_out() -> None:
    measured = coco_metrics([_sample([(10, 10, 60, 60)])], [_found([(10, 10, 60, 60)], [0.9])], ["cat", "dog"])

    table = str(measured)

    assert "cat           1.000   1.000" in table
    assert "all classes   1.000   1.000" in table
    assert "APs" in table
    assert " - " in table  # no small objects
    assert table.endswith("left out of the means: dog")
    assert isinstance(measured, CocoMetrics)


def test_refuses_detections_of_other_images() -> None:
    with pytest.raises(ValueError, match="detections of 0 images for annotations of 1"):
        coco_metrics([_sample([])], [], ["cat"])
    with pytest.raises(ValueError, match="detections of 2 images for annotations of 1"):
        voc_average_precision([_sample([])], [_found([], [])] * 2, ["cat"])
