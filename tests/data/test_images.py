from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo3.boxes import Fit, Letterbox
from yolo3.data.faults import DataError
from yolo3.data.images import find_images, image_size, letterbox_image, network_input, read_image, resized, to_tensor

_RED, _WHITE = (255, 0, 0), (255, 255, 255)


def _marked(size: tuple[int, int] = (40, 60)) -> Image.Image:
    """A white picture of (height, width) whose upper left quarter is red."""
    image = Image.new("RGB", size[::-1], _WHITE)
    image.paste(_RED, (0, 0, size[1] // 2, size[0] // 2))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("at_least", [None, (20, 30)])
def test_a_picture_is_read_upright(tmp_path: Path, orientation: int, at_least: tuple[int, int] | None) -> None:
    stored = {  # how the upright picture must be stored so that the orientation sets it right
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
    _marked().convert(mode).save(tmp_path / f"picture.{suffix}")
    read = read_image(tmp_path / f"picture.{suffix}")
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


def test_a_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jpg: no such picture"):
        read_image(tmp_path / "none.jpg")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x89PNG\r\n\x1a\nrubbish"])
def test_something_that_is_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"page\.jpg: not a picture that can be read; replace it"):
        read_image(tmp_path / "page.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp"])
def test_a_truncated_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"half.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"half\.{suffix}: .*(damaged|not a picture)"):
        read_image(path)


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), dtype=np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(DataError, match=r"depth\.tif: .*floating-point pixels; save it with 8 or 16 bits"):
        read_image(tmp_path / "depth.tif")


@pytest.mark.parametrize("limit", [2399, 1000])  # Pillow warns above its limit and refuses above twice that
def test_an_absurdly_large_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    _marked().save(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError, match=r"huge\.png: the picture is too large"):
        image_size(tmp_path / "huge.png")


def test_a_picture_of_another_size_than_annotated(tmp_path: Path) -> None:
    _marked().save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: the picture is 60 x 40, its annotation says 61 x 40; is it another"):
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


def test_letterboxed_bars_are_grey_and_the_picture_is_whole() -> None:
    image = np.asarray(_marked())
    boxed = letterbox_image(image, Letterbox.fit((40, 60), (96, 96)))  # content 64 x 96, 16 rows of bar
    assert boxed.shape == (96, 96, 3)
    assert (boxed[:16] == 128).all()
    assert (boxed[80:] == 128).all()
    assert boxed[20, 20].tolist() == list(_RED)
    assert boxed[75, 90].tolist() == list(_WHITE)


def test_a_reduced_picture_lands_in_the_same_place() -> None:
    letterbox = Letterbox.fit((40, 60), (32, 32))
    whole = letterbox_image(np.asarray(_marked()), letterbox)
    reduced = letterbox_image(np.asarray(_marked((20, 30))), letterbox)
    assert np.abs(whole.astype(int) - reduced).mean() < 2


def test_the_image_given_is_not_handed_back() -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    boxed = letterbox_image(image, Letterbox.fit((32, 32), (32, 32)))
    boxed[:] = 1
    assert not image.any()


def test_a_box_drawn_in_the_picture_is_found_where_the_letterbox_says() -> None:
    image = np.full((300, 400, 3), 255, dtype=np.uint8)
    image[60:180, 100:300] = _RED
    letterbox = Letterbox.fit((300, 400), (320, 320))
    rows, columns = (letterbox_image(image, letterbox)[..., 1] < 64).nonzero()
    found = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()
    torch.testing.assert_close(found, letterbox.apply(torch.tensor([100.0, 60, 300, 180])), rtol=0, atol=1)


@pytest.mark.parametrize("fit", ["default", "darknet", "stretch"])
def test_network_input_is_a_float_picture(fit: Fit) -> None:
    image = np.asarray(_marked())[:, ::-1]  # a mirrored, read-only view
    boxed = network_input(image, Letterbox.fit((40, 60), (64, 96), fit), fit)
    assert boxed.shape == (3, 64, 96)
    assert boxed.dtype == torch.float32
    assert boxed[:, 20, 80].tolist() == [1, 0, 0]
    assert boxed[:, 60, 10].tolist() == [1, 1, 1]


def test_darknet_resizes_between_aligned_corners() -> None:
    row = np.repeat(np.array([[[0], [255]]], dtype=np.uint8), 3, axis=2).repeat(2, axis=0)  # (2, 2, 3): black, white
    boxed = network_input(row, Letterbox.fit((2, 2), (5, 5), "stretch"), "stretch")
    torch.testing.assert_close(boxed[0, 0], torch.tensor([0, 0.25, 0.5, 0.75, 1]))


@pytest.mark.parametrize(("oracle", "fit"), [("alexeyab__stretch", "stretch"), ("pjreddie__letterbox", "darknet")])
def test_parity_with_the_input_that_darknet_makes(shared: Path, oracle: str, fit: Fit) -> None:
    expected = np.load(shared / f"oracles/darknet/yolo-fastest-1.1__dog__{oracle}.npz")["input"]
    image = read_image(shared / "images/dog.jpg")
    found = network_input(image, Letterbox.fit((image.shape[0], image.shape[1]), (320, 320), fit), fit).numpy()
    difference = np.abs(found - expected) * 255  # grey levels; JPEG decoders differ by up to 3
    assert difference.max() < 3
    assert difference.mean() < 0.1


def test_to_tensor_scales_and_puts_channels_first() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    tensor = to_tensor(image)
    assert tensor.is_contiguous()
    torch.testing.assert_close(tensor[1] * 255, torch.tensor([[1.0, 4], [7, 10]]))


def test_resizing_is_pillows_to_one_level() -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    for height, width in ((45, 60), (33, 100), (200, 240)):
        pillows = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)).astype(int)
        assert np.abs(resized(image, (height, width)) - pillows).max() <= 1
