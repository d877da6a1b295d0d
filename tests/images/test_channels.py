"""Images of any number of channels and of 8 and 16 bits, from files to what a network takes."""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from yolo3.data import DataError, find_images, read_image
from yolo3.images import (
    ChannelError,
    DamagedImage,
    ImageError,
    ImageTooLarge,
    UnknownImage,
    file_facts,
    luma,
    read_pixels,
    to_view,
    with_channels,
)

_SIZE = (5, 7)


def _values(channels: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(channels).integers(0, np.iinfo(dtype).max, (*_SIZE, channels), dtype, endpoint=True)


def _png(values: np.ndarray) -> bytes:
    """A PNG of 8 or 16 bits: grey, grey with transparency, RGB or RGBA. Source: PNG (W3C) §11.2."""
    height, width, channels = values.shape
    bits = 8 * values.dtype.itemsize
    head = struct.pack(">IIBBBBB", width, height, bits, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _tiff(values: np.ndarray, **options: object) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, values, **{"photometric": "minisblack", "planarconfig": "contig", **options})
    return content.getvalue()


def _npy(values: np.ndarray, **options: object) -> bytes:
    content = io.BytesIO()
    np.save(content, values, **options)
    return content.getvalue()


def test_luma_is_that_of_stb_image() -> None:
    rgb = _values(3)
    by_hand = [[[(77 * int(r) + 150 * int(g) + 29 * int(b)) >> 8] for r, g, b in row] for row in rgb]
    assert luma(rgb).tolist() == by_hand
    assert luma(rgb).dtype == np.uint8
    floats = rgb / np.float32(255)
    assert luma(floats).dtype == np.float32
    expected = floats @ np.array([77, 150, 29]) / 256
    np.testing.assert_allclose(luma(floats)[..., 0], expected, atol=1e-6)


def test_grey_is_its_own_luma() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(luma(np.repeat(levels, 3, axis=2)), levels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_and_tiff_give_what_is_stored(channels: int, dtype: type) -> None:
    values = _values(channels, dtype)
    stored = values.squeeze(2) if channels == 1 else values
    colour = {"photometric": "rgb"} if channels > 2 else {}
    files = [_png(values), _npy(values), _tiff(stored, **colour), _tiff(stored, compression="zlib", **colour)]
    files.append(_tiff(stored, byteorder=">", **colour))
    for content in files:
        pixels, size = read_pixels(content, channels=channels)
        assert (size, pixels.shape) == (_SIZE, (*_SIZE, channels))
        if dtype is np.uint8:
            assert pixels.dtype == np.uint8
            np.testing.assert_array_equal(pixels, values)
        else:
            assert pixels.dtype == np.float32
            np.testing.assert_array_equal(pixels, (values / 65535).astype(np.float32))
        facts = file_facts(content)
        assert (facts.channels, facts.is_deep) == (channels, dtype is np.uint16)


@pytest.mark.parametrize("options", [{}, {"planarconfig": "separate"}, {"compression": "zlib", "predictor": True}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4, 5, 13])
def test_tiffs_of_channels_without_a_meaning(channels: int, dtype: type, options: dict) -> None:
    values = _values(channels, dtype)
    stored = np.moveaxis(values, 2, 0) if "planarconfig" in options else values
    content = _tiff(stored, **options)
    pixels, _ = read_pixels(content, channels=channels)
    np.testing.assert_array_equal(pixels, values if dtype is np.uint8 else (values / 65535).astype(np.float32))
    assert file_facts(content).channels == channels


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4", np.float16])
def test_floats_of_an_array_are_taken_as_they_are(dtype: object) -> None:
    values = np.linspace(0, 1, 30).reshape(5, 6)
    pixels, size = read_pixels(_npy(values.astype(dtype)), channels=1)
    assert (size, pixels.dtype) == ((5, 6), np.float32)
    np.testing.assert_allclose(pixels[..., 0], values, atol=1e-3 if dtype is np.float16 else 1e-7)
    columns_first = np.asfortranarray(np.stack([values, 1 - values], axis=2))
    np.testing.assert_allclose(read_pixels(_npy(columns_first), channels=2)[0], columns_first, atol=1e-7)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (_npy(np.full((4, 4), np.nan)), ImageError, r"values that are no number \(NaN\); .* lie in \[0, 1\]"),
        (_npy(np.full((4, 4, 3), 200.0)), ImageError, r"values from 200 to 200, and they must lie in \[0, 1\]; divide"),
        (_npy(np.full((4, 4), -0.5)), ImageError, r"from -0\.5 to -0\.5"),
        (_npy(np.ones((4, 4), np.int64)), ImageError, "int64 values; save it as uint8, uint16, or floats in"),
        (_npy(np.ones(4, np.uint8)), ImageError, r"the array is \(4,\); an image is \(height, width\) or"),
        (_npy(np.ones((4, 4, 1), np.uint8))[:-1], DamagedImage, "the array is cut off, or something follows it"),
        (_npy(np.array([[{}]]), allow_pickle=True), ImageError, "object values"),
        (b"\x93NUMPY\x01\0\x76\0{'descr': open('x')}", UnknownImage, "not an image that can be read"),
    ],
)
def test_arrays_that_are_no_images(content: bytes, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        read_pixels(content, channels=1)


def test_an_array_that_states_more_than_it_has() -> None:
    head = _npy(np.zeros((1, 1), np.uint8))[:-1].replace(b"(1, 1)", b"(90000, 90000)"[:6] + b"")
    assert len(head) == 128
    large = _npy(np.zeros((2, 2), np.uint8)).replace(b"'shape': (2, 2), ", b"'shape': (90000, 90000), ".ljust(17))
    with pytest.raises((ImageTooLarge, UnknownImage)):
        read_pixels(large, channels=1)


@pytest.mark.parametrize(
    ("stored", "wanted", "said"),
    [
        (_tiff(_values(4)), 3, "the image has 4 channels, and the network takes 3; give images of 3"),
        (_png(_values(4)), 1, "4 channels, the last of them transparency, and the network takes 1; save it without"),
        (_png(_values(2)), 1, "2 channels, the last of them transparency, and the network takes 1; save it without"),
        (_png(_values(3)), 4, "the image has 3 channels, and the network takes 4; give images of 4"),
        (_png(_values(1)), 4, "the image has 1 channel, and the network takes 4; give images of 4"),
        (_npy(_values(4)), 1, "the image has 4 channels, and the network takes 1; give images of 1"),
        (_npy(_values(4)), 3, "the image has 4 channels, and the network takes 3"),
    ],
)
def test_channels_that_do_not_fit_are_told_with_both_numbers(
    stored: bytes, wanted: int, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ChannelError, match=said):
        read_pixels(stored, channels=wanted)
    (tmp_path / "image").write_bytes(stored)
    with pytest.raises(DataError, match=f"image: .*{said}"):
        read_image(tmp_path / "image", channels=wanted)


def test_colour_for_one_channel_and_grey_for_three() -> None:
    colour, grey = _values(3), _values(1)
    np.testing.assert_array_equal(read_pixels(_png(colour), channels=1)[0], luma(colour))
    np.testing.assert_array_equal(read_pixels(_png(grey), channels=3)[0], np.repeat(grey, 3, axis=2))
    np.testing.assert_array_equal(read_pixels(_npy(grey), channels=3)[0], np.repeat(grey, 3, axis=2))
    deep = _values(3, np.uint16)
    np.testing.assert_allclose(
        read_pixels(_png(deep), channels=1)[0][..., 0], deep @ np.array([77, 150, 29]) / 256 / 65535, atol=1e-6
    )


def test_transparency_is_dropped_for_three_channels_alone() -> None:
    for channels in (2, 4):
        values = _values(channels)
        colours = np.repeat(values[..., :1], 3, axis=2) if channels == 2 else values[..., :3]
        np.testing.assert_array_equal(read_pixels(_png(values), channels=3)[0], colours)
        np.testing.assert_array_equal(read_pixels(_png(values), channels=channels)[0], values)
    deep = _values(4, np.uint16)
    np.testing.assert_array_equal(read_pixels(_png(deep), channels=3)[0], (deep[..., :3] / 65535).astype(np.float32))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 4, 5])
def test_orientation_counts_for_all_channels(channels: int, orientation: int) -> None:
    values = _values(channels, np.uint16)
    stored = values.squeeze(2) if channels == 1 else values
    content = _tiff(stored, extratags=[(274, "H", 1, orientation, True)], photometric="minisblack")
    turned = [  # by TIFF 6.0, the meaning of each value of tag 274
        values,
        values[:, ::-1],
        values[::-1, ::-1],
        values[::-1],
        values.transpose(1, 0, 2),
        np.rot90(values, -1),
        values[::-1, ::-1].transpose(1, 0, 2),
        np.rot90(values),
    ][orientation - 1]
    pixels, size = read_pixels(content, channels=channels)
    assert size == turned.shape[:2]
    np.testing.assert_array_equal(pixels, (turned / 65535).astype(np.float32))


def test_strips_of_deep_images_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [_png(_values(4, np.uint16)), _png(_values(1, np.uint16)), _png(_values(3))]
    whole = [read_pixels(content, channels=3)[0] for content in contents]
    monkeypatch.setattr("yolo3.images.rgb._STRIP", 2 * _SIZE[1])
    for content, expected in zip(contents, whole, strict=True):
        np.testing.assert_array_equal(read_pixels(content, channels=3)[0], expected)


def test_what_is_shown_of_many_channels() -> None:
    values = _values(6)
    np.testing.assert_array_equal(read_pixels(_npy(values))[0], values[..., :3])
    np.testing.assert_array_equal(to_view(values / np.float32(255)), values[..., :3])
    for channels in (1, 2):
        shown = np.repeat(_values(channels)[..., :1], 3, axis=2)
        np.testing.assert_array_equal(to_view(_values(channels)), shown)
    assert to_view(np.zeros((4, 5), np.uint8)).shape == (4, 5, 3)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ImageError, match=r'of such channels needs tifffile: pip install "yolo3-torch\[tiff\]"'):
        read_pixels(_tiff(_values(5)), channels=5)
    assert read_pixels(_tiff(_values(4), photometric="rgb"), channels=4)[0].shape == (*_SIZE, 4)


def test_a_compression_without_its_package_and_a_damaged_tiff() -> None:
    content = _tiff(_values(5))
    place = content.index(struct.pack("<HHIHH", 259, 3, 1, 1, 0))  # tag Compression; 5 is LZW
    lzw = content[: place + 8] + b"\5" + content[place + 9 :]
    with pytest.raises(ImageError, match="needs imagecodecs: pip install imagecodecs; or save it with Deflate"):
        read_pixels(lzw, channels=5)
    with pytest.raises(ImageError, match=r"damaged|not an image"):
        read_pixels(_tiff(_values(5), compression="zlib")[:-20], channels=5)


def test_an_array_beside_an_image_of_its_name_is_a_copy(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    for name in ("a.npy", "c.npy"):
        np.save(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    assert [path.name for path in find_images(tmp_path)] == ["a.jpg", "b.png", "c.npy"]


def test_with_channels_changes_nothing_that_fits() -> None:
    values = _values(4)
    assert with_channels(values, 4) is values
