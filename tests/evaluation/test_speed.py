"""How long an image takes."""

from pathlib import Path

import pytest

from yolo3 import Predictor, YOLOv3
from yolo3.data import open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.evaluation import Speed, measure_speed


def test_times_every_step(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes", num_train=1, num_test=3, image_size=(64, 64))
    samples = open_dataset(tmp_path / "shapes", "test")
    predictor = Predictor(YOLOv3(3, width=0.125), image_size=64, precision="fp32", device="cpu")

    speed = measure_speed(predictor, [samples.path(index) for index in range(3)])

    assert speed.num_images == 3
    assert min(speed.read, speed.network, speed.suppress) > 0
    assert speed.network > speed.suppress  # of an untrained network nothing scores
    assert speed.to_dict()["total"] == pytest.approx(speed.read + speed.network + speed.suppress)


def test_in_words() -> None:
    assert str(Speed(1.04, 20, 0.5, 7)) == (
        "21.5 ms per image, one at a time: read and resize 1.0, network 20.0, suppress 0.5"
    )
