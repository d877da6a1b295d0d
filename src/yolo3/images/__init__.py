"""Image files: from untrusted bytes to upright RGB. The only place that opens them."""

from yolo3.images.errors import DamagedImage, ImageError, ImageTooLarge, UnknownImage
from yolo3.images.header import FORMATS, SUFFIXES, UNREAD_SUFFIXES
from yolo3.images.reading import (
    BYTES_PER_PIXEL,
    MAX_MEGAPIXELS,
    Decoded,
    FileFacts,
    ImageFile,
    Least,
    check_limit,
    decode_image,
    file_facts,
    read_pixels,
)
from yolo3.images.rgb import TURNED, ImageArray, as_rgb, rgb_pixels

__all__ = [
    "BYTES_PER_PIXEL",
    "FORMATS",
    "MAX_MEGAPIXELS",
    "SUFFIXES",
    "TURNED",
    "UNREAD_SUFFIXES",
    "DamagedImage",
    "Decoded",
    "FileFacts",
    "ImageArray",
    "ImageError",
    "ImageFile",
    "ImageTooLarge",
    "Least",
    "UnknownImage",
    "as_rgb",
    "check_limit",
    "decode_image",
    "file_facts",
    "read_pixels",
    "rgb_pixels",
]
