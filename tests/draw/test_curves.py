"""Charts of a training run."""

import sys

import numpy as np
import pytest

from yolo3.data import read_image
from yolo3.draw import draw_curves


def test_curves_become_an_image(tmp_path):
    path = tmp_path / "curves.png"
    draw_curves(path, [0, 1, 2], {"box": [3.0, 2.0, 1.0], "none": [np.nan] * 3}, {"AP50": [0.1, np.nan, 0.6]})
    height, width, _ = read_image(path).shape
    draw_curves(path, [], {})
    assert read_image(path).shape == (height, width / 2, 3)


def test_epochs_are_whole_numbers(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path: saved.append(figure))

    draw_curves(tmp_path / "losses.png", [1, 2, 3], {"train/box": [3.0, 2.0, 1.0]}, {"AP": [0.1, 0.2, 0.3]})

    for axes in saved[0].axes:
        assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_a_curve_of_another_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match="curve 'box' has 2 values for 3 epochs"):
        draw_curves(tmp_path / "curves.png", [0, 1, 2], {"box": [1.0, 2.0]})
    assert not list(tmp_path.iterdir())


def test_charts_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "yolo3-torch\[train\]"'):
        draw_curves(tmp_path / "curves.png", [0], {"box": [1.0]})
