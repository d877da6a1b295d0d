import struct

import pytest
from PIL import Image

from yolo3.images.orientation import orientation_of


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _xmp(text: str) -> str:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {text}/></x:xmpmeta>'


def test_where_an_orientation_may_stand() -> None:
    exif = _exif(6)
    assert orientation_of({"exif": exif}) == 6
    assert orientation_of({"exif": exif.removeprefix(b"Exif\0\0")}) == 6
    big_endian = b"MM\0\x2a" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 8, 0, 0)
    assert orientation_of({"exif": big_endian}) == 8
    profile = "\nexif\n      88\n" + "\n".join(
        exif.hex()[start : start + 72] for start in range(0, len(exif.hex()), 72)
    )
    assert orientation_of({"Raw profile type exif": profile}) == 6
    assert orientation_of({"XML:com.adobe.xmp": _xmp('tiff:Orientation="3"')}) == 3
    assert orientation_of({"xmp": _xmp("<tiff:Orientation>4</tiff:Orientation>").encode()}) == 4


def test_exif_comes_before_xmp() -> None:
    assert orientation_of({"exif": _exif(6), "xmp": b'tiff:Orientation="3"'}) == 6
    assert orientation_of({"exif": Image.Exif().tobytes(), "xmp": b'tiff:Orientation="3"'}) == 3


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"exif": b""},
        {"exif": b"Exif\0\0"},
        {"exif": b"Exif\0\0MM\0*\0\0\xff\xff\xff"},
        {"exif": b"II\x2a\0\x08\0\0\0\xff"},
        {"Raw profile type exif": "\nexif\n4\nnot hexadecimal"},
        {"xmp": b"tiff:Orientation=up"},
    ],
)
def test_no_orientation_is_upright(info: dict) -> None:
    assert orientation_of(info) == 1
