import numpy as np
import pytest
import torch

from yolo3.data import read_image
from yolo3.results import crops, drawings
from yolo3.sources import Frame, Video
from yolo3.structures import Detections

_PIXELS = np.add.outer(np.arange(40) * 4, np.arange(60))[..., None].repeat(3, axis=2).astype(np.uint8)


def _found(*boxes, names=("cat",)):
    return Detections(
        torch.tensor(boxes).reshape(-1, 4), torch.full((len(boxes),), 0.5), torch.arange(len(boxes)) % len(names), names
    )


def _frame(name="images/a.png", stem="a", video=None):
    return Frame(name, stem, lambda: _PIXELS, video)


def test_drawings_are_called_as_their_frame(tmp_path):
    found = _found([5.0, 5, 30, 30])
    with drawings(tmp_path) as add:
        add(_frame(), found)
        add(_frame("b.BMP", "b-2"), found)
        add(_frame("c.JPG", "c"), found)
        add(_frame("film.mp4 frame 000000", "film/000000", Video("film.mp4", "film")), found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b-2.png", "c.JPG"]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.asarray(found.draw(_PIXELS)))


def test_crops_are_the_pixels_of_a_box(tmp_path):
    boxes = [[10.0, 5, 30, 25], [-3, -3, 8, 8], [50.2, 30.2, 70, 50], [59.9, 39.9, 60, 40]]
    with crops(tmp_path) as add:
        add(_frame(stem="x/a"), _found(*boxes, names=("cat", "dog")))
        add(_frame(stem="empty"), _found())
    files = {str(path.relative_to(tmp_path)): read_image(path) for path in tmp_path.rglob("*.jpg")}
    assert {name: image.shape[1::-1] for name, image in files.items()} == {
        "cat/x/a-1.jpg": (20, 20),
        "dog/x/a-2.jpg": (8, 8),
        "cat/x/a-3.jpg": (10, 10),
        "dog/x/a-4.jpg": (1, 1),
    }
    difference = files["cat/x/a-1.jpg"].mean((0, 1)) - _PIXELS[5:25, 10:30].mean((0, 1))
    assert abs(difference).max() < 2


@pytest.mark.parametrize(
    ("name", "folder"), [("traffic light", "traffic light"), ("../up", "-up"), ("a/b", "a-b"), ("..", "-"), ("", "-")]
)
def test_any_class_name_makes_a_folder(tmp_path, name, folder):
    with crops(tmp_path / "crops") as add:
        add(_frame(), _found([5.0, 5, 30, 30], names=(name,)))
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg")] == [f"crops/{folder}/a-1.jpg"]


def test_an_image_is_read_once_for_all_its_crops(tmp_path):
    reads = []

    def read():
        reads.append(1)
        return _PIXELS

    found = Detections(torch.tensor([[0.0, 0, 4, 4]]).repeat(5, 1), torch.ones(5), torch.zeros(5).long())
    with crops(tmp_path) as add:
        add(Frame("a.png", "a", read), found[:0])
        assert not reads
        add(Frame("a.png", "a", read), found)
    assert len(reads) == 1
