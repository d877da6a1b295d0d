import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.images import DamagedImage, ImageError, ImageTooLarge, UnknownImage, decode_image, file_facts, read_pixels

_STORED = {  # how an upright image must be stored so that its orientation sets it right
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def _noise(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _stored(upright: np.ndarray, orientation: int) -> tuple[Image.Image, Image.Exif]:
    image, turn = Image.fromarray(upright), _STORED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return image if turn is None else image.transpose(turn), exif


def _saved(image: Image.Image, format: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),  # which another part of Pillow reads
        ("TIFF", {"compression": "tiff_adobe_deflate", "big_tiff": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_an_orientation_is_applied_once(tmp_path: Path, format: str, options: dict, orientation: int) -> None:
    upright = _noise()
    image, exif = _stored(upright, orientation)
    content = _saved(image, format, exif=exif, **options)
    (tmp_path / "image").write_bytes(content)
    for file in (content, tmp_path / "image"):
        facts = file_facts(file)
        assert (facts.size, facts.orientation, facts.mode) == ((40, 60), orientation, "RGB")
        pixels, size = read_pixels(file)
        assert size == (40, 60)
        np.testing.assert_array_equal(pixels, upright)
        assert pixels.flags.c_contiguous


def test_an_orientation_that_stands_behind_the_pixels() -> None:
    image, exif = _stored(_noise(), 6)
    content = _saved(image, "PNG")
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    end = content.rindex(b"\0\0\0\0IEND")
    content = content[:end] + chunk + content[end:]
    assert file_facts(content).size == (40, 60)
    np.testing.assert_array_equal(read_pixels(content)[0], _noise())


def test_the_size_of_a_png_is_known_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda self: pytest.fail("decoded"))
    assert file_facts(_saved(Image.fromarray(_noise()), "PNG")).size == (40, 60)


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_is_none(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    facts = file_facts(_saved(Image.fromarray(_noise()), "PNG", exif=exif))
    assert (facts.size, facts.orientation) == ((40, 60), 1)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_a_conversion_strip_by_strip_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    image = Image.fromarray(_noise()).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    content = _saved(image, "TIFF")
    whole, _ = read_pixels(content)
    monkeypatch.setattr("yolo3.images.rgb._STRIP", 7 * 60)
    np.testing.assert_array_equal(read_pixels(content)[0], whole)


def test_a_frame_larger_than_the_canvas_of_a_gif() -> None:
    content = bytearray(_saved(Image.new("P", (60, 40)), "GIF"))
    content[6:10] = struct.pack("<HH", 1, 1)
    assert file_facts(bytes(content)).size == (40, 60)
    assert read_pixels(bytes(content))[0].shape == (40, 60, 3)
    with pytest.raises(ImageTooLarge):
        read_pixels(bytes(content), max_megapixels=0.002)


def test_too_many_pixels_are_known_from_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.Image.open", lambda *_, **__: pytest.fail("opened"))
    canvas = (20_000 - 1).to_bytes(3, "little") * 2
    animation = b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + canvas
    with pytest.raises(ImageTooLarge, match="the image has 20,000 x 20,000 pixels, more than 180 megapixels"):
        read_pixels(animation)


def test_a_limit_of_pixels_is_an_option(tmp_path: Path) -> None:
    Image.new("L", (2000, 1000)).save(tmp_path / "a.png")
    with pytest.raises(ImageTooLarge, match=r"2,000 x 1,000 pixels, more than 1\.9 megapixels"):
        read_pixels(tmp_path / "a.png", max_megapixels=1.9)
    assert file_facts(tmp_path / "a.png").size == (1000, 2000)
    assert read_pixels(tmp_path / "a.png", max_megapixels=2)[0].shape == (1000, 2000, 3)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP", "GIF", "JPEG"])
def test_images_above_the_limit_of_pillow(monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)  # it warns above, and refuses above twice that
    monkeypatch.setattr("yolo3.images.opening._ALONE", 1000)
    content = _saved(Image.fromarray(_noise()), format)
    with ThreadPoolExecutor(4) as pool:
        sizes = set(pool.map(lambda _: read_pixels(content)[1], range(20)))
    assert sizes == {(40, 60)}
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_a_lower_limit_that_pillow_was_given_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    content = _saved(Image.fromarray(_noise()), "PNG")
    for limit in (2399, 1000):  # Pillow warns above its limit, and refuses above twice that
        monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ImageError, match=r"too large for the Image\.MAX_IMAGE_PIXELS that was set in Pillow"):
            read_pixels(content)


def test_a_jpeg_of_many_scans_is_refused(with_scans: Callable[[bytes, int], bytes]) -> None:
    content = _saved(Image.fromarray(_noise()), "JPEG", progressive=True)
    assert read_pixels(with_scans(content, 100))[0].shape == (40, 60, 3)
    with pytest.raises(ImageError, match="the JPEG has more than 100 scans and would take minutes to decode; save it"):
        read_pixels(with_scans(content, 101))


def _tiff(channels: int, extra: tuple[int, ...]) -> bytes:
    """An uncompressed TIFF of 2 x 2 pixels, RGB and further channels, all of value 9."""
    pixels = bytes([9]) * 4 * channels
    bits = struct.pack(f"<{channels}H", *[8] * channels)
    samples = struct.pack(f"<{len(extra)}H", *extra)
    place = 8
    places = []
    for block in (pixels, bits, samples):
        places.append(place)
        place += len(block) + len(block) % 2
    content = b"".join(block + bytes(len(block) % 2) for block in (pixels, bits, samples))
    few = len(extra) <= 2
    entries = [
        (256, 3, 1, struct.pack("<HH", 2, 0)),
        (257, 3, 1, struct.pack("<HH", 2, 0)),
        (258, 3, channels, struct.pack("<I", places[1])),
        (259, 3, 1, struct.pack("<HH", 1, 0)),
        (262, 3, 1, struct.pack("<HH", 2, 0)),
        (273, 4, 1, struct.pack("<I", places[0])),
        (277, 3, 1, struct.pack("<HH", channels, 0)),
        (278, 3, 1, struct.pack("<HH", 2, 0)),
        (279, 4, 1, struct.pack("<I", len(pixels))),
        (338, 3, len(extra), samples.ljust(4, b"\0") if few else struct.pack("<I", places[2])),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries
    )
    return b"II\x2a\0" + struct.pack("<I", place) + content + directory + bytes(4)


def test_a_fourth_channel_that_is_transparency_is_dropped() -> None:
    assert read_pixels(_tiff(4, (2,)))[0].tolist() == [[[9, 9, 9]] * 2] * 2
    assert read_pixels(_tiff(4, (1,)))[0].tolist() == [[[255, 255, 255]] * 2] * 2  # colours times an opacity of 9


@pytest.mark.parametrize(("channels", "extra"), [(4, (0,)), (5, (0, 0)), (5, (2, 0)), (6, (0, 0, 0))])
def test_other_channels_are_for_networks_of_as_many(channels: int, extra: tuple[int, ...]) -> None:
    content = _tiff(channels, extra)
    with pytest.raises(ImageError, match=f"the image has {channels} channels, and the network takes 3"):
        read_pixels(content, channels=3)
    assert file_facts(content).channels == channels
    assert read_pixels(content, channels=channels)[0].tolist() == [[[9] * channels] * 2] * 2
    assert read_pixels(content)[0].tolist() == [[[9, 9, 9]] * 2] * 2  # for eyes


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("highest", [0, 1023, 4095])
def test_sixteen_bits_that_come_out_black_are_told(format: str, highest: int) -> None:
    content = _saved(Image.fromarray(np.full((4, 4), highest, np.uint16)), format)
    assert decode_image(content).is_nearly_black
    with pytest.warns(UserWarning, match="16 bits has only values below 4,096 and becomes nearly black"):
        pixels, _ = read_pixels(content)
    assert pixels.max() == highest >> 8


def test_sixteen_bits_in_colour_that_come_out_black_are_told() -> None:
    rows = b"".join(b"\0" + struct.pack(">6H", *[1023] * 6) for _ in range(2))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    assert decode_image(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).is_nearly_black


@pytest.mark.parametrize("highest", [4096, 65535])
def test_sixteen_bits_that_are_used_are_no_reason_to_warn(highest: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_pixels(_saved(Image.fromarray(np.full((4, 4), highest, np.uint16)), "PNG"))
        read_pixels(_saved(Image.new("L", (4, 4)), "PNG"))  # black, of 8 bits


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        (b"", UnknownImage, "the file is empty"),
        (b"<html>", UnknownImage, "not an image that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", UnknownImage, "not an image that can be read"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", UnknownImage, "not an image that can be read"),
        (_saved(Image.fromarray(_noise()), "PNG")[:-1000], DamagedImage, r"the image is damaged \(.*truncated"),
        (_saved(Image.fromarray(_noise()), "JPEG")[:-500], DamagedImage, r"the image is damaged \(.*truncated"),
        (b"RIFF\0\0\0\0WEBPVP8L" + bytes(4) + b"\x2f\1\1\1\1" + bytes(9), DamagedImage, "the image is damaged"),
    ],
)
def test_what_cannot_be_read(content: bytes, error: type[ImageError], text: str) -> None:
    with pytest.raises(error, match=text):
        read_pixels(content)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^no such image$"):
        read_pixels(tmp_path / "none.jpg")
    for path in (tmp_path, "no\0name.jpg"):
        with pytest.raises(ImageError, match=r"^the file cannot be read \("):
            read_pixels(path)


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    """Opening it would wait until somebody writes."""
    os.mkfifo(tmp_path / "pipe.jpg")
    for read in (read_pixels, file_facts):
        with pytest.raises(ImageError, match=r"^the file cannot be read \(not a file\)$"):
            read(tmp_path / "pipe.jpg")
