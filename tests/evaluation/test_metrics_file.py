"""What is written is read back."""

import json
from pathlib import Path

import pytest

from yolo3.evaluation import Measured, read_best, write_metrics


def test_the_best_score_is_read_back(tmp_path: Path) -> None:
    write_metrics(tmp_path, {"best": {"score": 0.25, "f1": 0.5}}, Measured(data="süß", num_images=3))

    assert read_best(tmp_path) == (0.25, 0.5)
    content = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert content["data"] == "süß"
    assert content["num_images"] == 3


def test_a_file_without_a_best_score(tmp_path: Path) -> None:
    write_metrics(tmp_path, {"AP": 0.5}, {})
    with pytest.raises(ValueError, match=r"metrics\.json has no best score"):
        read_best(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        read_best(tmp_path / "missing")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    write_metrics(tmp_path, {}, {"data": "odd\udcff"})
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["data"] == "odd\udcff"
