"""A detector whose answers are known, behind an application and behind a real server."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO

import numpy as np
import pytest
import torch
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from torch import Tensor, nn

from yolo3.cli.serve import _listening
from yolo3.predictor import Predictor
from yolo3.serve import Limits, create_app
from yolo3.structures import Candidates


class PatchFinder(nn.Module):
    """Finds the red patch of an image, to the pixel: itself, 0.9; half a patch further right (IoU 1/3), 0.6; as class
    blue its left quarter, 0.3. It fails at a green image.
    """

    num_classes, stride = 2, 8
    batches: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        type(self).batches.append(len(images))
        red, green, _ = images.unbind(1)
        if ((green > 0.9) & (red < 0.1)).any():
            raise RuntimeError("green is beyond me")
        return ((red - green)[:, None],)

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        boxes = torch.zeros(len(predictions[0]), 3, 4)
        for three, redness in zip(boxes, predictions[0][:, 0], strict=True):
            rows, columns = (redness > 0.5).nonzero(as_tuple=True)
            if len(rows):
                left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
                half = (right - left) / 2
                three[0] = torch.stack([left, top, right, bottom])
                three[1] = torch.stack([left + half, top, right + half, bottom])
                three[2] = torch.stack([left, top, left + half / 2, bottom])
        return Candidates(boxes, torch.tensor([[0, 0.9], [0, 0.6], [0.3, 0]]).expand(len(boxes), 3, 2))


PatchFinder.batches = []


def image(box: tuple[int, int, int, int] = (8, 8, 40, 32), size: tuple[int, int] = (64, 96)) -> Image.Image:
    """(height, width) of grey with a red patch."""
    pixels = np.full((*size, 3), 100, dtype=np.uint8)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = (255, 0, 0)
    return Image.fromarray(pixels)


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """The bytes of an image's file: ``encoded(box=…, size=…, mode=…, format=…, exif=…)``."""

    def encode(
        box: tuple[int, int, int, int] = (8, 8, 40, 32),
        size: tuple[int, int] = (64, 96),
        mode: str = "RGB",
        format: str = "PNG",
        exif: Image.Exif | None = None,
    ) -> bytes:
        file = BytesIO()
        settings = {} if exif is None else {"exif": exif}
        image(box, size).convert(mode).save(file, format, **settings)
        return file.getvalue()

    return encode


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor(PatchFinder(), ("blue", "red"), image_size=(64, 96), precision="fp32")


@pytest.fixture(scope="session")
def patch_finder() -> type[PatchFinder]:
    """The detector, for one that behaves differently."""
    return PatchFinder


@pytest.fixture
def batches() -> list[int]:
    """How many images went through the network each time."""
    return PatchFinder.batches


@pytest.fixture(scope="session")
def app(predictor: Predictor) -> FastAPI:
    return create_app(predictor, "patches", Limits(megabytes=1, megapixels=2, requests=64))


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def _served(app: FastAPI, root_path: str = "") -> Iterator[str]:
    listener = _listening("127.0.0.1", 0)
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, root_path=root_path)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def served() -> Callable[..., AbstractContextManager[str]]:
    """Gives the address of a real server: ``with served(app, root_path="/yolo") as address``."""
    return _served


@pytest.fixture(scope="session")
def address(predictor: Predictor) -> Iterator[str]:
    """Of a real server."""
    with _served(create_app(predictor, "patches", Limits(megabytes=1, megapixels=2, requests=64))) as address:
        yield address
