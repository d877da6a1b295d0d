"""Training networks from Darknet's files on real photographs."""

import csv
from pathlib import Path

import pytest

from yolo3 import Darknet, load_darknet_weights, save_darknet_weights
from yolo3.cli import main


def test_a_cfg_is_fine_tuned_from_partial_weights(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network of 80 classes gives its first layers to one of two classes, and that learns."""
    network = Darknet(shared / "weights" / "yolo-fastest-1.1.cfg")
    load_darknet_weights(network, shared / "weights" / "yolo-fastest-1.1.weights")
    save_darknet_weights(network, tmp_path / "first.weights", layers=100)
    text = network.cfg_text.replace("classes=80", "classes=2").replace("filters=255", "filters=21")
    (tmp_path / "two.cfg").write_text(text)

    options = {
        "--model": tmp_path / "two.cfg",
        "--weights": tmp_path / "first.weights",
        "--output": tmp_path / "run",
        "--image-size": 160,
        "--batch-size": 5,
        "--epochs": 6,
        "--validate-every": 6,
        "--num-workers": 0,
    }
    words = [str(word) for option in options.items() for word in option]
    code = main(["train", str(shared / "data" / "airplanes_yolo"), *words])

    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "first.weights: partial: " in printed.out
    with (tmp_path / "run" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [sum(float(value) for name, value in row.items() if name.startswith("train/")) for row in rows]
    assert losses[-1] < 0.8 * losses[0], losses
