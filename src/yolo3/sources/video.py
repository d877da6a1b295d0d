"""Video files and cameras, frame by frame, through PyAV (extra ``video``)."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolo3.data.listing import files_like
from yolo3.images import ImageArray
from yolo3.sources.frame import Colours, Frame, PixelBudget, Video
from yolo3.sources.kinds import is_container
from yolo3.sources.web import is_web_image, shown
from yolo3.system.extras import not_installed

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video import VideoFrame, VideoStream

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv"}
)
"""Suffixes of video files, in lower case. A GIF is read as an image: its first frame."""

_LIVE = re.compile(r"camera:\d+$|/dev/video\d+$|(rtsps?|rtmp|https?)://", re.IGNORECASE)
_CLOCK = 1_000_000  # ticks per second in containers
_GAP = 0.5  # seconds by which an intact file may end before its stated duration


def is_live(source: str) -> bool:
    """Whether a source is a camera: ``camera:0``, a device such as ``/dev/video0``, or the URL of a stream."""
    return _LIVE.match(source) is not None and not is_web_image(source) and not is_container(source)


def is_video(source: str) -> bool:
    """Whether a source is a video file, by its suffix, or a camera."""
    return is_live(source) or Path(source).suffix.lower() in VIDEO_SUFFIXES


def find_videos(folder: Path) -> list[Path]:
    """All videos in a folder and its subfolders, sorted. Symbolic links are followed, hidden files skipped."""
    return files_like(folder, VIDEO_SUFFIXES)


def describe_video(source: str, stem: str = "video") -> Video:
    """The properties of a video, without decoding it.

    Raises:
        ValueError: A video that does not exist or cannot be read.
        ModuleNotFoundError: A missing package: PyAV.
    """
    with _opened(source) as (container, stream):
        return _described(source, stem, container, stream)


def video_frames(source: str, stem: str, every: int = 1, budget: PixelBudget | None = None) -> Iterator[Frame]:
    """The frames of a video in order, upright. Only frames in use are in memory.

    Args:
        source: Path of the file, or camera.
        stem: Stem of the file names of its results.
        every: Step between frames: 2 skips every other frame.
        budget: Budget for keeping the pixels, see `Frame`.

    Raises:
        ValueError: A video that does not exist or cannot be read; after the last intact frame, one that is damaged or
            truncated.
        ModuleNotFoundError: A missing package: PyAV.
    """
    with _opened(source) as (container, stream):
        video = None
        for number, decoded in enumerate(_decoded(container, stream, shown(source))):
            video = video or _described(source, stem, container, stream, decoded)
            if number % every == 0:
                name = f"{video.path} frame {number:06d}"
                read = partial(_upright, decoded, threading.Lock())
                time = _seconds(decoded, stream, from_start=not is_live(source))
                yield Frame(name, f"{stem}/{number:06d}", read, video, number, time, budget)
        if video is None:
            raise ValueError(f"{shown(source)}: the video has no frames")


def _decoded(container: "InputContainer", stream: "VideoStream", path: str) -> Iterator["VideoFrame"]:
    from av.error import FFmpegError  # `_opened` names its extra

    stream.thread_type = "AUTO"  # several cores decode ahead
    number = 0
    end = 0.0
    trouble = ""
    packets = container.demux()
    while not trouble:
        decoded: list[VideoFrame] = []
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if packet.is_corrupt:
                trouble = "is cut off"
            elif packet.stream is stream and (packet.size or packet.dts is None):  # AVI has empty ones, before the last
                decoded = stream.decode(packet)
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        except FFmpegError as error:
            trouble = f"is damaged ({error.strerror})"
        if trouble:
            decoded = _left_inside(stream)
        for frame in decoded:
            yield frame
            number += 1
    # Matroska's reader does not notice a missing end
    if not trouble and "matroska" in container.format.name and container.duration:
        trouble = "is cut off" if end < container.duration / _CLOCK - _GAP else ""
    if trouble:
        place = f"after frame {number - 1:06d}" if number else "before its first frame"
        raise ValueError(f"{path} {trouble} {place}; replace it, or cut it there")


def _left_inside(stream: "VideoStream") -> "list[VideoFrame]":
    """The frames left in a decoder after the last packet."""
    from av.error import FFmpegError

    try:
        return stream.decode(None)
    except FFmpegError:
        return []


def _seconds(decoded: "VideoFrame", stream: "VideoStream", from_start: bool) -> float | None:
    """The time of a frame by the clock of the stream, which frames left in the decoder have too.

    The clock may start anywhere: at 0.54 s in an MPEG program stream, or in the middle of a recording that was cut.
    """
    if decoded.pts is None or stream.time_base is None:
        return None
    start = stream.start_time or 0 if from_start else 0
    return float((decoded.pts - start) * stream.time_base)


def _upright(decoded: "VideoFrame", lock: threading.Lock) -> ImageArray:
    """(H, W, 3) RGB, upright."""
    with lock:  # two threads converting one frame at the same time crash the process
        pixels = decoded.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(pixels, decoded.rotation // 90))  # both count counterclockwise


def _described(
    source: str, stem: str, container: "InputContainer", stream: "VideoStream", first: "VideoFrame | None" = None
) -> Video:
    """The properties in the file. Rotation and colours are known after the first frame is decoded."""
    rate = stream.average_rate or stream.guessed_rate
    pixel_aspect = stream.sample_aspect_ratio or Fraction(1)
    colours = Colours()
    if first is not None:
        colours = Colours(first.colorspace, first.color_primaries, first.color_trc, first.color_range)
        pixel_aspect = 1 / pixel_aspect if first.rotation % 180 else pixel_aspect
    num_frames = None if is_live(source) else _num_frames(source, container, stream, rate)
    return Video(
        shown(source),
        stem,
        rate,
        num_frames,
        bool(container.streams.audio),
        pixel_aspect,
        colours,
    )


def _num_frames(source: str, container: "InputContainer", stream: "VideoStream", rate: Fraction | None) -> int | None:
    if stream.frames:
        return stream.frames
    if container.format.name == "mpeg":  # states no duration, and FFmpeg's guess may be half of the true one
        with _opened(source) as (packets, counted):
            return sum(packet.size > 0 for packet in packets.demux(counted)) or None
    if not container.duration or not rate:
        return None
    seconds = Fraction(container.duration, _CLOCK)
    if "matroska" in container.format.name and stream.start_time and stream.time_base:
        seconds -= (
            stream.start_time * stream.time_base
        )  # it states the end time of the video, other formats its duration
    return round(seconds * rate)


@contextmanager
def _opened(source: str) -> Iterator[tuple["InputContainer", "VideoStream"]]:
    name = shown(source)
    live = is_live(source)
    try:
        import av
    except ModuleNotFoundError as missing:
        raise not_installed(f"{name}: videos and cameras need", "PyAV", "video") from missing
    address, file_format = _address(source)
    options = {} if live else {"protocol_whitelist": "file"}  # a playlist in disguise must not fetch anything
    try:
        container = av.open(address, format=file_format, options=options)
    except FileNotFoundError as error:
        raise ValueError(f"{name}: no such {'camera' if live else 'video'}") from error
    except (av.error.FFmpegError, OSError) as error:
        what = "camera or stream" if live else "video"
        raise ValueError(f"{name}: not a {what} that can be read ({error.strerror})") from error
    with container:
        if not container.streams.video:
            raise ValueError(f"{name}: no video stream in it, only audio or text")
        yield container, container.streams.video[0]


def _address(source: str) -> tuple[str, str | None]:
    """FFmpeg's name of a file or camera, and its format if FFmpeg needs it."""
    if not is_live(source) or "://" in source:
        return source, None
    number = re.sub(r"\D+", "", source)
    if sys.platform == "darwin":
        return number, "avfoundation"
    if sys.platform == "win32":
        return f"video={number}", "dshow"
    return f"/dev/video{number}", "v4l2"
