"""The sheet of the images that go wrong most."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.evaluation import draw_worst_images
from yolo3.evaluation.worst_images import _FALSE, _MISSED, _left_out, _shown
from yolo3.metrics import Comparison, DetectionSet, ImageErrors, Truth

_BOXES = np.array([[10.0, 10, 30, 30], [60, 60, 30, 30]])


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """Images of 400 x 300, as large as on the sheet: an object at each, and something found beside it."""
    images = []
    for number in range(4):
        path = tmp_path / f"{number}{'-with-a-very-long-name' * 4}.png"
        Image.new("RGB", (400, 300), "black").save(path)
        images.append(str(path))
    zeros = np.zeros(2, np.int64)
    truth = Truth(zeros, zeros, _BOXES, np.full(2, 900.0), np.zeros(2, bool), np.array([1, 2]))
    found = DetectionSet(zeros, zeros, _BOXES + np.array([100, 0, 0, 0]), np.array([0.9, 0.8]))
    return Comparison(("cat",), tuple(images), truth, found)


def test_draws_missed_false_and_right(comparison: Comparison, tmp_path: Path) -> None:
    worst = [ImageErrors(0, missed=(0,), false=(0,), right=(1,)), ImageErrors(1, (), (), ())]

    assert draw_worst_images(tmp_path / "sheet.png", comparison, worst)

    with Image.open(tmp_path / "sheet.png") as sheet:
        colours = {colour: count for count, colour in sheet.convert("RGB").getcolors(1 << 24)}
        assert sheet.width == 10 + 2 * 410  # two columns
    for line in ((240, 228, 66), (213, 94, 0), (86, 180, 233)):
        assert colours[line] > 2 * 4 * 28  # at least a box, two pixels thick, less its caption


def test_boxes_lie_where_they_are_in_a_large_image(comparison: Comparison, tmp_path: Path) -> None:
    Image.new("RGB", (4000, 3000), "black").save(tmp_path / "large.png")
    large = replace(
        comparison,
        images=(str(tmp_path / "large.png"),),
        truth=replace(comparison.truth, xywh=np.array([[1000.0, 1000, 2000, 1000]] * 2)),
    )

    draw_worst_images(tmp_path / "sheet.png", large, [ImageErrors(0, missed=(0,), false=(), right=())])

    with Image.open(tmp_path / "sheet.png") as sheet:
        left, top = 10, sheet.height - 310  # of the image, a tenth as large
        assert sheet.getpixel((left + 200, top + 100)) == (240, 228, 66)
        assert sheet.getpixel((left + 200, top + 98)) == (0, 0, 0)


def test_images_that_cannot_be_read_are_left_out(comparison: Comparison, tmp_path: Path) -> None:
    Path(comparison.images[0]).write_bytes(Path(comparison.images[0]).read_bytes()[:60])
    Path(comparison.images[1]).unlink()
    Path(comparison.images[2]).write_text("no image")
    worst = [ImageErrors(number, (0,), (), ()) for number in range(4)]

    assert not draw_worst_images(tmp_path / "sheet.png", comparison, worst[:3])
    assert draw_worst_images(tmp_path / "sheet.png", comparison, worst)

    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 10 + 410  # one column


def test_no_sheet_without_mistakes_or_images(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    assert not draw_worst_images(path, comparison, [])
    assert not draw_worst_images(path, replace(comparison, images=("nowhere.jpg",)), [ImageErrors(0, (0,), (), ())])
    assert not path.exists()


def test_a_weak_detector_hides_no_image(comparison: Comparison, tmp_path: Path) -> None:
    """Of 180 false detections the twelve best are drawn, and the caption counts the others."""
    count = 180
    columns, rows = np.meshgrid(np.arange(20), np.arange(9))
    xywh = np.stack([20 * columns.ravel(), 30 + 20 * rows.ravel(), np.full(count, 8), np.full(count, 8)], axis=1)
    zeros = np.zeros(count, np.int64)
    scores = np.linspace(0.1, 0.9, count)
    many = replace(comparison, found=DetectionSet(zeros, zeros, xywh.astype(float), scores))
    errors = ImageErrors(0, missed=(), false=tuple(range(count)), right=())

    assert _shown(errors.false, many, _FALSE) == list(range(179, 167, -1))
    assert _left_out(errors) == " (168 not drawn)"
    assert draw_worst_images(tmp_path / "sheet.png", many, [errors])
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)[-310:-10]
    assert not (pixels[:100] == _FALSE).all(axis=2).any()  # those of low score stand above


def test_of_many_missed_objects_the_largest_are_drawn(comparison: Comparison) -> None:
    sizes = np.arange(1.0, 31)
    truth = replace(comparison.truth, xywh=np.stack([sizes, sizes, sizes, sizes], axis=1))
    assert list(_shown(range(30), replace(comparison, truth=truth), _MISSED)) == list(range(29, 17, -1))
    assert _left_out(ImageErrors(0, tuple(range(12)), tuple(range(12)), tuple(range(12)))) == ""
