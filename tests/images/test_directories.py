import io
import struct

import pytest
from PIL import Image

from yolo3.images import ImageError, read_pixels
from yolo3.images.directories import MOST_BYTES, ORIENTATION, read_directory

_ORDERS = pytest.mark.parametrize("order", ["<", ">"])


def _directory(tags: list[tuple[int, int, int, int]], order: str = "<", start: int = 8) -> bytes:
    """A block of tags: (tag, type, how many values, their value or place)."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    entries = b"".join(
        struct.pack(f"{order}HHI", *tag[:3])
        + (struct.pack(f"{order}HH", tag[3], 0) if tag[1] == 3 and tag[2] == 1 else struct.pack(f"{order}I", tag[3]))
        for tag in tags
    )
    return head + bytes(start - 8) + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def _read(block: bytes) -> dict[int, int]:
    return read_directory(io.BytesIO(b"before" + block), 6, len(block))


@_ORDERS
def test_whole_numbers_are_read(order: str) -> None:
    tags = [(ORIENTATION, 3, 1, 6), (256, 4, 1, 70_000), (257, 3, 1, 5), (257, 3, 1, 9), (271, 2, 3, 0), (300, 3, 0, 1)]
    assert _read(_directory(tags, order)) == {ORIENTATION: 6, 256: 70_000, 257: 9}


def test_big_tiff_is_read() -> None:
    with Image.new("RGB", (30, 20)) as image:
        file = io.BytesIO()
        image.save(file, "TIFF", big_tiff=True)
    assert _read(file.getvalue())[256] == 30
    assert _read(file.getvalue())[257] == 20


@pytest.mark.parametrize("block", [b"", b"II", b"rubbish that is no directory"])
def test_what_is_no_directory(block: bytes) -> None:
    try:
        assert _read(block) == {}
    except struct.error:
        pass  # cut short


def test_directories_in_circles_come_to_an_end() -> None:
    assert _read(_directory([(0x8769, 4, 1, 8), (ORIENTATION, 3, 1, 3)])) == {0x8769: 8, ORIENTATION: 3}


def test_what_the_values_take_is_added_up() -> None:
    size = 100_000
    count = MOST_BYTES // size
    for more, sound in ((0, True), (1, False)):
        block = _directory([(50_000 + tag, 1, size, 0) for tag in range(count + more)]).ljust(size, b"x")
        if sound:
            _read(block)
        else:
            with pytest.raises(ImageError, match="the tags of the image take 67 MB of memory; save it without them"):
                _read(block)


def test_a_single_tag_may_be_as_large_as_its_file() -> None:
    size = MOST_BYTES + 1000
    assert _read(_directory([(50_000, 1, size, 0)]).ljust(size + 100, b"x")) == {}


def test_tags_without_end() -> None:
    block = b"II\x2a\0" + struct.pack("<IH", 8, 60_000)
    with pytest.raises(ImageError, match="the image has 60,000 tags, more than 10,000"):
        _read(block)


@pytest.mark.parametrize("format", ["JPEG", "JPEG of several images", "TIFF"])
def test_tags_that_take_gigabytes_are_refused_before_pillow_sees_them(
    monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, format[:4])
    plain = file.getvalue()
    block = _directory([(50_000 + tag, 1, 60_000, 0) for tag in range(4_000)]).ljust(60_000, b"x")
    if format == "TIFF":
        bomb = block
    else:
        name, block = (b"Exif\0\0", block * 2) if format == "JPEG" else (b"MPF\0", block)
        parts = [name + block[start : start + 60_000] for start in range(0, len(block), 60_000)]
        marker = b"\xff\xe1" if format == "JPEG" else b"\xff\xe2"
        bomb = plain[:2] + b"".join(marker + struct.pack(">H", len(part) + 2) + part for part in parts) + plain[2:]
    monkeypatch.setattr("PIL.Image.open", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(ImageError, match=r"the tags of the image take \d\d\d MB of memory"):
        read_pixels(bomb)
