from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo3.boxes import InputFormat, Letterbox
from yolo3.choices import LetterboxName
from yolo3.data.fitting import between_corners, letterbox_image, network_input, prepared, resized, to_tensor
from yolo3.data.images import read_image, read_reduced

_RED, _WHITE = (255, 0, 0), (255, 255, 255)


def _marked(size: tuple[int, int] = (40, 60)) -> Image.Image:
    """A white image of (height, width) whose upper left quarter is red."""
    image = Image.new("RGB", size[::-1], _WHITE)
    image.paste(_RED, (0, 0, size[1] // 2, size[0] // 2))
    return image


def test_letterboxed_bars_are_grey_and_the_image_is_whole() -> None:
    image = np.asarray(_marked())
    boxed = letterbox_image(image, Letterbox.fit((40, 60), (96, 96)))  # content 64 x 96, 16 rows of bar
    assert boxed.shape == (96, 96, 3)
    assert (boxed[:16] == 128).all()
    assert (boxed[80:] == 128).all()
    assert boxed[20, 20].tolist() == list(_RED)
    assert boxed[75, 90].tolist() == list(_WHITE)


def test_a_reduced_image_lands_in_the_same_place() -> None:
    letterbox = Letterbox.fit((40, 60), (32, 32))
    whole = letterbox_image(np.asarray(_marked()), letterbox)
    reduced = letterbox_image(np.asarray(_marked((20, 30))), letterbox)
    assert np.abs(whole.astype(int) - reduced).mean() < 2


def test_the_image_given_is_not_handed_back() -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    boxed = letterbox_image(image, Letterbox.fit((32, 32), (32, 32)))
    boxed[:] = 1
    assert not image.any()


def test_a_box_drawn_in_the_image_is_found_where_the_letterbox_says() -> None:
    image = np.full((300, 400, 3), 255, dtype=np.uint8)
    image[60:180, 100:300] = _RED
    letterbox = Letterbox.fit((300, 400), (320, 320))
    rows, columns = (letterbox_image(image, letterbox)[..., 1] < 64).nonzero()
    found = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()
    torch.testing.assert_close(found, letterbox.apply(torch.tensor([100.0, 60, 300, 180])), rtol=0, atol=1)


@pytest.mark.parametrize("fit", ["default", "darknet", "stretch"])
def test_network_input_is_a_float_image(fit: LetterboxName) -> None:
    image = np.asarray(_marked())[:, ::-1]  # a mirrored, read-only view
    boxed = network_input(image, Letterbox.fit((40, 60), (64, 96), fit))
    assert boxed.shape == (3, 64, 96)
    assert boxed.dtype == torch.float32
    assert boxed[:, 20, 80].tolist() == [1, 0, 0]
    assert boxed[:, 60, 10].tolist() == [1, 1, 1]


def test_darknet_resizes_between_aligned_corners() -> None:
    row = np.repeat(np.array([[[0], [255]]], dtype=np.uint8), 3, axis=2).repeat(2, axis=0)  # (2, 2, 3): black, white
    boxed = network_input(row, Letterbox.fit((2, 2), (5, 5), "stretch"))
    torch.testing.assert_close(boxed[0, 0], torch.tensor([0, 0.25, 0.5, 0.75, 1]))


@pytest.mark.parametrize(("oracle", "fit"), [("alexeyab__stretch", "stretch"), ("pjreddie__letterbox", "darknet")])
def test_parity_with_the_input_that_darknet_makes(shared: Path, oracle: str, fit: LetterboxName) -> None:
    expected = np.load(shared / f"oracles/darknet/yolo-fastest-1.1__dog__{oracle}.npz")["input"]
    image = read_image(shared / "images/dog.jpg")
    found = network_input(image, Letterbox.fit((image.shape[0], image.shape[1]), (320, 320), fit)).numpy()
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


def _resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Darknet's ``resize_image``, pixel by pixel in float32 as in C: first the columns, then the rows."""
    one = np.float32(1)
    rows, columns, _ = image.shape
    values = image.astype(np.float32) / np.float32(255)
    across = np.float32(columns - 1) / np.float32(width - 1)
    down = np.float32(rows - 1) / np.float32(height - 1)
    part = np.zeros((rows, width, 3), np.float32)
    for column in range(width):
        place = np.float32(column) * across
        left = int(place)
        share = place - np.float32(left)
        last = column == width - 1 or columns == 1
        part[:, column] = values[:, -1] if last else (one - share) * values[:, left] + share * values[:, left + 1]
    resized = np.zeros((height, width, 3), np.float32)
    for row in range(height):
        place = np.float32(row) * down
        above = int(place)
        share = place - np.float32(above)
        resized[row] = (one - share) * part[above]
        if row < height - 1 and rows > 1:
            resized[row] += share * part[above + 1]
    return resized


@pytest.mark.parametrize("size", [(30, 40), (7, 300), (300, 7), (97, 61), (200, 333)])
def test_rows_and_columns_that_are_gathered_give_what_darknet_computes(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (97, 61, 3), dtype=np.uint8)
    found = between_corners(image, size).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, _resize_image(image, *size), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
def test_a_single_row_or_column_is_the_first(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    found = between_corners(image, size)
    assert found.shape == (3, *size)
    assert (found[:, 0, 0] * 255).round().tolist() == image[0, 0].tolist()


@pytest.mark.parametrize("kind", ["darknet", "stretch"])
def test_training_sees_the_pixels_that_a_detector_sees(kind: LetterboxName) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    letterbox = Letterbox.fit((90, 130), (32, 64), kind)
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    content = (slice(None), slice(top, top + height), slice(left, left + width))
    levels = to_tensor(letterbox_image(image, letterbox))[content] * 255
    assert (levels - network_input(image, letterbox)[content] * 255).abs().max() <= 0.5001


@pytest.mark.parametrize(
    ("depth", "fit", "expected"),
    [
        (np.uint8, "default", torch.uint8),
        (np.float32, "default", torch.float32),
        (np.uint8, "darknet", torch.float32),  # between two levels
        (np.uint8, "stretch", torch.float32),
    ],
)
def test_pixels_are_bytes_as_long_as_they_are_whole_levels(
    depth: type, fit: LetterboxName, expected: torch.dtype
) -> None:
    image = np.random.default_rng(0).integers(0, 2, (30, 40, 3)).astype(depth)
    given = prepared(lambda _: (image, (30, 40)), InputFormat((64, 96), fit))
    assert given.pixels.dtype == expected
    assert given.image.dtype == torch.float32
    assert torch.equal(given.image, given.pixels / 255 if expected == torch.uint8 else given.pixels)


@pytest.mark.parametrize("fit", ["default", "darknet", "stretch"])
def test_a_letterbox_alone_says_how_pixels_are_resized(fit: LetterboxName) -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    letterbox = Letterbox.fit((300, 400), (64, 96), fit)
    given = prepared(lambda _: (image, (300, 400)), InputFormat((64, 96), fit))
    assert given.letterbox == letterbox
    assert torch.equal(given.image, network_input(image, letterbox))
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    content = given.image[:, top : top + height, left : left + width].permute(1, 2, 0).numpy()
    if fit == "default":
        pillows = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)) / 255
        assert np.abs(content - pillows).max() <= 1.001 / 255
    else:
        np.testing.assert_allclose(content, _resize_image(image, height, width), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "image_size", "fit", "least"),
    [
        ((1999, 2000), (416, 416), "default", None),  # below four megapixels all is read
        ((2001, 2000), (416, 416), "default", (2 * 416, 2 * 416)),
        ((4000, 6000), (320, 416), "default", (2 * 277, 2 * 416)),
        ((4000, 6000), (416, 416), "darknet", None),  # it looks at two pixels of the whole image
        ((4000, 6000), (416, 416), "stretch", None),
    ],
)
def test_large_images_may_be_decoded_at_a_reduced_size(size, image_size, fit, least) -> None:
    asked = []

    def read(enough):
        asked.append(enough(size))
        return np.zeros((32, 32, 3), np.uint8), size

    given = prepared(read, InputFormat(image_size, fit))
    assert asked == [least]
    assert given.letterbox == Letterbox.fit(size, image_size, fit)


def test_a_reduced_jpeg_gives_nearly_the_same_input(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with Image.open(shared / "images/dog.jpg") as dog:
        dog.resize((3072, 2304), Image.Resampling.BICUBIC).save(path, quality=90)
    reduced = prepared(partial(read_reduced, path), InputFormat())
    assert read_image(path, at_least=(624, 832)).shape == (1152, 1536, 3)  # half the size is enough
    difference = (reduced.image - network_input(read_image(path), reduced.letterbox)).abs() * 255
    assert 0 < difference.mean() < 0.5
