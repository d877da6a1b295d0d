"""Format and size of an image file from its first bytes, before any decoder sees the file.

Pillow's WebP decoder allocates the whole canvas when a file is opened, and a file of 90 bytes may state a canvas of
gigabytes. So the size is read here first. Only files whose header states an allowed size are passed to Pillow.
"""

import io
import os
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from yolo3.images.bands import bands_of_tiff, npy_header
from yolo3.images.directories import ORIENTATION, read_directory
from yolo3.images.errors import ImageError

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "NPY", "PNG", "PPM", "TIFF", "WEBP")
"""Supported formats, by Pillow's names, and arrays of NumPy. Pillow has more, some of which start other programs or
follow paths."""

SUFFIXES = frozenset(
    {
        *(".avif", ".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm"),
        *(".npy", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    }
)
"""Suffixes of image files that are read, in lower case."""

UNREAD_SUFFIXES = frozenset(
    {
        *(".arw", ".cr2", ".cr3", ".dcm", ".dng", ".emf", ".eps", ".exr", ".hdr", ".heic", ".heif", ".icns", ".ico"),
        *(".jxl", ".jxr", ".nef", ".orf", ".pcx", ".pfm", ".psd", ".qoi", ".raf", ".raw", ".rw2", ".svg", ".tga"),
        *(".wmf", ".xcf"),
    }
)
"""Suffixes of image files in unsupported formats, in lower case; they are counted when a folder is read."""

_BEGINNING = 65_536
"""Bytes searched for the boxes of AVIF and JPEG 2000, comments of PPM, and the next marker of a JPEG."""
_MOST_ENTRIES = 10_000
"""Maximum number of segments of a JPEG, chunks of a PNG, tags of a TIFF; files with many more are malicious."""
_MOST_GIF_BLOCKS = 2_000
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF markers; the others are DHT, JPG and DAC
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_JPEG_SEQUENTIAL = (0xC0, 0xC1, 0xC3, 0xC9, 0xCB)
_PNG_PIXELS = (b"IDAT", b"fcTL", b"fdAT")
_PNG_METADATA = (b"eXIf", b"iTXt", b"tEXt", b"zTXt")
_TIFF_WIDTH = 256
_TIFF_HEIGHT = 257
_TIFF_TILE_WIDTH = 322
_TIFF_TILE_HEIGHT = 323


_SUFFIX = {"JPEG": ".jpg", "JPEG2000": ".jp2", "TIFF": ".tif"}  # of the other formats, the name in lower case


@dataclass(frozen=True)
class Header:
    """Format and size of an image file, as its first bytes state them."""

    format: str
    """Format, one of `FORMATS`."""
    width: int
    """Width in pixels, as stored: EXIF orientation is not applied."""
    height: int
    """Height in pixels, as stored."""
    tile: int = 0
    """Pixels per tile: a TIFF may state a tile larger than the image."""
    orientation: int = 1
    """Orientation in the tags of a TIFF."""
    several_scans: bool = False
    """Whether a JPEG is decoded in more than one pass over the whole image."""
    metadata_last: bool = False
    """Whether metadata may follow the pixels, as in some PNG files: the orientation is then known after decoding."""
    bands: int = 0
    """Number of channels of a file that is an array of them, without the meaning of grey or RGB; 0 for all others."""

    @property
    def num_pixels(self) -> int:
        """Number of pixels that decoding allocates; one of many channels counts as several of four."""
        return max(self.width * self.height, self.tile) * max(1, -(-self.bands // 4))


def suffix_of(content: bytes) -> str:
    """The suffix of an image file with this content; empty if it is no image."""
    header = read_header(io.BytesIO(content))
    return "" if header is None else _SUFFIX.get(header.format, f".{header.format.lower()}")


def read_header(file: BinaryIO) -> Header | None:
    """Format and size of an image file; None if it is not in `FORMATS`, or its header is damaged or endless.

    Raises:
        ImageError: Metadata that would take gigabytes.

    Source:
        PNG (W3C) §5 and §11.2.2; GIF89a §18; BITMAPINFOHEADER; RFC 9649 (WebP) §2.5–2.7; ITU T.81 (JPEG) annex B;
        TIFF 6.0 §2 and BigTIFF; NEP 1; ITU T.800 (JPEG 2000) annexes A and I; ISO/IEC 23008-12 (AVIF) §6.5.3; Netpbm.
    """
    file.seek(0)
    start = file.read(32)
    for matches, read in _READERS:
        if matches(start):
            try:
                header = read(file, start)
            except ImageError:
                raise
            except (struct.error, IndexError, OverflowError, ValueError):  # the last: a damaged header of NumPy
                return None
            return header if header is not None and min(header.width, header.height) > 0 else None
    return None


def _png(file: BinaryIO, start: bytes) -> Header | None:
    if start[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", start[16:24])
    pixels = others = 0
    place = 8
    while others < _MOST_ENTRIES:
        file.seek(place)
        chunk = file.read(8)
        if len(chunk) < 8 or chunk[4:] == b"IEND":
            return Header("PNG", width, height)
        if chunk[4:] in _PNG_PIXELS:
            pixels += 1
        else:
            others += 1
        if (pixels and chunk[4:] in _PNG_METADATA) or pixels > 10 * _MOST_ENTRIES:
            return Header("PNG", width, height, metadata_last=True)
        place += 12 + int.from_bytes(chunk[:4], "big")
    return None


def _gif(file: BinaryIO, start: bytes) -> Header | None:
    """The canvas size. Blocks of comments and similar data may precede the first frame."""
    flags = start[10]
    has_palette = flags & 0x80
    palette_size = 3 << (flags & 7) + 1 if has_palette else 0  # 3 bytes for each of 2^(n + 1) colours
    file.seek(13 + palette_size)
    blocks = 0
    while file.read(1) == b"!":
        file.read(1)
        while (length := file.read(1)) and length != b"\0":
            file.seek(length[0], os.SEEK_CUR)
            blocks += 1
        blocks += 1
        if blocks > _MOST_GIF_BLOCKS:  # Pillow joins comments one by one, in time that grows with their square
            return None
    return Header("GIF", *struct.unpack("<HH", start[6:10]))


def _bmp(file: BinaryIO, start: bytes) -> Header:
    if struct.unpack("<I", start[14:18]) == (12,):  # BITMAPCOREHEADER
        return Header("BMP", *struct.unpack("<HH", start[18:22]))
    width, height = struct.unpack("<ii", start[18:26])
    return Header("BMP", width, abs(height))  # negative if the rows are stored from the top


def _webp(file: BinaryIO, start: bytes) -> Header | None:
    chunk = start[12:16]
    if chunk == b"VP8X":  # extended: the canvas, which an animation has too
        width, height = (int.from_bytes(start[place : place + 3], "little") + 1 for place in (24, 27))
        return Header("WEBP", width, height)
    if chunk == b"VP8L":  # lossless: 14 bits each after a signature
        (bits,) = struct.unpack("<I", start[21:25])
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8 " and start[23:26] == b"\x9d\x01\x2a":  # lossy: a key frame
        width, height = struct.unpack("<HH", start[26:30])
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)  # the upper two bits ask for scaling
    return None


def _jpeg(file: BinaryIO, start: bytes) -> Header | None:
    """The largest size stated before the first scan."""
    width = height = components = 0
    is_progressive = False
    exif = b""
    place = 2
    read_at = -_BEGINNING
    for _ in range(_MOST_ENTRIES):
        if place + 16 > read_at + _BEGINNING:
            file.seek(place)
            content = file.read(_BEGINNING)
            read_at = place
        # stray bytes between segments are skipped, as decoders do, and so are fill bytes before a marker
        found = _JPEG_MARKER.search(content, place - read_at)
        if found is None:
            return None
        marker = found[1][0]
        place = read_at + found.end()
        if marker == 0xDA:  # the first scan
            if exif:
                _check_block(exif)
            of_first = content[found.end() + 2]  # number of components; a sequential JPEG usually has all in one scan
            return Header("JPEG", width, height, several_scans=is_progressive or of_first < components)
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # a marker without a segment
            continue
        (length,) = struct.unpack_from(">H", content, found.end())
        if marker in _JPEG_SIZES:
            rows, columns, components = struct.unpack_from(">HHB", content, found.end() + 3)
            is_progressive = marker not in _JPEG_SEQUENTIAL
            width = max(width, columns)
            height = max(height, rows)
        elif marker in (0xE1, 0xE2):
            file.seek(place + 2)
            segment = file.read(max(0, length - 2))
            if segment.startswith(b"Exif\0\0"):
                exif += segment[6:]  # Pillow joins them
            elif segment.startswith(b"MPF\0"):
                _check_block(segment[4:])
        place += max(2, length)
    return None


def _check_block(block: bytes) -> None:
    """Refuse a block of tags that would take gigabytes. A damaged one is left to Pillow, which skips it."""
    with suppress(struct.error):
        read_directory(io.BytesIO(block), 0, len(block))


def _tiff(file: BinaryIO, start: bytes) -> Header:
    """The first image of the file."""
    tags = read_directory(file, 0, file.seek(0, os.SEEK_END))
    tile = tags.get(_TIFF_TILE_WIDTH, 0) * tags.get(_TIFF_TILE_HEIGHT, 0)
    return Header(
        "TIFF",
        tags.get(_TIFF_WIDTH, 0),
        tags.get(_TIFF_HEIGHT, 0),
        tile,
        tags.get(ORIENTATION, 1),
        bands=bands_of_tiff(tags),
    )


def _npy(file: BinaryIO, start: bytes) -> Header:
    (height, width, channels), _, _ = npy_header(file)
    return Header("NPY", width, height, bands=channels)


def _jpeg_2000(file: BinaryIO, start: bytes) -> Header | None:
    file.seek(0)
    beginning = file.read(_BEGINNING)
    if (box := beginning.find(b"ihdr")) >= 0:
        height, width = struct.unpack_from(">II", beginning, box + 4)
        return Header("JPEG2000", width, height)
    if (segment := beginning.find(b"\xff\x51")) < 0:  # SIZ
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", beginning, segment + 6)
    return Header("JPEG2000", right - left, bottom - top)


def _avif(file: BinaryIO, start: bytes) -> Header | None:
    file.seek(0)
    beginning = file.read(_BEGINNING)
    sizes = [struct.unpack_from(">II", beginning, box.start() + 8) for box in re.finditer(b"ispe", beginning)]
    if not sizes:
        return None
    return Header("AVIF", *max(sizes, key=lambda size: size[0] * size[1]))  # the full image, not its tiles


def _ppm(file: BinaryIO, start: bytes) -> Header | None:
    file.seek(0)
    gap = rb"(?:\s|#[^\n\r]*[\n\r])+"
    found = re.match(rb"P[1-6]" + gap + rb"(\d{1,9})" + gap + rb"(\d{1,9})\s", file.read(_BEGINNING))
    return Header("PPM", int(found[1]), int(found[2])) if found else None


_READERS: tuple[tuple[Callable[[bytes], object], Callable[[BinaryIO, bytes], Header | None]], ...] = (
    (lambda start: start.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda start: start.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    (lambda start: start.startswith(b"RIFF") and start[8:12] == b"WEBP", _webp),
    (lambda start: start.startswith((b"GIF87a", b"GIF89a")), _gif),
    (lambda start: start.startswith((b"II\x2a\0", b"MM\0\x2a", b"II\x2b\0", b"MM\0\x2b")), _tiff),
    (lambda start: start.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")), _jpeg_2000),
    (lambda start: start[4:8] == b"ftyp" and re.search(b"avi[fs]", start[8:32]), _avif),
    (lambda start: start.startswith(b"\x93NUMPY"), _npy),
    (lambda start: start.startswith(b"BM"), _bmp),
    (lambda start: re.match(rb"P[1-6][\s#]", start), _ppm),
)
"""Test of the first bytes and header reader of each format."""
