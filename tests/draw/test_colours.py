"""Colours as readers with other colour vision see them."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from yolo3.draw import PALETTE, class_colour, hexadecimal, ink_on, line_styles

_VISION = {
    "normal": np.eye(3),
    "without red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "without blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""Linear sRGB as they see it. Source: Machado et al., IEEE TVCG 2009, table 1, at full severity."""
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # of sRGB, IEC 61966


def _seen(colour: tuple[int, int, int], vision: str) -> npt.NDArray[np.float64]:
    """CIE L*a*b* of a colour to a reader."""
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = _XYZ @ np.clip(np.array(_VISION[vision]) @ linear, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", _VISION)
def test_every_reader_can_tell_the_palette_apart(vision: str) -> None:
    """2.3 is a just noticeable difference of CIE L*a*b*."""
    apart = [np.linalg.norm(_seen(a, vision) - _seen(b, vision)) for a, b in itertools.combinations(PALETTE, 2)]
    assert min(apart) > 15


def test_red_and_green_would_fail() -> None:
    """The test can fail: these two bright colours are nearly one to a reader without green cones."""
    one, other = (191, 90, 0), (110, 124, 0)
    assert np.linalg.norm(_seen(one, "normal") - _seen(other, "normal")) > 45
    assert np.linalg.norm(_seen(one, "without green cones") - _seen(other, "without green cones")) < 15


def test_classes_take_the_palette_then_its_shades() -> None:
    colours = [class_colour(label) for label in range(21)]
    assert colours[:7] == list(PALETTE)
    assert len(set(colours)) == 21
    assert [class_colour(label) for label in range(21, 42)] == colours
    for base, light, dark in zip(colours[:7], colours[7:14], colours[14:], strict=True):
        assert sum(light) > sum(base) > sum(dark)


def test_ink_can_be_read_on_every_class() -> None:
    """By at least 4.5 to 1, as WCAG asks of text, or 3 to 1 where neither black nor white has more."""

    def luminance(colour: tuple[int, int, int]) -> float:
        share = np.array(colour) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for label in range(21):
        ground, ink = sorted((luminance(class_colour(label)), luminance(ink_on(class_colour(label)))))
        assert (ink + 0.05) / (ground + 0.05) > 3.4, label


def test_lines_of_a_chart() -> None:
    styles = line_styles(24)
    assert len(set(styles)) == 24
    assert hexadecimal(PALETTE[2]) not in {colour for colour, _ in styles}
    assert hexadecimal((213, 94, 0)) == "#d55e00"
