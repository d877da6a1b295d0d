"""Sources of a predictor's images: files, folders, globs, videos, cameras, arrays, and lists and streams of them."""

from yolo3.sources.expand import ImageLike, Source
from yolo3.sources.find import as_frame, count_frames, find_frames, image_array
from yolo3.sources.frame import Colours, Frame, PixelBudget, Video
from yolo3.sources.unreadable import ErrorPlace, Unreadable, kept
from yolo3.sources.video import VIDEO_SUFFIXES

__all__ = [
    "VIDEO_SUFFIXES",
    "Colours",
    "ErrorPlace",
    "Frame",
    "ImageLike",
    "PixelBudget",
    "Source",
    "Unreadable",
    "Video",
    "as_frame",
    "count_frames",
    "find_frames",
    "image_array",
    "kept",
]
