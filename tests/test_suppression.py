import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from yolo3 import Candidates, suppress
from yolo3.suppression import class_scores

BOXES = torch.tensor([[[0.0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]]])
SCORES = torch.tensor([[[0.9, 0.1], [0.3, 0.8], [0.25, 0.6]]])


def test_best_first_and_each_class_apart() -> None:
    found = suppress(Candidates(BOXES, SCORES))[0]
    assert found.labels.tolist() == [0, 1, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert found.boxes.tolist() == BOXES[0].tolist()


def test_class_agnostic_drops_across_classes() -> None:
    found = suppress(Candidates(BOXES, SCORES), class_agnostic=True)[0]
    assert found.labels.tolist() == [0, 1]


def test_says_where_it_left_objects_out_and_what_was_not_enough() -> None:
    everything = suppress(Candidates(BOXES, SCORES), min_score=0)[0]
    for limit in range(len(everything) + 2):
        found = suppress(Candidates(BOXES, SCORES), min_score=0, max_detections=limit)[0]
        assert found.limit_reached == (len(everything) > limit)
        assert found.best_below is None
    (nothing,) = suppress(Candidates(BOXES, SCORES), min_score=1)
    assert (nothing.limit_reached, nothing.best_below) == (False, SCORES.max().item())
    only = torch.tensor([torch.inf, 1.0])
    (nothing,) = suppress(Candidates(BOXES, SCORES), min_score=only)
    assert nothing.best_below == SCORES[..., 1].max().item()
    (nothing,) = suppress(Candidates(BOXES[:, :0], SCORES[:, :0]))
    assert nothing.best_below is None


def test_limits() -> None:
    assert len(suppress(Candidates(BOXES, SCORES), max_detections=1)[0]) == 1
    assert len(suppress(Candidates(BOXES, SCORES), min_score=0.95)[0]) == 0
    assert suppress(Candidates(BOXES[:0], SCORES[:0])) == []


@given(st.integers(0, 30), st.integers(1, 40), st.integers(0, 2**31))
def test_of_too_many_candidates_the_best_are_compared_and_of_equal_ones_the_first(
    count: int, limit: int, seed: int
) -> None:
    torch.manual_seed(seed)
    corner = torch.rand(1, count, 2) * 40
    boxes = torch.cat([corner, corner + 20], dim=-1)
    scores = torch.randint(0, 4, (1, count, 2)) / 4  # many ties
    found = suppress(Candidates(boxes, scores), min_score=0.0, max_candidates=limit)[0]

    flat = scores.flatten().tolist()
    best = sorted((place for place, score in enumerate(flat) if score > 0), key=lambda place: -flat[place])[:limit]
    left = torch.zeros_like(scores).flatten()
    left[best] = scores.flatten()[best]
    expected = suppress(Candidates(boxes, left.view_as(scores)), min_score=0.0)[0]
    for name in ("boxes", "scores", "labels"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()


def test_a_score_for_each_class() -> None:
    found = suppress(Candidates(BOXES, SCORES), min_score=torch.tensor([0.2, 0.7]), iou_threshold=1.0)[0]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.3, 0.25])
    assert found.labels.tolist() == [0, 1, 0, 0]


def test_scores_by_name_and_number() -> None:
    names = ("dog", "cat", "bird")
    assert class_scores(3, 0.4) == 0.4
    assert class_scores(3, {"cat": 0.5, "2": 0.0}, names=names).tolist() == [0.25, 0.5, 0.0]
    assert class_scores(3, 0.5, ["bird", 0], names).tolist() == [0.5, torch.inf, 0.5]
    assert class_scores(3, {"cat": 0.75}, ("dog", "cat"), names).tolist() == [0.25, 0.75, torch.inf]
    assert class_scores(3, 0.5, ["2"]).tolist() == [torch.inf, torch.inf, 0.5]
    assert class_scores(3, 0.5, np.array([0, 2])).tolist() == [0.5, torch.inf, 0.5]
    assert class_scores(2, 0.5, ["1"], ("1", "0")).tolist() == [0.5, torch.inf]  # a name before a number


def test_a_class_that_is_not_looked_for_is_not_found_at_any_score() -> None:
    looked_for = class_scores(2, 0.0, [0])
    assert suppress(Candidates(BOXES, torch.ones(1, 3, 2)), looked_for, iou_threshold=1.0)[0].labels.tolist() == [0] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ["horse"]}, "no class is called 'horse'; there are dog, cat"),
        ({"classes": [2]}, r"class 2 is not in 0\.\.1"),
        ({"classes": ["7"]}, r"class 7 is not in 0\.\.1"),
        ({"classes": [1.0]}, r"no class is called 1\.0; there are dog, cat"),
        ({"classes": [-1]}, r"class -1 is not in 0\.\.1"),
        ({"classes": []}, r"classes is \[\]; give a list of at least one name or number, or None for all"),
        ({"classes": "dog"}, r"classes is 'dog'; give a list"),
        ({"classes": ["dog"], "names": ()}, "no class is called 'dog'; the classes have no names here, only numbers"),
        ({"threshold": {"horse": 0.5}}, "no class is called 'horse'"),
        ({"threshold": {"dog": 1.5}}, r"min_score of 'dog' is 1\.5; it must lie in \[0, 1\]"),
        ({"threshold": -0.5}, r"min_score is -0\.5; it must lie in \[0, 1\]"),
        ({"threshold": -0.5, "classes": ["dog"]}, r"min_score is -0\.5; it must lie in \[0, 1\]"),
    ],
)
def test_refuses_classes_that_are_not_there(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        class_scores(2, **({"names": ("dog", "cat")} | arguments))


def test_refuses_limits_and_scores_that_cannot_be() -> None:
    for wrong, message in (
        ({"max_detections": -1}, "max_detections is -1; it must be at least 0"),
        ({"max_candidates": 0}, "max_candidates is 0; it must be at least 1"),
        ({"min_score": torch.tensor([0.1, 0.2, 0.3])}, r"min_score has shape \(3,\) for 2 classes"),
    ):
        with pytest.raises(ValueError, match=message):
            suppress(Candidates(BOXES, SCORES), **wrong)
    assert len(suppress(Candidates(BOXES, SCORES), max_detections=0)[0]) == 0


@pytest.mark.parametrize("wrong", [{"min_score": 1.2}, {"iou_threshold": -0.1}])
def test_refuses_thresholds_outside_0_to_1(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} is .* must lie in \[0, 1\]"):
        suppress(Candidates(BOXES, SCORES), **wrong)
