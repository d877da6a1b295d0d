import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from yolo3.images import FORMATS, ImageError
from yolo3.images.header import Header, read_header

_WIDTH, _HEIGHT = 37, 23


def _saved(format: str, mode: str = "RGB", **options) -> bytes:
    content = io.BytesIO()
    Image.new(mode, (_WIDTH, _HEIGHT)).save(content, format, **options)
    return content.getvalue()


def _header(content: bytes) -> Header | None:
    return read_header(io.BytesIO(content))


_FRAME = Image.new("RGB", (_WIDTH, _HEIGHT), "red")
_SAVED = {
    "avif": lambda: _saved("AVIF"),
    "bmp": lambda: _saved("BMP"),
    "gif": lambda: _saved("GIF"),
    "jpeg": lambda: _saved("JPEG"),
    "jpeg, progressive, with EXIF": lambda: _saved("JPEG", progressive=True, exif=b"Exif\0\0" + bytes(60_000)),
    "jpeg, with a profile of 200,000 bytes": lambda: _saved("JPEG", icc_profile=bytes(200_000)),
    "jpeg 2000": lambda: _saved("JPEG2000"),
    "jpeg 2000, a codestream": lambda: _saved("JPEG2000", no_jp2=True),
    "mpo": lambda: _saved("MPO", save_all=True, append_images=[_FRAME]),
    "png": lambda: _saved("PNG"),
    "png, animated": lambda: _saved("PNG", save_all=True, append_images=[_FRAME]),
    "ppm": lambda: _saved("PPM"),
    "pgm": lambda: _saved("PPM", "L"),
    "tiff": lambda: _saved("TIFF"),
    "tiff, compressed": lambda: _saved("TIFF", compression="tiff_lzw"),
    "tiff, big": lambda: _saved("TIFF", big_tiff=True),
    "webp, lossy": lambda: _saved("WEBP"),
    "webp, lossless": lambda: _saved("WEBP", lossless=True),
    "webp, with EXIF": lambda: _saved("WEBP", exif=Image.Exif()),
    "webp, animated": lambda: _saved("WEBP", save_all=True, append_images=[_FRAME]),
}


@pytest.mark.parametrize("kind", _SAVED)
def test_the_size_is_that_of_pillow(kind: str) -> None:
    content = _SAVED[kind]()
    header = _header(content)
    with Image.open(io.BytesIO(content)) as image:
        assert (header.width, header.height) == image.size == (_WIDTH, _HEIGHT)
        assert header.format in FORMATS
        assert header.format == image.format.replace("MPO", "JPEG")


def test_forms_that_pillow_does_not_write() -> None:
    core = b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 300, 200, 1, 24)
    assert _header(core) == Header("BMP", 300, 200)
    from_the_top = b"BM" + bytes(12) + struct.pack("<Iii", 40, 300, -200)
    assert _header(from_the_top) == Header("BMP", 300, 200)
    assert _header(b"P6 # a comment\n# and another\n300\t200\n255\n") == Header("PPM", 300, 200)
    entries = [(256, 3, 300), (257, 4, 200), (322, 4, 9000), (323, 4, 8000)]
    tiff = b"MM\0\x2a" + struct.pack(">IH", 8, len(entries))
    for tag, kind, value in entries:
        tiff += struct.pack(">HHI", tag, kind, 1) + (
            struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
        )
    assert _header(tiff) == Header("TIFF", 300, 200, tile=72_000_000)
    assert _header(tiff).num_pixels == 72_000_000  # what a decoder would allocate for a tile
    stray = (
        b"\xff\xd8\xff\xfe\0\2"
        + b"rubbish"
        + b"\xff\xff\xff\xc0\0\x0b\x08\0\xc8\1\x2c\1\1\x11\0"
        + b"\xff\xda\0\2"
        + bytes(9)
    )
    assert (_header(stray).format, _header(stray).width, _header(stray).height) == ("JPEG", 300, 200)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"<html>", b"%PDF-1.7", b"\0\0\1\0\1\0", b"\x89PNG\r\n\x1a\nrubbish"]
)
def test_no_image(content: bytes) -> None:
    assert _header(content) is None


def test_no_pixels_are_no_image() -> None:
    assert _header(b"GIF89a\0\0\5\0" + bytes(9)) is None


@pytest.mark.parametrize(
    ("frame", "first_scan", "several"),
    [(0xC0, 3, False), (0xC1, 3, False), (0xC9, 3, False), (0xC0, 1, True), (0xC2, 3, True), (0xCA, 1, True)],
)
def test_jpegs_of_several_scans(frame: int, first_scan: int, several: bool) -> None:
    components = bytes(9)
    size = struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, 200, 300, 3) + components
    scan = b"\xff\xda" + struct.pack(">HB", 6 + 2 * first_scan, first_scan) + bytes(30)
    header = _header(b"\xff\xd8" + size + scan)
    assert (header.width, header.height, header.several_scans) == (300, 200, several)


def test_headers_without_an_end() -> None:
    comments = b"\xff\xd8" + b"\xff\xfe\0\2" * 50_000
    assert _header(comments) is None
    chunk = struct.pack(">I", 0) + b"teSt" + bytes(4)
    assert _header(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 5, 5) + bytes(9) + chunk * 50_000) is None


def test_comments_of_a_gif_without_an_end() -> None:
    content = _saved("GIF")
    table = 13 + (3 << (content[10] & 7) + 1)
    for count, sound in ((1_900, True), (3_000, False)):
        one = b"!\xfe" + b"\x01a" * count + b"\0"
        many = b"!\xfe\x01a\0" * (count // 2)
        for comments in (one, many):
            assert (_header(content[:table] + comments + content[table:]) is not None) == sound


def test_metadata_behind_the_pixels_of_a_png() -> None:
    content = _saved("PNG")
    assert not _header(content).metadata_last
    end = content.rindex(b"\0\0\0\0IEND")
    text = struct.pack(">I", 3) + b"tEXta\0b" + bytes(4)
    assert _header(content[:end] + text + content[end:]).metadata_last


@given(kind=st.sampled_from(sorted(_SAVED)), where=st.integers(0, 400), what=st.binary(max_size=8), cut=st.booleans())
def test_damage_is_never_more_than_no_header(kind: str, where: int, what: bytes, cut: bool) -> None:
    content = _SAVED[kind]()
    damaged = content[:where] + what + (b"" if cut else content[where + len(what) :])
    try:
        header = _header(damaged)
    except ImageError:  # more tags, or larger ones, than any image has
        return
    assert header is None or min(header.width, header.height) > 0
