"""Videos with boxes on them, through PyAV (extra ``video``)."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolo3.extras import not_installed
from yolo3.results.writer import Add
from yolo3.sources import Frame, Video
from yolo3.structures import Detections

if TYPE_CHECKING:
    from PIL import Image

_ENCODERS = ("libx264", "libopenh264", "mpeg4")  # the first there is; all play in an MP4
_BITS_A_PIXEL = 0.2
_TICK = Fraction(1, 60_000)  # of a second; MPEG-4 allows no finer one than 1/65535


@contextmanager
def drawn_videos(folder: str | os.PathLike[str]) -> Iterator[Add]:
    """Every video with boxes drawn on, as ``stem.mp4`` of the same size and pace, without sound; pictures are left out.

    The frames of a video come one after another, in order.

    Raises:
        ModuleNotFoundError: a video, and PyAV is not installed.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        current: Video | None = None
        encode: Callable[[Image.Image, float], None] | None = None

        def add(frame: Frame, found: Detections) -> None:
            nonlocal current, encode
            if frame.video is None:
                return
            if encode is None or frame.video is not current:
                opened.close()
                encode = opened.enter_context(_encoder(root / f"{frame.video.stem}.mp4", frame))
                current = frame.video
            encode(found.draw(frame.pixels()), frame.time or 0.0)

        yield add


@contextmanager
def _encoder(path: Path, first: Frame) -> Iterator[Callable[["Image.Image", float], None]]:
    try:
        import av
    except ModuleNotFoundError as missing:
        raise not_installed("videos need", "PyAV", "video") from missing
    assert first.video is not None
    height, width = first.size
    rate = first.video.rate or 25
    with closing(av.open(str(path), "w", options={"movflags": "faststart"})) as container:
        name = next(name for name in _ENCODERS if name in av.codecs_available)
        stream = container.add_stream(name, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = width, height
        # of odd sizes, H.264 cannot halve the colours
        stream.pix_fmt = "yuv444p" if "264" in name and (width % 2 or height % 2) else "yuv420p"
        stream.codec_context.time_base = _TICK
        if name == "libx264":
            stream.codec_context.options = {"preset": "veryfast"}  # leaves the processor to the network
        else:
            stream.codec_context.bit_rate = int(_BITS_A_PIXEL * width * height * rate)
        start, last = first.time or 0.0, -1

        def encode(image: "Image.Image", time: float) -> None:
            nonlocal last
            frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            last = max(last + 1, round((time - start) / _TICK))  # where a damaged clock stands still
            frame.pts, frame.time_base = last, _TICK
            container.mux(stream.encode(frame))

        try:
            yield encode
        finally:
            container.mux(stream.encode(None))
