import numpy as np
import pytest
from PIL import Image

from yolo3.images import as_rgb

_GREY = np.array([[0, 100, 255]], dtype=np.uint8)


@pytest.mark.parametrize("deep", [_GREY.astype(np.uint16) * 257, _GREY.astype(np.int32) * 257])
def test_sixteen_bits_become_eight(deep):
    rgb = as_rgb(Image.fromarray(deep))
    assert rgb.mode == "RGB"
    assert np.asarray(rgb)[..., 1].tolist() == _GREY.tolist()


def test_it_is_a_copy():
    image = Image.new("RGB", (1, 1))
    as_rgb(image).putpixel((0, 0), (1, 1, 1))
    assert image.getpixel((0, 0)) == (0, 0, 0)


def test_a_palette_may_be_transparent():
    image = Image.new("RGB", (2, 1), (255, 0, 0)).quantize(2)
    image.info["transparency"] = b"\x00\x80"
    assert as_rgb(image).getpixel((1, 0)) == (255, 0, 0)


def test_floating_point_is_refused():
    with pytest.raises(ValueError, match="the image has floating-point pixels; save it with 8 or 16 bits"):
        as_rgb(Image.new("F", (1, 1)))
