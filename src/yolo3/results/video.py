"""Videos with bounding boxes, through PyAV (extra ``video``)."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolo3.draw import Style
from yolo3.results.writer import Add
from yolo3.sources import Colours, Frame, Video
from yolo3.structures import Detections
from yolo3.system.extras import not_installed

if TYPE_CHECKING:
    from PIL import Image

_ENCODERS = ("libx264", "libopenh264", "mpeg4")  # the first there is; all play in an MP4
_BITS_PER_PIXEL = 0.2
_LIMITED = 1  # FFmpeg's number of the range 16 to 235, which videos have that say none
_MATRICES = frozenset({1, 2, 4, 5, 6, 7, 9})  # that FFmpeg converts RGB with; 2 is "not said": it takes BT.601
_TICK = Fraction(1, 60_000)  # of a second; MPEG-4 allows no finer one than 1/65535


@contextmanager
def drawn_videos(folder: str | os.PathLike[str], style: Style = Style()) -> Iterator[Add]:
    """Every video with bounding boxes, as ``stem.mp4``, without sound; images are left out.

    Size, pixel aspect ratio, colours and frame rate are those of the original. The frames of a video must
    come one after another, in order.

    Raises:
        ModuleNotFoundError: PyAV is not installed, and there is a video.
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
            encode(found.draw(frame.pixels(), style), frame.time or 0.0)

        yield add


@contextmanager
def _encoder(path: Path, first: Frame) -> Iterator[Callable[["Image.Image", float], None]]:
    try:
        import av
        from av.video.reformatter import VideoReformatter
    except ModuleNotFoundError as missing:
        raise not_installed("videos need", "PyAV", "video") from missing
    assert first.video is not None
    height, width = first.size
    rate = first.video.rate or 25
    colours = _writable(first.video.colours)
    converter = VideoReformatter()
    with closing(av.open(str(path), "w", options={"movflags": "faststart"})) as container:
        name = next(name for name in _ENCODERS if name in av.codecs_available)
        stream = container.add_stream(name, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = width, height
        # of odd sizes, H.264 cannot halve the colours
        stream.pix_fmt = "yuv444p" if "264" in name and (width % 2 or height % 2) else "yuv420p"
        context = stream.codec_context
        context.time_base = _TICK
        context.sample_aspect_ratio = first.video.pixel_aspect
        context.colorspace = colours.matrix
        context.color_range = colours.range
        context.color_primaries = colours.primaries
        context.color_trc = colours.transfer
        if name == "libx264":
            context.options = {"preset": "veryfast"}  # leaves the processor to the network
        else:
            context.bit_rate = int(_BITS_PER_PIXEL * width * height * rate)
        start, last = first.time or 0.0, -1

        def encode(image: "Image.Image", time: float) -> None:
            nonlocal last
            frame = converter.reformat(
                av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24"),
                format=stream.pix_fmt,
                dst_colorspace=colours.matrix,
                dst_color_range=colours.range or _LIMITED,
            )
            last = max(last + 1, round((time - start) / _TICK))  # where a damaged clock stands still
            frame.pts, frame.time_base = last, _TICK
            container.mux(stream.encode(frame))

        try:
            yield encode
        finally:
            container.mux(stream.encode(None))


def _writable(colours: Colours) -> Colours:
    """The colours as H.264 and MPEG-4 have them: RGB, for one, is neither's."""
    return colours if colours.matrix in _MATRICES else replace(colours, matrix=2)
