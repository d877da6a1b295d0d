"""The orientation that an image file states."""

import io
import re
import struct
from collections.abc import Mapping

from yolo3.images.directories import ORIENTATION, read_directory
from yolo3.images.errors import ImageError

_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([0-9])")


def orientation_of(info: Mapping[str | tuple[int, int], object]) -> int:
    """The orientation from EXIF or XMP; 1, upright, if there is none or it cannot be read.

    Args:
        info: Blocks of metadata, as Pillow reads them.

    Source:
        EXIF 2.32 §4.6.4; XMP part 2 §3.4 (``tiff:Orientation``).
    """
    exif = info.get("exif")
    profile = info.get("Raw profile type exif")  # in PNG files of older programs: three lines, then hexadecimal
    try:
        if exif is None and isinstance(profile, str):
            exif = bytes.fromhex("".join(profile.split("\n")[3:]))
        if isinstance(exif, bytes):
            block = exif.removeprefix(b"Exif\0\0")
            tags = read_directory(io.BytesIO(block), 0, len(block))
            if ORIENTATION in tags:
                return tags[ORIENTATION]
    except (ValueError, struct.error, ImageError):  # damaged: every viewer shows such an image as stored
        return 1
    for name in ("XML:com.adobe.xmp", "xmp"):
        text = info.get(name)
        text = text.encode() if isinstance(text, str) else text
        if isinstance(text, bytes) and (found := _XMP.search(text)):
            return int(found[1])
    return 1
