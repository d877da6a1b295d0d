import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.data.faults import DataError
from yolo3.data.images import count_unread, find_images, image_size, read_image

_RED, _WHITE = (255, 0, 0), (255, 255, 255)


def _marked(size: tuple[int, int] = (40, 60)) -> Image.Image:
    """A white image of (height, width) whose upper left quarter is red."""
    image = Image.new("RGB", size[::-1], _WHITE)
    image.paste(_RED, (0, 0, size[1] // 2, size[0] // 2))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("at_least", [None, (20, 30)])
def test_a_image_is_read_upright(tmp_path: Path, orientation: int, at_least: tuple[int, int] | None) -> None:
    stored = {  # how the upright image must be stored so that the orientation sets it right
        1: _marked(),
        2: _marked().transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: _marked().transpose(Image.Transpose.ROTATE_180),
        4: _marked().transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: _marked().transpose(Image.Transpose.TRANSPOSE),
        6: _marked().transpose(Image.Transpose.ROTATE_90),
        7: _marked().transpose(Image.Transpose.TRANSVERSE),
        8: _marked().transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert image_size(tmp_path / "turned.jpg") == (40, 60)
    image = read_image(tmp_path / "turned.jpg", at_least=at_least, expected_size=(40, 60))
    height, width = image.shape[:2]
    assert (height, width) == (at_least or (40, 60))
    assert np.abs(image[height // 4, width // 4].astype(int) - _RED).max() < 20
    for row, column in ((height // 4, 3 * width // 4), (3 * height // 4, width // 4)):
        assert np.abs(image[row, column].astype(int) - _WHITE).max() < 20


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "P", "YCbCr"])
def test_colour_is_read_as_rgb_whatever_the_mode(tmp_path: Path, mode: str) -> None:
    suffix = {"CMYK": "tif", "YCbCr": "jpg"}.get(mode, "png")
    _marked().convert(mode).save(tmp_path / f"image.{suffix}")
    read = read_image(tmp_path / f"image.{suffix}")
    assert read.shape == (40, 60, 3)
    assert read.dtype == np.uint8
    assert np.abs(read[5, 5].astype(int) - _RED).max() < 10
    assert np.abs(read[35, 55].astype(int) - _WHITE).max() < 10


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "I"])
def test_grey_is_read_as_rgb_whatever_the_depth(tmp_path: Path, mode: str) -> None:
    grey = np.full((8, 8), 255, dtype=np.uint8)
    grey[:4] = 0
    if mode.startswith("I"):
        deep = grey.astype(np.uint16 if mode == "I;16" else np.int32) * 257
        Image.fromarray(deep).save(tmp_path / "grey.tif")
    else:
        Image.fromarray(grey).convert(mode).save(tmp_path / "grey.tif")
    with Image.open(tmp_path / "grey.tif") as stored:
        assert stored.mode == mode
    image = read_image(tmp_path / "grey.tif")
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[7, 7].tolist() == [255, 255, 255]


def test_a_transparent_palette_is_read_without_a_warning(tmp_path: Path) -> None:
    _marked().convert("P").save(tmp_path / "icon.png", transparency=b"\x00\x80")
    assert np.abs(read_image(tmp_path / "icon.png")[5, 5].astype(int) - _RED).max() < 10


def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    _marked().save(tmp_path / "odd.jpg", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff\xff")
    with pytest.warns(UserWarning, match="Corrupt EXIF data"):  # Pillow's own
        assert read_image(tmp_path / "odd.jpg").shape == (40, 60, 3)


def test_a_missing_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jpg: no such image"):
        read_image(tmp_path / "none.jpg")


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"\x89PNG\r\n\x1a\nrubbish"])
def test_something_that_is_no_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"page\.jpg: not an image that can be read; replace or remove it"):
        read_image(tmp_path / "page.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"empty\.jpg: the file is empty; replace or remove it"):
        read_image(tmp_path / "empty.jpg")
    (tmp_path / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(DataError, match=r"phone\.HEIC: \.heic files are not read; convert it to JPEG or PNG"):
        image_size(tmp_path / "phone.HEIC")


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp"])
def test_a_truncated_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"half.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"half\.{suffix}: .*(damaged|not an image)"):
        read_image(path)


def test_an_image_above_the_limit(tmp_path: Path) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 14_000, 14_000, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + bytes(4) + b"IDAT"
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    said = (
        r"huge\.png: the image has 14,000 x 14,000 pixels, more than 180 megapixels; make it smaller, or allow it with "
        r"max_megapixels=196 \(--max-megapixels\), which takes about 1\.4 GB of memory$"
    )
    with pytest.raises(DataError, match=said):
        read_image(tmp_path / "huge.png")
    assert image_size(tmp_path / "huge.png") == (14_000, 14_000)  # to know it costs nothing


@pytest.mark.parametrize("mode", ["F", "I"])
def test_values_that_do_not_fit_16_bits_are_refused(tmp_path: Path, mode: str) -> None:
    values = np.array([[0.5, 1]], np.float32) if mode == "F" else np.array([[-3, 70_000]], np.int32)
    Image.fromarray(values).save(tmp_path / "height.tif")
    said = "floating-point pixels" if mode == "F" else "values from -3 to 70000"
    with pytest.raises(DataError, match=rf"height\.tif: the image has {said}; save it with 8 or 16 bits"):
        read_image(tmp_path / "height.tif")


def test_a_image_of_another_size_than_annotated(tmp_path: Path) -> None:
    _marked().save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: the image is 60 x 40, its annotation says 61 x 40; is it another"):
        read_image(tmp_path / "a.png", expected_size=(40, 61))
    exif = Image.Exif()
    exif[0x0112] = 6
    _marked().save(tmp_path / "phone.jpg", exif=exif)
    with pytest.raises(DataError, match=r"40 x 60, .* says 60 x 40: it was annotated before its EXIF rotation"):
        read_image(tmp_path / "phone.jpg", expected_size=(40, 60))


def test_reduced_decoding_is_never_too_small(tmp_path: Path) -> None:
    _marked((480, 640)).save(tmp_path / "large.jpg")
    for at_least in ((240, 320), (100, 100), (241, 100), (480, 640), (60, 80)):
        height, width = read_image(tmp_path / "large.jpg", at_least=at_least).shape[:2]
        assert height >= at_least[0]
        assert width >= at_least[1]
    assert read_image(tmp_path / "large.jpg", at_least=(240, 320)).shape == (240, 320, 3)


def test_find_images_looks_into_folders_and_sorts(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/2.JPG", "1.png", "notes.txt", "b/a.jpeg"):
        (tmp_path / name).write_bytes(b"")
    assert [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)] == ["1.png", "b/2.JPG", "b/a.jpeg"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / ".cache" / "images"  # a hidden folder above does not count
    for name in ("a.jpg", "._a.jpg", ".ipynb_checkpoints/a-checkpoint.jpg", "b/.thumbs/c.png", "b/d.png", ".e/f.heic"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    assert [path.relative_to(folder).as_posix() for path in find_images(folder)] == ["a.jpg", "b/d.png"]
    assert count_unread(folder) == {}


def test_every_suffix_is_read_or_counted(tmp_path: Path) -> None:
    read = ("a.JFIF", "b.jpe", "c.avif", "d.jp2", "e.ppm", "f.pgm", "g.mpo")
    for name in (*read, "h.heic", "i.HEIC", "j.svg", "notes.txt", "a.xml"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_images(tmp_path)] == list(read)
    assert count_unread(tmp_path) == {".heic": 2, ".svg": 1}


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.avif", "a.jp2", "a.ppm", "a.mpo"])
def test_the_other_suffixes_are_images(tmp_path: Path, name: str) -> None:
    _marked().save(tmp_path / name)
    assert image_size(tmp_path / name) == (40, 60)
    pixels = read_image(tmp_path / name)
    assert np.abs(pixels[5, 5].astype(int) - _RED).max() < 25
    assert np.abs(pixels[35, 55].astype(int) - _WHITE).max() < 25
