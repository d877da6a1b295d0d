"""Average precision against another program's VOC numbers, and by hand."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from yolo3.metrics import Comparison, average_precision, match_voc, measure_voc, voc_average_precision

Box = tuple[float, float, float, float]


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


def test_only_the_best_detection_of_an_object_is_right(compare: Callable[..., Comparison]) -> None:
    cat, other = (0, 0, (10.0, 10.0, 50.0, 50.0)), (0, 0, (200.0, 200.0, 60.0, 60.0))
    comparison = compare([cat, other], [(cat, 0.9), (cat, 0.8)])  # precision 1, 1/2 at recall 1/2

    assert measure_voc(comparison, match_voc(comparison)) == pytest.approx({"cat": 0.5})


def test_leaves_classes_without_truth_out(compare: Callable[..., Comparison]) -> None:
    box = (10.0, 10.0, 50.0, 50.0)
    comparison = compare([(0, 1, box)], [((0, 0, box), 0.9)])

    assert measure_voc(comparison, match_voc(comparison)) == {"dog": 0}


@pytest.mark.parametrize("seed", range(6))
def test_equals_going_down_the_scores(random_comparison: Callable[[int], Comparison], seed: int) -> None:
    comparison = random_comparison(seed)
    for interpolation in ("all-point", "11-point"):
        measured = measure_voc(comparison, match_voc(comparison), interpolation)
        assert measured == pytest.approx(_slowly(comparison, interpolation), abs=1e-12)


def _slowly(comparison: Comparison, interpolation: str) -> dict[str, float]:
    """Average precision by the words of the development kit, a detection after another."""
    truth, found, measured = comparison.truth, comparison.found, {}
    for label, name in enumerate(comparison.names):
        num_objects = sum(truth.labels[~truth.ignored] == label)
        taken, num_right, num_wrong, curve = set(), 0, 0, []
        for detection in np.argsort(-found.scores, kind="stable"):
            if found.labels[detection] != label:
                continue
            best, nearest = 0.0, -1
            for index in range(len(truth)):
                if truth.labels[index] == label and truth.image[index] == found.image[detection]:
                    overlap = _pixel_overlap(found.xywh[detection].tolist(), truth.xywh[index].tolist())
                    if overlap > best:
                        best, nearest = overlap, index
            if best >= 0.5 and truth.ignored[nearest]:
                continue
            is_right = best >= 0.5 and nearest not in taken
            taken |= {nearest} if is_right else set()
            num_right, num_wrong = num_right + is_right, num_wrong + (not is_right)
            curve.append((num_right / num_objects, num_right / (num_right + num_wrong)))
        if interpolation == "11-point":
            levels = [max((p for r, p in curve if r >= level / 10 - 1e-12), default=0) for level in range(11)]
            measured[name] = sum(levels) / 11
        else:
            recalls = [0.0, *sorted({r for r, _ in curve})]
            measured[name] = sum(
                (high - low) * max(p for r, p in curve if r >= high) for low, high in itertools.pairwise(recalls)
            )
    return measured


def _pixel_overlap(a: list[float], b: list[float]) -> float:
    wide, high = (min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i]) + 1 for i in (0, 1))
    both = max(wide, 0) * max(high, 0)
    return both / ((a[2] + 1) * (a[3] + 1) + (b[2] + 1) * (b[3] + 1) - both)


def test_refuses_an_unknown_interpolation() -> None:
    with pytest.raises(ValueError, match="unknown interpolation 'spline'; choose all-point or 11-point"):
        voc_average_precision([], [], [], interpolation="spline")


@pytest.mark.parametrize("iou_threshold", [0.3, 0.5])
def test_equals_another_programs_voc_numbers(
    shared: Path, compare: Callable[..., Comparison], iou_threshold: float
) -> None:
    folder = shared / "oracles" / "map" / "object_detection_metrics"
    expected = json.loads((folder / "expected.json").read_text())
    objects, found = [], []
    for number, path in enumerate(sorted((folder / "groundtruths").glob("*.txt"))):
        objects += [(number, 0, box) for _, box in _read_boxes(path)]
        found += [((number, 0, box), score) for score, box in _read_boxes(folder / "detections" / path.name)]
    comparison = compare(objects, found, ["person"])

    for interpolation, key in (("all-point", "EveryPoint"), ("11-point", "ElevenPoint")):
        measured = measure_voc(comparison, match_voc(comparison, iou_threshold), interpolation)
        assert measured["person"] == pytest.approx(
            expected[f"root iou{iou_threshold} {key}Interpolation"]["person"]["AP"], abs=1e-9
        )


def _read_boxes(path: Path) -> list[tuple[float, Box]]:
    """(score, xywh) of each line ``class [score] left top width height``."""
    boxes = []
    for line in path.read_text().splitlines():
        *before, left, top, width, height = map(float, line.split()[1:])
        boxes.append((before[0] if before else 1.0, (left, top, width, height)))
    return boxes
