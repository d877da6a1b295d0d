"""Fixtures for every test."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

_SHARED = Path(__file__).parents[2] / "shared"


torch.set_num_threads(1)  # small networks gain nothing from more, and two test processes share the cores
settings.register_profile("yolo3", deadline=None)  # a shared machine may stall for a second
settings.load_profile("yolo3")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photographs, real weights and oracle numbers, which lies beside the checkout."""
    if not _SHARED.is_dir():
        pytest.skip(f"the oracle and data folder {_SHARED} is absent")
    return _SHARED


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def with_scans() -> Callable[[bytes, int], bytes]:
    """Makes of a JPEG one whose last scan stands in it so often that it has as many as wanted."""

    def make(content: bytes, count: int) -> bytes:
        starts = [match.start() for match in re.finditer(b"\xff\xda", content)]
        last = content[starts[-1] : -2]
        return content[:-2] + last * (count - len(starts)) + content[-2:]

    return make


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Makes a video in the temporary folder: frame i is a grey of 10 + 2·i, with a white top left quarter."""
    av = pytest.importorskip("av")

    def make(
        name: str, num_frames: int = 12, codec: str = "mpeg4", sound: bool = False, size: tuple[int, int] = (64, 96)
    ) -> Path:
        height, width = size
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(tmp_path / name), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.bit_rate = 2_000_000
            if sound:
                audio = container.add_stream("aac", rate=16_000)
                tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                tone.sample_rate = 16_000
                container.mux([*audio.encode(tone), *audio.encode(None)])
            for number in range(num_frames):
                pixels = np.full((height, width, 3), 10 + 2 * number, np.uint8)
                pixels[: height // 2, : width // 2] = 255
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
        return tmp_path / name

    return make
