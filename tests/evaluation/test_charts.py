"""Charts can be read: no words on each other or outside, whether there is one class or eighty."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from yolo3.evaluation import Report, draw_confusion, draw_precision_recall, draw_scores
from yolo3.metrics import ScoreCurve


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Those that were saved."""
    saved: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *arguments: Any, **options: Any) -> None:
        saved.append(self)
        save(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def _words(figure: Figure) -> list[tuple[str, Any]]:
    """Every text of a figure and where it stands."""
    texts = []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [tick.label2 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        texts += axes.texts
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label]
        if axes.get_legend() is not None:
            texts += axes.get_legend().get_texts()
    return [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text() and text.get_visible()]


def _check_readable(figure: Figure) -> None:
    width, height = figure.canvas.get_width_height()
    words = _words(figure)
    assert len(words) > 5
    for text, place in words:
        assert place.x0 >= -1, text
        assert place.y0 >= -1, text
        assert place.x1 <= width + 1, text
        assert place.y1 <= height + 1, text
    for (text, place), (other_text, other) in itertools.combinations(words, 2):
        shared = min(place.x1, other.x1) - max(place.x0, other.x0), min(place.y1, other.y1) - max(place.y0, other.y0)
        # the ends of two axes may touch in their corner
        assert min(shared) < 2, f"{text!r} lies on {other_text!r}"


@pytest.mark.parametrize("num_classes", [1, 3, 20, 40, 80, 600])
def test_words_do_not_overlap(
    report: Callable[[int], Report], figures: list[Figure], tmp_path: Path, num_classes: int
) -> None:
    measured = report(num_classes)
    average = {name: each.AP50 for name, each in measured.coco.per_class.items()}

    draw_precision_recall(tmp_path / "precision_recall.png", measured.curves, average)
    draw_scores(tmp_path / "scores.png", measured.curves, measured.pooled)
    draw_confusion(tmp_path / "confusion.png", measured.confusion, measured.comparison.names, 0.5)

    assert len(figures) == 3
    for figure in figures:
        _check_readable(figure)
        assert np.prod(figure.canvas.get_width_height()) < 4e6  # pixels, each of which takes some 70 bytes
    with Image.open(tmp_path / "confusion.png") as chart:
        assert chart.format == "PNG"


def test_of_many_classes_the_most_confused_are_drawn_and_no_count_is_lost(
    figures: list[Figure], tmp_path: Path
) -> None:
    names = [f"class {number}" for number in range(60)]
    counts = np.diag(np.arange(61))
    counts[7, 3], counts[5, 59] = 4, 3  # taken for another
    counts[[30, 31], [60, 60]] = 9  # missed, which comes second

    draw_confusion(tmp_path / "chart.png", counts, names, 0.5)

    axes = figures[0].axes[0]
    ticks = [text.get_text() for text in axes.get_yticklabels()]
    assert ticks[-2:] == ["20 others", "background"]
    assert len(ticks) == 42
    assert {"class 3", "class 5", "class 7", "class 30", "class 31", "class 59"} <= set(ticks)
    share = np.asarray(axes.images[0].get_array())
    row = ticks.index("class 7")
    assert share[row, ticks.index("class 3")] == pytest.approx(4 / 11)
    assert share[row, row] == pytest.approx(7 / 11)
    assert share[40, 40] == pytest.approx(1)
    np.testing.assert_allclose(share.sum(axis=1)[np.array(ticks) != "class 0"], 1)


def test_the_best_and_the_worst_of_many_are_named(
    report: Callable[[int], Report], figures: list[Figure], tmp_path: Path
) -> None:
    measured = report(30)
    average = {name: each.AP50 for name, each in measured.coco.per_class.items()}

    draw_precision_recall(tmp_path / "chart.png", measured.curves, average)

    legend = [text for text, _ in _words(figures[0])]
    assert "20 others" in legend
    for name in (max(average, key=average.__getitem__), min(average, key=average.__getitem__)):
        assert any(text.startswith(name[:20]) for text in legend)


def test_a_curve_of_steps(figures: list[Figure], tmp_path: Path) -> None:
    curve = ScoreCurve.of(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 4)

    draw_precision_recall(tmp_path / "chart.png", {"cat": curve}, {"cat": 0.4})

    (line,) = figures[0].axes[0].get_lines()
    # 1 up to recall 1/4, then 2/3 up to 1/2, and down
    assert list(line.get_xdata()) == [0, 0.25, 0.25, 0.5, 0.5]
    np.testing.assert_allclose(line.get_ydata(), [1, 1, 2 / 3, 2 / 3, 0])
    assert line.get_drawstyle() == "steps-pre"


def test_scores_in_percent(figures: list[Figure], tmp_path: Path) -> None:
    curve = ScoreCurve.of(np.array([90.0, 80.0]), np.array([True, False]), 2)
    draw_scores(tmp_path / "chart.png", {"cat": curve}, curve)
    assert figures[0].axes[0].get_xlim() == pytest.approx((0, 90))


def test_scores_that_all_lie_near_0_have_an_axis_of_their_own(figures: list[Figure], tmp_path: Path) -> None:
    """Two objects at .012 and .004, and an axis to 1: a line at the left edge."""
    curve = ScoreCurve.of(np.array([0.012, 0.008, 0.004]), np.array([True, False, True]), 2)
    draw_scores(tmp_path / "chart.png", {"cat": curve}, curve)
    assert figures[0].axes[0].get_xlim() == pytest.approx((0, 0.02))

    few = ScoreCurve.of(
        np.concatenate([[0.9], np.linspace(0.001, 0.015, 400)]), np.append(False, np.ones(400, bool)), 400
    )
    draw_scores(tmp_path / "few.png", {"cat": few}, few)
    axes = figures[1].axes[0]
    assert axes.get_xlim() == pytest.approx((0, 0.02))
    assert axes.get_xlabel() == "confidence threshold (the highest score is 0.90)"

    usual = ScoreCurve.of(np.array([0.7, 0.1]), np.array([True, True]), 2)
    draw_scores(tmp_path / "usual.png", {"cat": usual}, usual)
    assert figures[2].axes[0].get_xlim() == pytest.approx((0, 1))


def test_false_detections_do_not_rival_the_diagonal(figures: list[Figure], tmp_path: Path) -> None:
    """They are no share of a true class, so they have numbers and no colours."""
    counts = np.array([[8, 1, 1], [0, 5, 5], [900, 30, 0]])
    draw_confusion(tmp_path / "chart.png", counts, ["cat", "dog"], 0.5)
    axes = figures[0].axes[0]
    share = axes.images[0].get_array()
    assert share.mask.tolist() == [[False] * 3, [False] * 3, [True] * 3]
    assert {text.get_text() for text in axes.texts} == {"8", "1", "5", "900", "30"}
    assert {text.get_color() for text in axes.texts if text.get_text() in ("900", "30")} == {"black"}


def test_lines_of_many_classes_differ_in_colour_or_dashes(report, figures: list[Figure], tmp_path: Path) -> None:
    measured = report(10)
    draw_precision_recall(tmp_path / "chart.png", measured.curves, dict.fromkeys(measured.curves, 0.5))
    lines = [line for line in figures[0].axes[0].get_lines() if line.get_color() != "black"]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 10


def test_scores_below_0(figures: list[Figure], tmp_path: Path) -> None:
    curve = ScoreCurve.of(np.array([-3.0, -5.0]), np.array([True, False]), 2)
    draw_scores(tmp_path / "chart.png", {"cat": curve}, curve)
    assert figures[0].axes[0].get_xlim() == pytest.approx((-5, 1))


def test_every_name_is_in_the_legend(figures: list[Figure], tmp_path: Path) -> None:
    """One that matplotlib would hide, and two that differ at their ends."""
    names = ["_hidden", "a class of quite a long name, front", "a class of quite a long name, back"]
    curve = ScoreCurve.of(np.array([0.9]), np.array([True]), 1)

    draw_precision_recall(tmp_path / "chart.png", dict.fromkeys(names, curve), dict.fromkeys(names, 1.0))

    legend = [text for text, _ in _words(figures[0]) if text.endswith("1.000")]
    assert legend == [
        " _hidden  1.000",
        "a class of quit…e, front  1.000",
        "a class of quit…me, back  1.000",
        "mean  1.000",
    ]


def test_nothing_to_draw(tmp_path: Path) -> None:
    nothing = ScoreCurve.of(np.empty(0), np.empty(0, dtype=bool), 1)

    draw_precision_recall(tmp_path / "a.png", {}, {})
    draw_precision_recall(tmp_path / "b.png", {"$cat_1$": nothing}, {"$cat_1$": 0.0})
    draw_scores(tmp_path / "c.png", {}, nothing)
    draw_confusion(tmp_path / "d.png", np.zeros((2, 2), np.int64), ["$cat"], 0.0)

    assert len(list(tmp_path.glob("*.png"))) == 4


def test_charts_say_which_extra_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r'charts need matplotlib: pip install "yolo3-torch\[train\]"'):
        draw_precision_recall(tmp_path / "a.png", {}, {})
