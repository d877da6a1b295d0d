"""Where a predictor's pictures come from: files, folders, globs, videos, cameras, arrays, lists and streams of them."""

from yolo3.sources.find import (
    Picture,
    Source,
    as_frame,
    count_frames,
    find_frames,
    rgb_array,
)
from yolo3.sources.frame import Colours, Frame, PixelBudget, Video
from yolo3.sources.video import VIDEO_SUFFIXES

__all__ = [
    "VIDEO_SUFFIXES",
    "Colours",
    "Frame",
    "Picture",
    "PixelBudget",
    "Source",
    "Video",
    "as_frame",
    "count_frames",
    "find_frames",
    "rgb_array",
]
