import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from yolo3.boxes import InputFormat, Letterbox
from yolo3.choices import LetterboxName

_EDGES = st.integers(1, 5000)
_FITS: list[LetterboxName] = ["default", "darknet", "stretch"]


def test_a_wide_image_gets_bars_above_and_below() -> None:
    letterbox = Letterbox.fit((480, 640), (416, 416))
    assert letterbox.content_size == (312, 416)
    assert letterbox.offset == (52, 0)
    assert letterbox.scale == (0.65, 0.65)
    assert letterbox.apply(torch.tensor([[0.0, 0, 640, 480]])).tolist() == [[0, 52, 416, 364]]


def test_a_tall_image_gets_bars_left_and_right() -> None:
    letterbox = Letterbox.fit((640, 480), (416, 416))
    assert letterbox.content_size == (416, 312)
    assert letterbox.offset == (0, 52)


def test_darknet_truncates_where_the_default_rounds() -> None:
    assert Letterbox.fit((333, 500), (416, 416)).content_size == (277, 416)  # 277.056
    assert Letterbox.fit((335, 500), (416, 416)).content_size == (279, 416)  # 278.72
    assert Letterbox.fit((335, 500), (416, 416), "darknet").content_size == (278, 416)


def test_darknet_measures_boxes_as_if_its_bars_were_equal() -> None:
    letterbox = Letterbox.fit((331, 416), (416, 416), "darknet")
    assert letterbox.offset == (42, 0)  # 42 rows above, 43 below
    assert letterbox.apply(torch.tensor([0.0, 0, 416, 331])).tolist() == [0, 42.5, 416, 373.5]
    assert Letterbox.fit((331, 416), (416, 416)).origin == (42, 0)


def test_stretch_fills_the_input() -> None:
    letterbox = Letterbox.fit((480, 640), (320, 416), "stretch")
    assert letterbox.content_size == (320, 416)
    assert letterbox.offset == (0, 0)


@given(image=st.tuples(_EDGES, _EDGES), network=st.tuples(_EDGES, _EDGES), fit=st.sampled_from(_FITS))
def test_content_lies_inside_and_touches_two_edges(
    image: tuple[int, int], network: tuple[int, int], fit: LetterboxName
) -> None:
    letterbox = Letterbox.fit(image, network, fit)
    (height, width), (top, left) = letterbox.content_size, letterbox.offset
    assert 1 <= height <= network[0]
    assert 1 <= width <= network[1]
    assert (height, width)[0] == network[0] or (height, width)[1] == network[1]
    assert abs(network[0] - height - 2 * top) <= 1  # in the middle
    assert abs(network[1] - width - 2 * left) <= 1


@given(
    image=st.tuples(_EDGES, _EDGES),
    network=st.tuples(st.integers(32, 2000), st.integers(32, 2000)),
    fit=st.sampled_from(_FITS),
    corners=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_invert_undoes_apply(
    image: tuple[int, int], network: tuple[int, int], fit: LetterboxName, corners: list[float]
) -> None:
    height, width = image
    box = torch.tensor(corners, dtype=torch.float64) * torch.tensor([width, height, width, height])
    letterbox = Letterbox.fit(image, network, fit)
    torch.testing.assert_close(letterbox.invert(letterbox.apply(box)), box, rtol=1e-9, atol=1e-9)


def test_invert_cuts_at_the_image() -> None:
    letterbox = Letterbox.fit((480, 640), (416, 416))
    assert letterbox.invert(torch.tensor([0.0, 0, 416, 416])).tolist() == [0, 0, 640, 480]


@pytest.mark.parametrize("boxes", [torch.empty(0, 4), torch.empty(2, 0, 4)])
def test_no_boxes_stay_none(boxes: Tensor) -> None:
    letterbox = Letterbox.fit((480, 640), (416, 416))
    assert letterbox.invert(letterbox.apply(boxes)).shape == boxes.shape


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one pixel: image \(0, 640\)"):
        Letterbox.fit((0, 640), (416, 416))


def test_an_unknown_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown letterbox 'crop'"):
        Letterbox.fit((480, 640), (416, 416), "crop")  # type: ignore[arg-type]


def test_an_input_format_fits_images_by_its_letterbox() -> None:
    wide = InputFormat((320, 416), "darknet", channels=1)
    assert wide.fit((480, 640)) == Letterbox.fit((480, 640), (320, 416), "darknet")
    assert wide.at((64, 96)) == InputFormat((64, 96), "darknet", channels=1)
    assert wide.at((320, 416)) is wide


def test_an_input_format_that_no_network_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"network \(0, 64\)"):
        InputFormat((0, 64))
    with pytest.raises(ValueError, match="unknown letterbox 'crop'"):
        InputFormat(letterbox="crop")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="channels is 0"):
        InputFormat(channels=0)
