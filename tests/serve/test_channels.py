"""The server with detectors for images of one and of four channels."""

import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from yolo3 import Predictor, YOLOv3
from yolo3.serve.app import create_api
from yolo3.serve.inference import InferenceService


@pytest.mark.parametrize(("channels", "taken"), [(1, (1, 3)), (4, (4,))])
def test_images_have_the_channels_of_the_detector(channels: int, taken: tuple[int, ...]) -> None:
    predictor = Predictor(YOLOv3(2, width=0.1, in_channels=channels), image_size=64, device="cpu")
    with TestClient(create_api(InferenceService(predictor), "m")) as client:
        assert client.get("/health").json()["status"] == "ok"
        for stored in (1, 3, 4):
            png = io.BytesIO()
            Image.fromarray(np.zeros((40, 50, stored), np.uint8).squeeze()).save(png, "PNG")
            answer = client.post("/detect", content=png.getvalue(), headers={"content-type": "image/png"})
            assert answer.status_code == (200 if stored in taken else 422)
            assert stored in taken or f"and the network takes {channels}" in answer.json()["detail"]
        array = io.BytesIO()
        np.save(array, np.full((40, 50, channels), 40_000, np.uint16))
        answer = client.post("/detect", content=array.getvalue())
        assert answer.json()["image"] == {"width": 50, "height": 40}
