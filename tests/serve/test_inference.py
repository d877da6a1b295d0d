import asyncio
from io import BytesIO

import pytest
import torch
from PIL import Image

from yolo3.boxes import Letterbox
from yolo3.models import YOLOv3
from yolo3.predictor import Predictor
from yolo3.serve.inference import ImageCandidates, InferenceService
from yolo3.structures import Candidates
from yolo3.suppression import Suppression


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    return Image.effect_noise((90, 70), 80).convert("RGB")


def _seen(predictor: Predictor, image: Image.Image) -> ImageCandidates:
    file = BytesIO()
    image.save(file, "PNG")
    service = InferenceService(predictor)
    try:
        return asyncio.run(service.infer(file.getvalue()))
    finally:
        service.close()


def test_one_pass_serves_all_thresholds(noise):
    detector = YOLOv3(3, width=0.1)
    settings = {"image_size": 64, "precision": "fp32", "max_detections": 20, "names": ("a", "b", "c")}
    seen = _seen(Predictor(detector, **settings), noise)
    assert seen.image_size == (70, 90)
    scores = seen.candidates.scores
    middle = scores.quantile(0.9).item()
    for min_score, iou_threshold in ((0.0, 0.45), (middle, 0.45), (middle, 0.1), (middle, 0.9), (1.0, 0.5)):
        (expected,) = Predictor(detector, min_score=min_score, iou_threshold=iou_threshold, **settings)(noise)
        asked = Suppression(min_score, iou_threshold, max_detections=20)
        for found in (
            seen.detections(asked),
            seen.above(min_score).detections(asked),
        ):
            assert found.names == expected.names
            torch.testing.assert_close(found.boxes, expected.boxes)
            torch.testing.assert_close(found.scores, expected.scores)


def test_above_keeps_what_can_still_be_found():
    boxes = torch.tensor([[[0.0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]]])
    scores = torch.tensor([[[0.3, 0.6], [0.1, 0.2], [0.5, 0.4]]])
    seen = ImageCandidates(Candidates(boxes, scores), Letterbox.fit((64, 64), (64, 64)), (), Suppression())
    assert seen.above(0.25).candidates.boxes[0, :, 0].tolist() == [0, 40]
    assert seen.above(0.6).candidates.boxes.shape == (1, 0, 4)
    assert len(seen.above(0.9).detections(Suppression(0.9))) == 0


def test_classes_that_are_not_looked_for_stay_so(noise):
    detector = YOLOv3(3, width=0.1)
    predictor = Predictor(detector, ("a", "b", "c"), image_size=64, min_score={"a": 0.0}, classes=["a", "c"])
    seen = _seen(predictor, noise)
    own = seen.detections(predictor.suppression)
    lower = seen.detections(predictor.suppression.at(0.0))
    assert own.names == predictor(noise)[0].names
    assert set(lower.names) == {"a", "c"}
