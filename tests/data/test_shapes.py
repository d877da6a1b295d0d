from pathlib import Path

import numpy as np
import pytest

from yolo3.choices import ShapesKind
from yolo3.data import DataError, ShapesDataset, open_dataset, read_image, write_shapes
from yolo3.data.shapes import DRAWINGS


def test_the_seed_says_what_is_drawn() -> None:
    one, again, other = ShapesDataset(3, (64, 96)), ShapesDataset(9, (64, 96)), ShapesDataset(3, (64, 96), seed=1)
    for number in range(3):
        assert np.array_equal(one[number].image, again[number].image)
        assert np.array_equal(one[number].boxes, again[number].boxes)
        assert not np.array_equal(one[number].image, other[number].image)
    assert one[0].size == (64, 96)
    assert np.array_equal(one[-1].image, one[2].image)
    assert len(one[1:]) == 2
    with pytest.raises(IndexError):
        one[3]


def test_boxes_lie_inside_and_some_images_are_empty() -> None:
    images = list(ShapesDataset(150, (64, 96), max_shapes=4))
    counts = [len(annotated.boxes) for annotated in images]
    assert 5 < counts.count(0) < 30
    assert max(counts) == 4
    boxes = np.concatenate([annotated.boxes for annotated in images])
    assert (boxes[:, :2] >= -1e-3).all()
    assert (boxes[:, 2:] <= np.array([96, 64]) + 1e-3).all()
    assert (boxes[:, 2:] - boxes[:, :2]).min() > 0.07 * 64
    labels = np.concatenate([annotated.labels for annotated in images])
    assert set(labels.tolist()) == {0, 1, 2}
    circles = (boxes[:, 2:] - boxes[:, :2])[labels == 0]
    np.testing.assert_allclose(circles[:, 0], circles[:, 1], rtol=0.01)


def test_a_box_is_as_large_as_its_shape() -> None:
    singles = [annotated for annotated in ShapesDataset(60, (128, 128), max_shapes=1) if len(annotated.boxes)]
    for annotated in singles:
        left, top, right, bottom = annotated.boxes[0]
        middle = annotated.image[int((top + bottom) / 2) - 2 :][:4, int((left + right) / 2) - 2 :][:, :4].mean((0, 1))
        like_middle = np.abs(annotated.image - middle).max(2) < 40
        rows, columns = like_middle.sum(1), like_middle.sum(0)
        inside = like_middle[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
        assert inside.sum() > 0.35 * (right - left) * (bottom - top)  # a triangle fills the least of its box
        assert rows[int(top) + 2 : int(bottom) - 2].min() > 0
        assert columns[int(left) + 2 : int(right) - 2].min() > 0


def test_written_shapes_are_read_again(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes", num_train=4, num_test=2, image_size=(64, 96), seed=3)
    train, test = (open_dataset(tmp_path / "shapes", split=split) for split in ("train", "test"))
    assert (len(train), len(test)) == (4, 2)
    assert train.names == ShapesDataset(1).names == ("circle", "square", "triangle")
    drawn = ShapesDataset(6, (64, 96), seed=3)
    for sample, annotated in zip([*train, *test], drawn, strict=True):
        np.testing.assert_allclose(sample.boxes, annotated.boxes, atol=1e-3)
        assert sample.labels.tolist() == annotated.labels.tolist()
        difference = read_image(sample.image, expected_size=sample.size).astype(int) - annotated.image
        assert np.abs(difference).mean() < 6  # JPEG
    assert sorted(path.name for path in (tmp_path / "shapes").iterdir())[0] == "Annotations"


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(DataError, match="exists already"):
        write_shapes(tmp_path, num_train=1, num_test=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_what_cannot_be_drawn_is_refused() -> None:
    for wrong in (dict(image_size=(16, 64)), dict(max_shapes=0), dict(num_images=-1)):
        with pytest.raises(ValueError, match=r"cannot be drawn; give at least 32 pixels per side and one shape"):
            ShapesDataset(**{"num_images": 1, **wrong})


@pytest.mark.parametrize(
    ("kind", "expected"), [("small", (0.0, 0.13)), ("crowded", (0.0, 0.21)), ("rotated", (0.0, 0.5))]
)
def test_harder_kinds(kind: ShapesKind, expected: tuple[float, float]) -> None:
    images = list(ShapesDataset(40, (128, 128), **DRAWINGS[kind]))
    sides = np.concatenate([each.boxes[:, 2:] - each.boxes[:, :2] for each in images]) / 128
    assert expected[0] < sides.min() <= sides.max() <= expected[1]
    plain = list(ShapesDataset(40, (128, 128)))
    number = sum(len(each.boxes) for each in images) / sum(len(each.boxes) for each in plain)
    ratio = np.maximum(sides[:, 0] / sides[:, 1], sides[:, 1] / sides[:, 0])
    assert (kind == "crowded") == (number > 3)
    assert (kind == "rotated") == (ratio.max() > 2)
    for each in images:
        assert (each.boxes >= 0).all()
        assert (each.boxes <= 128).all()


def test_radii_and_stretch_that_cannot_be() -> None:
    for wrong in ({"radius": (0.2, 0.1)}, {"radius": (0.1, 0.5)}, {"radius": (0, 0.1)}, {"stretch": 0.5}):
        with pytest.raises(ValueError, match="give radii above 0 and below"):
            ShapesDataset(1, **wrong)  # type: ignore[arg-type]


def test_a_split_to_validate_on(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes", num_train=3, num_test=2, num_val=1, image_size=(64, 64), kind="small")
    assert [len(open_dataset(tmp_path / "shapes", split)) for split in ("train", "val", "test")] == [3, 1, 2]
