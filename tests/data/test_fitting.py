from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo3.boxes import Fit, Letterbox
from yolo3.data.fitting import letterbox_image, network_input, resized, to_tensor
from yolo3.data.images import read_image

_RED, _WHITE = (255, 0, 0), (255, 255, 255)


def _marked(size: tuple[int, int] = (40, 60)) -> Image.Image:
    """A white image of (height, width) whose upper left quarter is red."""
    image = Image.new("RGB", size[::-1], _WHITE)
    image.paste(_RED, (0, 0, size[1] // 2, size[0] // 2))
    return image


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
def test_parity_with_the_input_that_darknet_makes(shared: Path, oracle: str, fit: Fit) -> None:
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
