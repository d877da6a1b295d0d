"""Images for TensorBoard."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from yolo3.draw import class_colour
from yolo3.structures import Detections
from yolo3.training.tensorboard import beside_truth


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_validation_leaves_four_images(trial: Any, tmp_path: Path) -> None:
    trial.run(tmp_path, epochs=3)  # validates after the second and the last

    events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0}).Reload()
    expected = {f"validation/{sample.image.name}" for sample in trial.validation}
    assert len(expected) == 4
    assert set(events.Tags()["images"]) == expected
    for tag in expected:
        shown = events.Images(tag)
        assert [event.step for event in shown] == [6, 9]
        image = Image.open(io.BytesIO(shown[-1].encoded_image_string))
        assert image.size == (2 * 320 + 4, 320)


def test_truth_stands_left_and_detections_right() -> None:
    image = torch.full((3, 64, 32), 0.5)
    boxes, labels = torch.tensor([[8.0, 16, 24, 32]]), torch.tensor([0])
    found = Detections(torch.tensor([[4.0, 40, 28, 60]]), torch.tensor([0.9]), torch.tensor([1]), ("cat", "dog"))

    image = np.asarray(beside_truth(image, boxes, labels, found, edge=320))

    assert image.shape == (320, 160 + 4 + 160, 3)
    assert (image[100, 40] == class_colour(0)).all()  # the left edge of the box, five times as far
    assert (image[250, 164 + 20] == class_colour(1)).all()
    assert (image[250, 20] == 128).all()
    assert (image[:, 160:164] == 255).all()


def test_nothing_there_and_nothing_found() -> None:
    nothing = Detections(torch.empty(0, 4), torch.empty(0), torch.empty(0, dtype=torch.long), ("cat",))

    image = np.asarray(beside_truth(torch.zeros(3, 32, 32), nothing.boxes, nothing.labels, nothing, edge=64))

    assert (image[:, :64] == 0).all()
    assert (image[:, 68:] == 0).all()


def test_many_boxes_have_no_captions() -> None:
    boxes = torch.tensor([[10.0, 30, 20, 40]]).expand(9, 4)
    nothing = Detections(torch.empty(0, 4), torch.empty(0), torch.empty(0, dtype=torch.long), ("cat",))

    def coloured(count: int) -> int:
        labels = torch.zeros(count, dtype=torch.long)
        return int(np.asarray(beside_truth(torch.zeros(3, 64, 64), boxes[:count], labels, nothing)).any(axis=2).sum())

    assert coloured(9) < coloured(8)
