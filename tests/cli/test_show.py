from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.cli.options import TrainingInput, call, defaults
from yolo3.cli.show import show
from yolo3.cli.train import train
from yolo3.cli.training_network import choose_image_size
from yolo3.data import write_shapes
from yolo3.draw import class_colour


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "shapes"
    write_shapes(folder, num_train=5, num_test=1, image_size=(64, 64))
    return folder


def colours(sheet: Image.Image) -> set[tuple[int, int, int]]:
    return set(map(tuple, np.asarray(sheet).reshape(-1, 3).tolist()))


def test_what_is_shown_is_what_a_training_sees() -> None:
    """Both unless told otherwise, and told alike."""
    shown = defaults(show)
    trained = defaults(train)
    for name in ("augmentation", "mosaic", "mixup", "letterbox", "seed", "image_size"):
        assert shown[name] == trained[name], name
    assert choose_image_size(trained["model"], 1.0, None, False)[0] == TrainingInput().size


def test_a_sheet_shows_images_before_and_after(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "sheet.png"
    call(show, shapes, split="train", output=output, count=3, image_size=96, mixup=0.5)
    sheet = Image.open(output)
    assert sheet.size == (8 + 2 * (2 * 96 + 8), 8 + 24 + 2 * (24 + 96 + 8))  # two rows of two pairs under one line
    assert class_colour(0) in colours(sheet)
    captions = np.asarray(sheet.convert("L"))[32:56]
    for left in (8, 8 + 96, 8 + 2 * 96 + 8, 8 + 3 * 96 + 8):  # a file name and "before", then "after", of each pair
        assert (captions[:, left : left + 90] < 100).any()
    said = capsys.readouterr().out
    assert "5 images" in said
    assert f"3 images, each before and after augmentation: {output}" in said


def test_without_augmentation_both_sides_are_alike(shapes: Path, tmp_path: Path) -> None:
    call(
        show,
        shapes,
        output=tmp_path / "sheet.png",
        count=1,
        image_size=(64, 128),
        augmentation="none",
        mosaic=0,
        seed=1,
    )
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    pair = sheet[-64 - 8 : -8, 8:-8]
    assert np.array_equal(pair[:, :128], pair[:, 128:])
    assert len(np.unique(pair.reshape(-1, 3), axis=0)) > 10


def test_many_classes_need_several_lines(shapes: Path, tmp_path: Path) -> None:
    call(show, shapes, output=tmp_path / "sheet.png", count=6, image_size=32)
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.height == 8 + 3 * 24 + 3 * (24 + 32 + 8)
    assert {class_colour(label) for label in range(3)} <= colours(sheet)


def test_what_is_there_is_left_alone(shapes: Path, tmp_path: Path) -> None:
    output = tmp_path / "sheet.png"
    output.write_text("mine")
    with pytest.raises(ValueError, match=r"sheet\.png exists; name another with --output, or pass --overwrite"):
        call(show, shapes, output=output)
    assert output.read_text() == "mine"
    call(show, shapes, output=output, overwrite=True, count=1, image_size=64)
    assert output.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="count is 0; show at least one image"):
        call(show, shapes, output=tmp_path / "other.png", count=0)
