import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from yolo3.draw import Style, class_colour, draw_boxes
from yolo3.structures import Detections

_GREY = Image.new("RGB", (200, 100), (90, 90, 90))


def test_a_box_is_drawn_on_its_edges_and_nowhere_else():
    drawn = np.asarray(draw_boxes(_GREY, [(20, 30, 120, 80)], [""], [0]))
    changed = (drawn != 90).any(axis=2)
    assert changed[30, 20:121].all()
    assert changed[80, 20:121].all()
    assert changed[30:81, 20].all()
    assert changed[30:81, 120].all()
    assert (drawn[changed] == class_colour(0)).all()
    assert not changed[33:78, 23:118].any()
    assert not changed[:30].any()
    assert not changed[:, 121:].any()


def test_the_image_itself_stays(tmp_path):
    draw_boxes(_GREY, [(20, 30, 120, 80)], ["cell"], [0])
    assert _GREY.getextrema() == ((90, 90),) * 3


def test_a_image_of_sixteen_bits_is_drawn_on_as_it_is_seen(tmp_path):
    deep = Image.fromarray(np.full((20, 30), 100 * 257, dtype=np.uint16))
    deep.save(tmp_path / "deep.png")
    for image in (deep, tmp_path / "deep.png", np.asarray(deep), np.full((20, 30, 4), 100 * 257, dtype=np.uint16)):
        assert draw_boxes(image, [], [], []).getextrema() == ((100, 100),) * 3


@pytest.mark.parametrize(
    ("image", "what"), [(torch.zeros(3, 8, 8), "a Tensor"), (np.zeros((8, 8, 3)), "a ndarray of float64")]
)
def test_what_cannot_be_drawn_on(image, what):
    with pytest.raises(ValueError, match=f"an image to draw on is a file, a PIL image or .*, not {what}"):
        draw_boxes(image, [], [], [])


@pytest.mark.parametrize(
    ("box", "above"), [((50, 50, 120, 80), True), ((50, 2, 120, 80), False), ((-9, 50, 30, 80), True)]
)
def test_a_caption_stands_above_its_box_or_else_inside(box, above):
    plain = np.asarray(draw_boxes(_GREY, [box], [""], [1])).astype(int)
    captioned = np.asarray(draw_boxes(_GREY, [box], ["cell 0.9"], [1])).astype(int)
    rows, columns = np.nonzero((plain != captioned).any(axis=2))
    assert len(rows) > 50
    assert (rows.max() <= box[1]) == above
    assert abs(columns.min() - max(0, box[0])) <= 3


@pytest.mark.filterwarnings("ignore:no fitting font on this machine")
@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(-50, 250)] * 4), st.text(max_size=30), st.integers(0, 1000))
def test_any_box_and_caption_can_be_drawn(corners, caption, label):
    assert draw_boxes(_GREY, [corners], [caption.replace("\n", " ")], [label]).size == _GREY.size


def _changed(plain, drawn):
    return (np.asarray(plain) != np.asarray(drawn)).any(axis=2)


@pytest.mark.parametrize("edge", [np.nan, np.inf, -np.inf])
def test_a_box_that_is_not_finite_is_refused(edge):
    with pytest.raises(ValueError, match=rf"box 1 is \[1.0, 2.0, {edge}, 4.0\]; only finite boxes can be drawn"):
        draw_boxes(_GREY, [(1, 2, 3, 4), (1, 2, edge, 4)], ["", ""], [0, 0])


def test_a_box_far_outside_is_drawn_as_one_just_outside():
    far = draw_boxes(_GREY, [(-1e30, -1e30, 1e30, 50)], [""], [0])
    near = draw_boxes(_GREY, [(-20, -20, 220, 50)], [""], [0])
    assert far.tobytes() == near.tobytes()


def test_small_objects_have_thin_lines_and_small_letters():
    """Captions of ten objects of 20 pixels in a large photograph leave most of the objects to be seen."""
    large = Image.new("RGB", (3000, 2000), (90, 90, 90))
    boxes = [(1000 + 60 * number, 1000, 1020 + 60 * number, 1020) for number in range(10)]
    drawn = draw_boxes(large, boxes, ["cell 0.97"] * 10, [0] * 10)
    changed = _changed(large, drawn)
    inside = np.zeros_like(changed)
    for left, top, right, bottom in boxes:
        inside[top : bottom + 1, left : right + 1] = True
    assert changed[inside].mean() < 0.4
    rows, _ = np.nonzero(changed & ~inside)
    assert rows.min() >= 1000 - 20
    box = draw_boxes(large, [(200, 200, 1800, 1800)], ["cell 0.97"], [0])
    rows, _ = np.nonzero(_changed(large, box))
    assert rows.min() < 200 - 50  # at a large one they are as large as ever


def test_lines_are_as_wide_as_asked_for():
    for width in (1, 7):
        drawn = draw_boxes(_GREY, [(20, 30, 120, 80)], [""], [0], Style(line_width=width))
        assert _changed(_GREY, drawn)[55, :100].sum() == width


@pytest.mark.parametrize(("style", "number", "drawn"), [
    (Style(), 1, True),
    (Style(captions=False), 1, False),
    (Style(max_captions=3), 3, True),
    (Style(max_captions=3), 4, False),
    (Style(), 101, False),
])  # fmt: skip
def test_captions_are_drawn_where_they_do_not_hide_all(style, number, drawn):
    boxes, labels = [(20, 50, 120, 80)] * number, [0] * number
    plain = draw_boxes(_GREY, boxes, [""] * number, labels, style)
    captioned = draw_boxes(_GREY, boxes, ["cell 0.9"] * number, labels, style)
    assert _changed(plain, captioned).any() == drawn


def test_a_style_that_cannot_be():
    with pytest.raises(ValueError, match="line_width is 0; it must be at least 1"):
        Style(line_width=0)
    with pytest.raises(ValueError, match="max_captions is -1; it must be at least 0"):
        Style(max_captions=-1)


def test_the_best_box_is_on_top():
    box = (20, 30, 120, 80)
    both = draw_boxes(_GREY, [box, box], ["", ""], [3, 4])
    assert both.getpixel((20, 30)) == class_colour(3)


def test_classes_have_colours_far_apart():
    colours = np.array([class_colour(label) for label in range(20)])
    apart = np.linalg.norm(colours[:, None] - colours, axis=2) + 1000 * np.eye(20)
    assert apart.min() > 25


def test_lines_grow_with_the_image():
    small = np.asarray(draw_boxes(Image.new("L", (200, 200)), [(50, 50, 150, 150)], [""], [0]))
    large = np.asarray(draw_boxes(Image.new("L", (4000, 4000)), [(1000, 1000, 3000, 3000)], [""], [0]))
    assert (small[100, :100] != 0).any(axis=1).sum() == 2
    assert (large[2000, :2000] != 0).any(axis=1).sum() == 14


def test_detections_are_drawn_on_arrays_and_files(tmp_path):
    found = Detections(torch.tensor([[20.0, 30, 120, 80]]), torch.tensor([0.9]), torch.tensor([0]), ("cell",))
    on_image = np.asarray(found.draw(_GREY))
    assert (on_image == np.asarray(found.draw(np.asarray(_GREY)))).all()
    _GREY.save(tmp_path / "grey.png")
    assert (on_image == np.asarray(found.draw(tmp_path / "grey.png"))).all()
    assert (on_image == class_colour(0)).all(axis=2).any()


def test_a_file_is_drawn_upright(tmp_path):
    lying = Image.Exif()
    lying[0x0112] = 6
    _GREY.save(tmp_path / "lying.jpg", exif=lying)
    assert draw_boxes(tmp_path / "lying.jpg", [], [], []).size == (100, 200)
