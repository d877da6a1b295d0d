"""Images that were trained on are recognised."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from yolo3.data import Sample, SampleSet, open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.evaluation import shared_images


def test_counts_the_images_that_two_sets_share(tmp_path: Path) -> None:
    write_shapes(tmp_path / "a", num_train=3, num_test=2, image_size=(64, 64))
    train, test = (open_dataset(tmp_path / "a", split) for split in ("train", "test"))

    assert shared_images(test, train) == 0
    assert shared_images(train, train[:2]) == 2
    assert shared_images(train[:0], train) == 0


def test_copies_count_under_any_name_and_other_images_of_the_same_name_do_not(tmp_path: Path) -> None:
    write_shapes(tmp_path / "a", num_train=4, num_test=2, image_size=(64, 64))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    train, test, copy = (
        open_dataset(tmp_path / name, split) for name, split in (("a", "train"), ("a", "test"), ("b", "train"))
    )
    shutil.copy(train.path(0), copy.path(1))
    shutil.copy(test.path(0), copy.path(2))
    copy.path(3).unlink()
    assert shared_images(copy, train) == 2


def test_uncompressed_images_of_one_size(tmp_path: Path) -> None:
    """They differ at their ends alone, so that every byte has to be looked at."""
    paths = [tmp_path / f"{number}.bmp" for number in range(6)]
    for number, path in enumerate(paths):
        Image.new("RGB", (64, 64)).save(path)
        path.write_bytes(path.read_bytes()[:-1] + bytes([number // 2]))
    assert len({path.stat().st_size for path in paths}) == 1
    sets = [SampleSet.from_samples(["cat"], map(_empty, chosen)) for chosen in (paths[:3], paths[3:])]
    assert shared_images(sets[0], sets[1]) == 1


def _empty(path: Path) -> Sample:
    nothing = np.empty(0, bool)
    return Sample(path, np.empty((0, 4), np.float32), np.empty(0, np.int64), nothing, nothing, np.empty(0), (64, 64))
