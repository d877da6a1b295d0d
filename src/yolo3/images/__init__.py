"""Image files: from untrusted bytes to upright pixels. The only place that opens them."""

from yolo3.images.channels import ChannelError, ImageArray, check_channels, luma, to_view, with_channels
from yolo3.images.depth import as_floats, in_unit_range
from yolo3.images.errors import DamagedImage, ImageError, ImageTooLarge, UnknownImage
from yolo3.images.header import FORMATS, SUFFIXES, UNREAD_SUFFIXES
from yolo3.images.opening import BYTES_PER_PIXEL, ImageFile
from yolo3.images.places import changed_at, image_content, is_there
from yolo3.images.reading import (
    MAX_MEGAPIXELS,
    Decoded,
    FileFacts,
    Least,
    check_limit,
    decode_image,
    file_facts,
    read_pixels,
)
from yolo3.images.rgb import TURNED, as_rgb, channel_pixels, rgb_pixels

__all__ = [
    "BYTES_PER_PIXEL",
    "FORMATS",
    "MAX_MEGAPIXELS",
    "SUFFIXES",
    "TURNED",
    "UNREAD_SUFFIXES",
    "ChannelError",
    "DamagedImage",
    "Decoded",
    "FileFacts",
    "ImageArray",
    "ImageError",
    "ImageFile",
    "ImageTooLarge",
    "Least",
    "UnknownImage",
    "as_floats",
    "as_rgb",
    "changed_at",
    "channel_pixels",
    "check_channels",
    "check_limit",
    "decode_image",
    "file_facts",
    "image_content",
    "in_unit_range",
    "is_there",
    "luma",
    "read_pixels",
    "rgb_pixels",
    "to_view",
    "with_channels",
]
