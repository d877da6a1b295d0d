"""A report on random detections of as many classes as wanted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.evaluation import Report, measure_all
from yolo3.metrics import Comparison, Found, Truth


@pytest.fixture
def report(tmp_path: Path) -> Callable[[int], Report]:
    """Two thirds of the objects are found, one detection in four is false; three pictures are files."""

    def build(num_classes: int) -> Report:
        dice = np.random.default_rng(num_classes)
        num_objects = 40 + 10 * num_classes
        boxes = np.concatenate([dice.uniform(0, 60, (num_objects, 2)), dice.uniform(5, 35, (num_objects, 2))], axis=1)
        picture, labels = dice.integers(0, 3, num_objects), np.arange(num_objects) % num_classes
        truth = Truth(
            picture, labels, boxes, boxes[:, 2:].prod(axis=1), np.zeros(num_objects, bool), np.arange(num_objects) + 1
        )
        found = np.flatnonzero(dice.random(num_objects) < 0.67)
        false = dice.random(len(found)) < 0.25
        ltwh = np.where(false[:, None], dice.uniform(5, 40, (len(found), 4)), boxes[found])
        detections = Found(picture[found], labels[found], ltwh, dice.random(len(found)))
        pictures = [tmp_path / f"a picture of the number {number} with quite a long name.jpg" for number in range(3)]
        for path in pictures:
            Image.new("RGB", (100, 100), "grey").save(path)
        names = tuple(f"class {number} of a long name" for number in range(num_classes))
        return measure_all(Comparison(names, tuple(map(str, pictures)), truth, detections))

    return build
