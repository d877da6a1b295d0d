"""Fixtures for every test."""

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import settings

if TYPE_CHECKING:
    from selenium import webdriver

_SHARED = Path(__file__).parents[2] / "shared"

_BROWSER_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --window-size=1280,1000"
)

torch.set_num_threads(1)  # small networks gain nothing from more, and two test processes share the cores
settings.register_profile("yolo3", deadline=None)  # a shared machine may stall for a second
settings.load_profile("yolo3")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector off the half a million objects of what the tests import: they stay.

    Looking at them again and again took a seventh of the processor time of the tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow ones, so that no process still has one when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photographs, real weights and oracle numbers, which lies beside the checkout."""
    if not _SHARED.is_dir():
        pytest.skip(f"the oracle and data folder {_SHARED} is absent")
    return _SHARED


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def driver() -> "Iterator[webdriver.Chrome]":
    """A real browser, which logs what its pages ask for and complain of."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser, service = shutil.which("chromium"), shutil.which("chromedriver")
    if not (browser and service):
        reason = "chromium and its driver are not installed; scripts/browser installs them"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in _BROWSER_FLAGS.split():
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(service))
    yield driver
    driver.quit()


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
    """Makes a video in the temporary folder: frame i is a grey of 10 + 2·i, with a white top left quarter.

    Where colours are said, the top right quarter is a red.
    """
    av = pytest.importorskip("av")
    from av.video.reformatter import VideoReformatter

    def make(
        name: str,
        num_frames: int = 12,
        codec: str = "mpeg4",
        sound: bool = False,
        size: tuple[int, int] = (64, 96),
        start: int = 0,
        aspect: int | Fraction = 1,
        colours: tuple[int, int, int, int] = (2, 2, 2, 0),
    ) -> Path:
        """Colours: matrix, primaries and transfer of ITU-T H.273, and FFmpeg's range; frames begin at ``start``."""
        height, width = size
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(tmp_path / name), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.bit_rate = 2_000_000
            context, reformatter = stream.codec_context, VideoReformatter()
            context.sample_aspect_ratio = Fraction(aspect)
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = colours
            if sound:
                audio = container.add_stream("aac", rate=16_000)
                tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                tone.sample_rate = 16_000
                container.mux([*audio.encode(tone), *audio.encode(None)])
            for number in range(num_frames):
                pixels = np.full((height, width, 3), 10 + 2 * number, np.uint8)
                pixels[: height // 2, : width // 2] = 255
                pixels[: height // 2, width // 2 :] = pixels[0, -1] if colours[0] == 2 else (200, 40, 60)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame = reformatter.reformat(
                    frame, format="yuv420p", dst_colorspace=colours[0], dst_color_range=colours[3] or 1
                )
                frame.pts, frame.time_base = start + number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return tmp_path / name

    return make


@pytest.fixture
def clean_copy(tmp_path: Path) -> Path:
    """The project as a fresh clone has it; what git does not track, and would not, is left out."""
    root = Path(__file__).parents[1]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"git does not list the files of {root}: {listed.stderr}")
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).is_file():  # not one that is deleted and not yet committed
            (tmp_path / "yolo3" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, tmp_path / "yolo3" / name)
    return tmp_path / "yolo3"


@pytest.fixture
def lent_environment(clean_copy: Path) -> Path:
    """A virtual environment of the copy: it finds the packages of the one that runs the tests and has none itself."""
    environment = clean_copy / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/*/site-packages")
    lent = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "zz_lent.pth").write_text("import site; " + "; ".join(f"site.addsitedir({path!r})" for path in lent))
    return environment


@pytest.fixture
def one_stage_cfg() -> Callable[..., str]:
    """Makes a cfg: one convolution with batch normalization, and after it heads at one stride, each of some anchors."""

    def make(size: tuple[int, int], stride: int, anchors: tuple[int, ...] = (3,), num_classes: int = 3) -> str:
        height, width = size
        text = f"[net]\nwidth={width}\nheight={height}\nchannels=3\n"
        text += f"[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride={stride}\npad=1\nactivation=leaky\n"
        edges = ", ".join(f"{8 * number},{8 * number}" for number in range(1, sum(anchors) + 1))
        first = 0
        for count in anchors:
            mask = ",".join(str(first + number) for number in range(count))
            text += "" if first == 0 else "[route]\nlayers=0\n"
            text += f"[convolutional]\nfilters={count * (5 + num_classes)}\nactivation=linear\n"
            text += f"[yolo]\nmask={mask}\nanchors={edges}\nclasses={num_classes}\nnum={sum(anchors)}\n"
            first += count
        return text

    return make


@pytest.fixture
def small_cfg() -> Callable[..., str]:
    """Makes a cfg: two convolutions and one head at stride 16, for images of 64 x 64."""

    def make(channels: int = 3, num_classes: int = 3, between: str = "") -> str:
        """Sections ``between`` stand after the first convolution, which has 8 filters."""
        return (
            f"[net]\nwidth=64\nheight=64\nchannels={channels}\n"
            "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=8\nstride=8\nactivation=leaky\n"
            f"{between}"
            f"[convolutional]\nfilters={2 * (5 + num_classes)}\nsize=2\nstride=2\nactivation=linear\n"
            f"[yolo]\nmask=0,1\nanchors=10,14, 30,20\nclasses={num_classes}\nnum=2\n"
        )

    return make
