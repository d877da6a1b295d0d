"""Images that cannot be read are skipped, named, and in their place."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.models import YOLOv3
from yolo3.predictor import Predictor
from yolo3.sources import Unreadable, find_frames
from yolo3.tiles import Tiled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten images, of which the first, the fifth, the sixth and the last cannot be read."""
    for number in range(10):
        path = tmp_path / f"{number}.png"
        if number in (0, 4, 5, 9):
            path.write_bytes(b"no image")
        else:
            Image.fromarray(np.random.default_rng(number).integers(0, 256, (80, 100, 3), np.uint8)).save(path)
    return tmp_path


@pytest.fixture(params=["whole", "tiled"])
def looker(request: pytest.FixtureRequest) -> Predictor | Tiled:
    predictor = Predictor(YOLOv3(2, width=0.1), image_size=64, min_score=0.0, max_detections=3, batch_size=3)
    return predictor if request.param == "whole" else Tiled(predictor, tile_size=64)


def test_they_are_skipped_and_named(looker, folder):
    errors: list[Unreadable] = []
    found = [Path(name).name for name, _ in looker.stream(folder, on_error="skip", errors=errors)]
    assert found == [f"{number}.png" for number in (1, 2, 3, 6, 7, 8)]
    assert [Path(error.path).name for error in errors] == ["0.png", "4.png", "5.png", "9.png"]
    assert {error.reason for error in errors} == {"not an image that can be read; replace or remove it"}


def test_they_are_in_their_place(looker, folder):
    outcomes = list(looker.outcomes(find_frames(folder)))
    assert [Path(frame.name).name for frame, _ in outcomes] == [f"{number}.png" for number in range(10)]
    assert [isinstance(found, Unreadable) for _, found in outcomes] == [n in (0, 4, 5, 9) for n in range(10)]


def test_the_others_are_found_as_without_them(looker, folder):
    """In other batches, so equal but for rounding."""
    with_bad = [found for _, found in looker.stream(folder, on_error="skip", errors=[])]
    without = looker([folder / f"{number}.png" for number in (1, 2, 3, 6, 7, 8)])
    for one, other in zip(with_bad, without, strict=True):
        assert one.boxes.numpy() == pytest.approx(other.boxes.numpy(), abs=0.05)
        assert one.scores.numpy() == pytest.approx(other.scores.numpy(), abs=1e-3)


def test_without_a_place_each_is_a_warning(looker, folder):
    with pytest.warns(UserWarning, match=r"left out .*\d\.png: not an image that can be read") as told:
        assert len(list(looker.frames(folder, on_error="skip"))) == 6
    assert len(told) == 4


def test_a_missing_file_of_a_list_too(looker, folder):
    errors: list[Unreadable] = []
    source = [folder / "nowhere.png", folder / "1.png", folder / "empty/*.jpg"]
    assert len(list(looker.stream(source, on_error="skip", errors=errors))) == 1
    assert [error.reason.partition(" (")[0] for error in errors] == [
        "no such file or folder",
        f"glob {folder}/empty/*.jpg matches no images",
    ]


def test_stop_is_the_default(looker, folder):
    with pytest.raises(ValueError, match=r"4\.png: not an image"):
        list(looker.stream([folder / "1.png", folder / "4.png"]))
    with pytest.raises(ValueError, match="on_error is 'ignore'; choose stop or skip"):
        list(looker.stream(folder, on_error="ignore"))


def test_an_error_of_another_kind_is_told_with_its_name():
    assert Unreadable("a", RuntimeError("no memory")).reason == "RuntimeError: no memory"
    assert Unreadable("a", OSError(5, "Input/output error")).reason == "[Errno 5] Input/output error"
    assert Unreadable("a.png", ValueError("a.png: of\ntwo lines")).reason == "of two lines"
