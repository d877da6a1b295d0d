"""Charts of a training run."""

import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from yolo3.data import read_image
from yolo3.draw import draw_curves


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures that would have been written."""
    figures: list[Figure] = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path: figures.append(figure))
    return figures


def test_curves_become_an_image(tmp_path):
    path = tmp_path / "curves.png"
    draw_curves(path, [0, 1, 2], {"box": [3.0, 2.0, 1.0], "none": [np.nan] * 3}, {"AP50": [0.1, np.nan, 0.6]})
    height, width, _ = read_image(path).shape
    draw_curves(path, [], {})
    assert read_image(path).shape[1] == width
    assert read_image(path).shape[0] < height  # one panel


def test_a_term_has_one_colour_solid_in_training_and_dashed_in_validation(saved):
    losses = {
        "train/box": [3.0, 2.0, 1.0],
        "train/classes": [1.0, 1.0, 0.5],
        "val/box": [4.0, np.nan, 2.0],
        "val/classes": [1.0, np.nan, 1.0],
    }
    draw_curves("losses.png", [1, 2, 3], losses, {"AP": [0.1, np.nan, 0.3]}, [0.1, 0.2, 0.1])
    loss, score, rate = saved[0].axes
    lines = {line.get_label(): line for line in loss.get_lines()}
    assert {name: line.get_linestyle() for name, line in lines.items()} == {
        "total, training": "-",
        "box, training": "-",
        "classes, training": "-",
        "total, validation": "--",
        "box, validation": "--",
        "classes, validation": "--",
    }
    colours = {name: line.get_color() for name, line in lines.items()}
    for term in ("total", "box", "classes"):
        assert colours[f"{term}, training"] == colours[f"{term}, validation"]
    assert len({colours[f"{term}, training"] for term in ("total", "box", "classes")}) == 3
    assert list(lines["total, training"].get_ydata()) == [4, 3, 1.5]
    assert list(lines["total, validation"].get_ydata()) == [5, 3]  # of the epochs that were validated
    assert list(lines["total, validation"].get_xdata()) == [1, 3]
    assert list(score.get_lines()[0].get_ydata()) == [0.1, 0.3]
    assert list(rate.get_lines()[0].get_ydata()) == [0.1, 0.2, 0.1]
    assert score.get_legend() is not None
    assert rate.get_legend() is None  # its axis says it


def test_legends_stand_beside_the_curves(tmp_path, monkeypatch):
    kept = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: (save(figure, path), kept.append(figure)))
    losses = {f"{phase}/{term}": [2.0, 1.0] for phase in ("train", "val") for term in ("box", "background", "classes")}
    draw_curves(tmp_path / "losses.png", [1, 2], losses, {"AP": [0.1, 0.2]}, [0.1, 0.1])
    for axes in kept[0].axes:
        if axes.get_legend() is not None:
            place = axes.get_legend().get_window_extent()
            assert place.x0 >= axes.get_window_extent().x1
            assert place.x1 <= kept[0].canvas.get_width_height()[0]


@pytest.mark.parametrize("epochs", [[1], [1, 2], [1, 2, 3], list(range(1, 301))])
def test_epochs_are_whole_numbers(saved, epochs):
    draw_curves("losses.png", epochs, {"train/box": [1.0] * len(epochs)}, {"AP": [0.1] * len(epochs)})
    for axes in saved[0].axes:
        shown = [tick for tick in axes.get_xticks() if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
        assert shown
        assert all(float(tick).is_integer() for tick in shown)


def test_a_curve_of_another_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match="curve 'box' has 2 values for 3 epochs"):
        draw_curves(tmp_path / "curves.png", [0, 1, 2], {"box": [1.0, 2.0]})
    assert not list(tmp_path.iterdir())


def test_charts_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "yolo3-torch\[train\]"'):
        draw_curves(tmp_path / "curves.png", [0], {"box": [1.0]})
