"""Curves over the score: by hand, and against drawing the line at every score and counting."""

from collections.abc import Callable

import numpy as np
import pytest

from yolo3.metrics import Comparison, ScoreCurve, class_curves, match_coco, pooled_curve

OBJECT = (0, 0, (10.0, 10.0, 20.0, 20.0))


def test_by_hand() -> None:
    # best first: right, wrong, then two at once of which one is right; of 4 objects
    curve = ScoreCurve.of(np.array([0.5, 0.9, 0.5, 0.7]), np.array([True, True, False, False]), 4)

    np.testing.assert_allclose(curve.scores, [0.9, 0.7, 0.5])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 4, 2 / 4])
    np.testing.assert_allclose(curve.f1, [2 / 5, 1 / 3, 1 / 2])
    best = curve.best()
    assert (best.precision, best.recall, best.f1) == (0.5, 0.5, 0.5)
    assert best.score < 0.5


def test_the_best_score_lies_between_two() -> None:
    best = ScoreCurve.of(np.array([0.9, 0.5]), np.array([True, False]), 1).best()
    assert best.score == pytest.approx(0.7)
    assert best.f1 == 1


@pytest.mark.parametrize("scores", [(0.30000000000000004, 0.3), (5e-324, 0.0), (1e99, -1e99), (-1.0, -2.0)])
def test_the_best_score_divides_any_two(scores: tuple[float, float]) -> None:
    best = ScoreCurve.of(np.array(scores), np.array([True, False]), 1).best()
    assert scores[0] > best.score >= scores[1]


def test_nothing_found() -> None:
    curve = ScoreCurve.of(np.empty(0), np.empty(0, dtype=bool), 3)

    best = curve.best()

    assert (best.score, best.precision, best.recall, best.f1) == (0, 0, 0, 0)
    precision, recall = curve.at(np.array([0.5]))
    assert np.isnan(precision).all()
    assert recall.tolist() == [0]


@pytest.mark.parametrize("seed", range(5))
def test_equals_counting_at_every_line(random_comparison: Callable[[int], Comparison], seed: int) -> None:
    comparison = random_comparison(seed)
    matches = match_coco(comparison)
    lines = np.linspace(-0.05, 1.05, 12)  # never at a score
    scores, labels = comparison.found.scores, comparison.found.labels

    for label, (name, curve) in enumerate(class_curves(comparison, matches).items()):
        assert name == comparison.names[label]
        precision, recall = curve.at(lines)
        for line, *measured in zip(lines, precision, recall, strict=True):
            taken = (scores > line) & (labels == label) & matches.counts
            right = (taken & matches.right).sum()
            assert measured[1] == pytest.approx(right / comparison.num_objects[label])
            assert measured[0] == pytest.approx(right / taken.sum() if taken.any() else np.nan, nan_ok=True)
        best = curve.best()
        taken = (scores > best.score) & (labels == label) & matches.counts
        right = (taken & matches.right).sum()
        f1 = 2 * right / (taken.sum() + comparison.num_objects[label])
        assert best.f1 == pytest.approx(f1)
        assert best.f1 == curve.f1.max()


def test_the_pool_holds_false_detections_of_absent_classes_too(compare: Callable[..., Comparison]) -> None:
    image, label, box = OBJECT
    comparison = compare([OBJECT], [(OBJECT, 0.5), ((image, label + 1, box), 0.9)])
    matches = match_coco(comparison)

    assert list(class_curves(comparison, matches)) == ["cat"]
    assert pooled_curve(comparison, matches).best().precision == 0.5
    assert pooled_curve(compare([]), match_coco(compare([]))).best().f1 == 0
