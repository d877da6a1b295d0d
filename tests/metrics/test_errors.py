"""What is taken for what, and which images go wrong most."""

from collections.abc import Callable

import numpy as np
import pytest

from yolo3.metrics import Comparison, confusion_matrix, image_errors, match_coco, worst_images

CAT, DOG = 0, 1
HERE, THERE, ELSEWHERE = (10.0, 10.0, 20.0, 20.0), (60.0, 60.0, 20.0, 20.0), (200.0, 200.0, 9.0, 9.0)


def test_confusion_by_hand(compare: Callable[..., Comparison]) -> None:
    comparison = compare(
        [(0, CAT, HERE), (0, DOG, THERE), (1, DOG, HERE), (1, DOG, THERE)],
        [
            ((0, CAT, HERE), 0.9),  # right
            ((0, CAT, THERE), 0.8),  # a dog taken for a cat
            ((1, DOG, HERE), 0.1),  # below the line: missed
            ((1, CAT, ELSEWHERE), 0.7),  # nothing there
        ],
    )

    matrix = confusion_matrix(comparison, match_coco(comparison), 0.5)

    assert matrix.tolist() == [
        [1, 0, 0],
        [1, 0, 2],
        [1, 0, 0],
    ]


def test_an_object_is_taken_for_one_thing(compare: Callable[..., Comparison]) -> None:
    comparison = compare([(0, DOG, HERE)], [((0, CAT, HERE), 0.9), ((0, DOG, HERE), 0.6), ((0, CAT, HERE), 0.5)])

    # its own class comes first; what else lies on it is of nothing
    assert confusion_matrix(comparison, match_coco(comparison), 0.0).tolist() == [[0, 0, 0], [0, 1, 0], [2, 0, 0]]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("min_score", [0.0, 0.45, 1.0])
def test_every_object_and_detection_is_counted_once(
    random_comparison: Callable[[int], Comparison], seed: int, min_score: float
) -> None:
    comparison = random_comparison(seed)
    matches = match_coco(comparison)

    matrix = confusion_matrix(comparison, matches, min_score)

    taken = matches.counts & (comparison.found.scores > min_score)
    assert matrix.sum(axis=1)[:-1].tolist() == comparison.num_objects.tolist()
    assert matrix.sum(axis=0)[:-1].tolist() == np.bincount(comparison.found.labels[taken], minlength=2).tolist()
    assert np.trace(matrix) == (matches.right & taken).sum()
    assert matrix[-1, -1] == 0


def test_worst_images_first(compare: Callable[..., Comparison]) -> None:
    comparison = compare(
        [(0, CAT, HERE), (1, CAT, HERE), (2, CAT, HERE), (2, CAT, THERE)],
        [((0, CAT, HERE), 0.9), ((1, CAT, HERE), 0.9), ((1, DOG, ELSEWHERE), 0.8), ((1, CAT, ELSEWHERE), 0.2)],
        num_images=4,
    )
    mistakes = image_errors(comparison, match_coco(comparison), 0.5)

    assert [each.count for each in mistakes] == [0, 1, 2, 0]
    worst = worst_images(mistakes)
    assert [each.number for each in worst] == [2, 1]
    assert worst[0].missed == (2, 3)
    assert worst[1].false == (2,)
    assert worst[1].right == (1,)
    assert [each.number for each in worst_images(mistakes, 1)] == [2]


def test_what_is_ignored_is_not_missed(compare: Callable[..., Comparison]) -> None:
    comparison = compare([(0, CAT, HERE)], ignored=[True])
    assert worst_images(image_errors(comparison, match_coco(comparison), 0.5)) == []
    assert image_errors(compare([]), match_coco(compare([])), 0.5) == []
