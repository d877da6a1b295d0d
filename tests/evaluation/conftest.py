"""A report on random detections of as many classes as wanted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.evaluation import Report, measure_all
from yolo3.metrics import Comparison, DetectionSet, Truth


@pytest.fixture
def report(tmp_path: Path) -> Callable[[int], Report]:
    """Two thirds of the objects are found, one detection in four is false; three images are files."""

    def build(num_classes: int) -> Report:
        rng = np.random.default_rng(num_classes)
        num_objects = 40 + 10 * num_classes
        boxes = np.concatenate([rng.uniform(0, 60, (num_objects, 2)), rng.uniform(5, 35, (num_objects, 2))], axis=1)
        image, labels = rng.integers(0, 3, num_objects), np.arange(num_objects) % num_classes
        truth = Truth(
            image, labels, boxes, boxes[:, 2:].prod(axis=1), np.zeros(num_objects, bool), np.arange(num_objects) + 1
        )
        found = np.flatnonzero(rng.random(num_objects) < 0.67)
        false = rng.random(len(found)) < 0.25
        xywh = np.where(false[:, None], rng.uniform(5, 40, (len(found), 4)), boxes[found])
        detections = DetectionSet(image[found], labels[found], xywh, rng.random(len(found)))
        images = [tmp_path / f"an image of the number {number} with quite a long name.jpg" for number in range(3)]
        for path in images:
            Image.new("RGB", (100, 100), "grey").save(path)
        names = tuple(f"class {number} of a long name" for number in range(num_classes))
        return measure_all(Comparison(names, tuple(map(str, images)), truth, detections))

    return build
