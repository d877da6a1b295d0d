"""Sources of a predictor's images: files, folders, globs, videos, cameras, arrays, and lists and streams of them."""

from yolo3.sources.find import (
    ImageLike,
    Source,
    as_frame,
    count_frames,
    find_frames,
    image_array,
)
from yolo3.sources.frame import Colours, Frame, PixelBudget, Video
from yolo3.sources.video import VIDEO_SUFFIXES

__all__ = [
    "VIDEO_SUFFIXES",
    "Colours",
    "Frame",
    "ImageLike",
    "PixelBudget",
    "Source",
    "Video",
    "as_frame",
    "count_frames",
    "find_frames",
    "image_array",
]
