"""Pictures that were trained on are recognised."""

import shutil
from pathlib import Path

from yolo3.data import open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.evaluation import shared_pictures


def test_counts_the_pictures_that_two_sets_share(tmp_path: Path) -> None:
    write_shapes(tmp_path / "a", num_train=3, num_test=2, image_size=(64, 64))
    train, test = (open_dataset(tmp_path / "a", split) for split in ("train", "test"))

    assert shared_pictures(test, train) == 0
    assert shared_pictures(train, train[:2]) == 2
    assert shared_pictures(train[:0], train) == 0


def test_copies_elsewhere_count_and_other_pictures_of_the_same_name_do_not(tmp_path: Path) -> None:
    write_shapes(tmp_path / "a", num_train=3, num_test=2, image_size=(64, 64))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    original, copy = (open_dataset(tmp_path / name, "train") for name in "ab")
    shutil.copy(copy.path(0), copy.path(1))
    copy.path(2).unlink()
    assert shared_pictures(copy, original) == 1
