"""Which detections are right: against pycocotools, and by hand where VOC differs."""

from collections.abc import Callable

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolo3.metrics import Comparison, Matches, match_coco, match_voc
from yolo3.metrics.matching import overlaps

OBJECT = (0, 0, (10.0, 10.0, 20.0, 20.0))


def _pycocotools(
    comparison: Comparison, iou_threshold: float, most: int, capsys: pytest.CaptureFixture[str]
) -> COCOeval:
    truth, found = comparison.truth, comparison.found
    file = COCO()
    file.dataset = {
        "info": {},
        "images": [{"id": number} for number in range(len(comparison.images))],
        "categories": [{"id": number, "name": name} for number, name in enumerate(comparison.names)],
        "annotations": [
            {
                "id": index + 1,
                "image_id": int(truth.image[index]),
                "category_id": int(truth.labels[index]),
                "bbox": truth.xywh[index].tolist(),
                "area": float(truth.area[index]),
                "iscrowd": int(truth.ignored[index]),
            }
            for index in range(len(truth))
        ],
    }
    file.createIndex()
    results = [
        {
            "image_id": int(found.image[index]),
            "category_id": int(found.labels[index]),
            "bbox": found.xywh[index].tolist(),
            "score": float(found.scores[index]),
        }
        for index in range(len(found))
    ]
    evaluation = COCOeval(file, file.loadRes(results), "bbox")
    evaluation.params.iouThrs = np.array([iou_threshold])
    evaluation.params.maxDets = [most]
    evaluation.evaluate()
    capsys.readouterr()
    return evaluation


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("iou_threshold", "most"), [(0.5, 100), (0.75, 2)])
def test_coco_matches_as_pycocotools_does(
    random_comparison: Callable[[int], Comparison],
    capsys: pytest.CaptureFixture[str],
    seed: int,
    iou_threshold: float,
    most: int,
) -> None:
    comparison = random_comparison(seed)

    matches = match_coco(comparison, iou_threshold, most)

    partner, counts = np.full(len(comparison.found), -1), np.zeros(len(comparison.found), dtype=bool)
    for each in _pycocotools(comparison, iou_threshold, most, capsys).evalImgs:
        if each is not None and each["aRng"] == [0, 1e10]:
            for detection, target, ignore in zip(each["dtIds"], each["dtMatches"][0], each["dtIgnore"][0], strict=True):
                partner[detection - 1], counts[detection - 1] = int(target) - 1, not ignore
    np.testing.assert_array_equal(matches.counts, counts)
    np.testing.assert_array_equal(matches.partner[counts], partner[counts])
    assert matches.right.sum() == (matches.found_by >= 0).sum()
    np.testing.assert_array_equal(
        matches.partner[matches.found_by[matches.found_by >= 0]], np.flatnonzero(matches.found_by >= 0)
    )


@pytest.mark.parametrize("rule", [match_coco, match_voc])
def test_the_best_of_two_is_right_and_the_other_wrong(
    compare: Callable[..., Comparison], rule: Callable[[Comparison], Matches]
) -> None:
    matches = rule(compare([OBJECT], [(OBJECT, 0.3), (OBJECT, 0.8)]))

    assert matches.right.tolist() == [False, True]
    assert matches.wrong.tolist() == [True, False]
    assert matches.found_by.tolist() == [1]


def test_a_second_detection_may_take_a_neighbour_by_cocos_rule_alone(compare: Callable[..., Comparison]) -> None:
    neighbour = (0, 0, (14.0, 10.0, 20.0, 20.0))
    comparison = compare([OBJECT, neighbour], [(OBJECT, 0.9), (OBJECT, 0.8)])

    assert match_coco(comparison).right.tolist() == [True, True]
    assert match_voc(comparison).right.tolist() == [True, False]


@pytest.mark.parametrize("rule", [match_coco, match_voc])
def test_what_lies_on_something_ignored_does_not_count(
    compare: Callable[..., Comparison], rule: Callable[[Comparison], Matches]
) -> None:
    matches = rule(compare([OBJECT], [(OBJECT, 0.9), (OBJECT, 0.8)], ignored=[True]))

    assert matches.counts.tolist() == [False, False]
    assert matches.found_by.tolist() == [-1]


@pytest.mark.parametrize("rule", [match_coco, match_voc])
def test_other_images_and_classes_are_no_match(
    compare: Callable[..., Comparison], rule: Callable[[Comparison], Matches]
) -> None:
    image, label, box = OBJECT
    matches = rule(compare([OBJECT], [((image + 1, label, box), 0.9), ((image, label + 1, box), 0.9)]))
    assert matches.wrong.tolist() == [True, True]


@pytest.mark.parametrize("rule", [match_coco, match_voc])
def test_nothing_at_all(compare: Callable[..., Comparison], rule: Callable[[Comparison], Matches]) -> None:
    assert len(rule(compare([])).partner) == 0
    assert rule(compare([OBJECT])).found_by.tolist() == [-1]


def test_overlap_with_a_crowd_is_by_the_detections_area() -> None:
    found, truth = np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 100, 100]])

    assert overlaps(found, truth)[0, 0] == pytest.approx(50 / (100 + 10000 - 50))
    assert overlaps(found, truth, np.array([True]))[0, 0] == pytest.approx(0.5)
    assert overlaps(found * 0, truth * 0)[0, 0] == 0  # no area, no overlap
