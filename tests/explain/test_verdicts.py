"""Why an object was found or missed: one staged image for each answer."""

import pytest

from yolo3.assign import BestAnchorOverall
from yolo3.explain import explain_prediction

_CAT = (0, 24, 4, 56, 36)  # class and corners: centre (40, 20), in the right upper cell of the coarse grid
_BOX = (40, 20, 32, 32)
_SURE = (0.9, 0.1, 0.1)


def _explained(told, predictor_of, image, truth, *objects, **settings):
    return explain_prediction(predictor_of(told, **settings), image, truth(*objects or (_CAT,)))


def test_found(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.8, _SURE)
    explained = _explained(told, predictor_of, image, truth)
    (cat,) = explained.objects
    assert cat.is_found
    assert cat.verdict.reason == "Detected at IoU 1.00, with score 0.720 = objectness 0.800 x P(cat) 0.900."
    assert explained.detections[0].finds == 0
    assert cat.responsible[0].iou == pytest.approx(1, abs=1e-5)
    assert cat.responsible[0].fit == 1  # the anchor of 32 pixels
    assert str(cat.responsible[0].prediction.slot) == "stride 32, row 0, column 1, anchor 0 (32 x 32)"


def test_below_the_threshold(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.2, (0.5, 0.1, 0.6))
    (cat,) = _explained(told, predictor_of, image, truth).objects
    assert cat.verdict.outcome == "below threshold"
    assert cat.verdict.reason == (
        "The best box at IoU 0.5 or more scores 0.100 = objectness 0.200 x P(cat) 0.500, not above the threshold of "
        "0.25. The same slot scores 0.120 for cow."
    )


def test_of_another_class(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.8, (0.2, 0.9, 0.1))
    (cat,) = _explained(told, predictor_of, image, truth).objects
    assert cat.verdict.outcome == "wrong class"
    assert cat.verdict.reason == (
        "Detected as dog at IoU 1.00, with score 0.720; the same slot gives cat 0.160 = objectness 0.800 x P(cat) "
        "0.200."
    )


def test_dropped_by_nms(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.8, _SURE)
    told.put((36, 20, 32, 32), 0.7, _SURE, anchor=1)
    neighbour = (0, 20, 4, 52, 36)  # 28 of 36 columns are shared: IoU 0.78
    first, second = _explained(told, predictor_of, image, truth, _CAT, neighbour).objects
    assert first.is_found
    assert second.verdict.outcome == "dropped by NMS"
    assert second.verdict.reason == (
        "A box of score 0.630 = objectness 0.700 x P(cat) 0.900 was dropped for the cat of score 0.720, which it "
        "overlaps by IoU 0.78."
    )


def test_dropped_for_another_class(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.8, (0.6, 0.9, 0.1))
    (cat,) = _explained(told, predictor_of, image, truth, class_agnostic=True).objects
    assert cat.verdict.outcome == "dropped by NMS"
    assert "was dropped for the dog of score 0.720" in cat.verdict.reason


def test_beyond_the_limit(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.5, _SURE)
    told.put((10, 50, 16, 16), 0.8, _SURE, scale=1)
    (cat,) = _explained(told, predictor_of, image, truth, max_detections=1).objects
    assert cat.verdict.outcome == "beyond the limit"
    assert "came after the 1 best" in cat.verdict.reason


def test_badly_placed(told, predictor_of, image, truth) -> None:
    told.put((40, 20, 16, 32), 0.8, (0.9, 0.1, 0.1))
    told.put((40, 20, 12, 32), 0.8, (0.8, 0.1, 0.1), anchor=1)
    explained = _explained(told, predictor_of, image, truth, (0, 20, 4, 60, 36))
    (cat,) = explained.objects
    assert cat.verdict.outcome == "badly placed"
    assert cat.verdict.reason == (
        "A cat is detected with score 0.720, but its box overlaps the object by IoU 0.40 only; 0.5 is needed."
    )


def test_not_looked_for(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.8, _SURE)
    explained = _explained(told, predictor_of, image, truth, classes=["dog"])
    assert explained.objects[0].verdict.outcome == "not looked for"
    asked = explain_prediction(predictor_of(told, classes=["dog"]), image, why="cat").asked
    assert (asked.verdict.outcome, asked.threshold) == ("not looked for", float("inf"))


def test_no_slot_where_others_have_taken_all(told, predictor_of, image, truth) -> None:
    """Five objects in the middle of one cell of each grid: two and three anchors, so BestAnchorPerScale leaves two out
    at the coarse scale and two at the fine one; with BestAnchorOverall the last of equal boxes wins one slot.
    """
    told.put(_BOX, 0.1, _SURE)
    predictor = predictor_of(told)
    same = [(0, 24 + step, 4, 56 + step, 36) for step in range(4)]
    objects = explain_prediction(predictor, image, truth(*same)).objects
    assert [len(each.responsible) for each in objects] == [2, 2, 1, 0]
    assert objects[3].verdict.outcome == "no slot"
    assert objects[3].verdict.reason.startswith("Other objects have taken every slot that could be responsible for it.")
    overall = explain_prediction(predictor, image, truth(*same), assigner=BestAnchorOverall()).objects
    assert [len(each.responsible) for each in overall].count(1) == 1


def test_no_box(told, predictor_of, image, truth) -> None:
    (cat,) = _explained(told, predictor_of, image, truth, (0, 2, 2, 5, 5)).objects
    assert cat.verdict.outcome == "no box"
    assert cat.verdict.reason.startswith(
        "No slot predicts a box that overlaps it by IoU 0.5; the best overlaps it by 0."
    )


def test_each_detection_finds_one_object_and_the_best_comes_first(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.8, _SURE)
    told.put((10, 50, 16, 16), 0.9, (0.1, 0.9, 0.1), scale=1)
    dog = (1, 2, 42, 18, 58)
    explained = _explained(told, predictor_of, image, truth, _CAT, dog, dog)
    assert [each.finds for each in explained.detections] == [2, 0]  # of two equal objects the last, as COCO does
    assert [each.is_found for each in explained.objects] == [True, False, True]


def test_why_a_class_is_not_found(told, predictor_of, image) -> None:
    told.put(_BOX, 0.8, (0.02, 0.9, 0.1))
    verdict = explain_prediction(predictor_of(told), image, why="cat").asked.verdict
    assert verdict.outcome == "below threshold"
    assert verdict.reason == (
        "The highest score of cat is 0.016 = objectness 0.800 x P(cat) 0.020, not above the threshold of 0.25. The "
        "same slot scores 0.720 for dog."
    )


def test_why_a_class_is_found(told, predictor_of, image) -> None:
    told.put(_BOX, 0.8, _SURE)
    told.put((10, 50, 16, 16), 0.9, _SURE, scale=1)
    verdict = explain_prediction(predictor_of(told), image, why="cat").asked.verdict
    assert verdict.outcome == "found"
    assert verdict.reason == "2 detections; the best scores 0.810 = objectness 0.900 x P(cat) 0.900."


def test_an_image_without_objects(told, predictor_of, image, truth) -> None:
    explained = explain_prediction(predictor_of(told), image, truth())
    assert explained.objects == ()
    assert "0 of 0 objects found" in str(explained)


def test_thresholds_per_class(told, predictor_of, image, truth) -> None:
    told.put(_BOX, 0.8, _SURE)
    (cat,) = _explained(told, predictor_of, image, truth, min_score={"cat": 0.75}).objects
    assert cat.verdict.reason.endswith("not above the threshold of 0.75.")


def test_a_truth_that_cannot_be(told, predictor_of, image, truth) -> None:
    predictor = predictor_of(told)
    with pytest.raises(
        ValueError, match="the truth and the image are of 48 x 32 and 64 x 64 pixels; is it the truth of"
    ):
        explain_prediction(predictor, image, truth(_CAT, size=(32, 48)))
    with pytest.raises(ValueError, match=r"object 1 of the truth is of class 3; there are 0\.\.2"):
        explain_prediction(predictor, image, truth(_CAT, (3, 1, 1, 9, 9)))
    with pytest.raises(ValueError, match="has no area"):
        explain_prediction(predictor, image, truth((0, 9, 9, 9, 20)))
