import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.data.faults import DataError
from yolo3.data.formats import open_dataset, write_dataset
from yolo3.data.sample import Sample, SampleSet
from yolo3.data.writing import Album


def _sample(image: Path, left: float = 1) -> Sample:
    no = np.zeros(1, np.bool_)
    box = np.array([[left, 1, 5, 5]], np.float32)
    return Sample(image, box, np.zeros(1, np.int64), no, no, np.array([(5 - left) * 4], np.float32), (8, 8))


def _set(*samples: Sample) -> SampleSet:
    return SampleSet.from_samples(("a",), samples)


@pytest.mark.parametrize("format", ["voc", "coco", "yolo"])
@pytest.mark.parametrize("images", ["copy", "link"])
def test_only_images_are_copied(tmp_path: Path, format: str, images: str) -> None:
    """A data set may name any file, and it may come from a stranger."""
    key = tmp_path / "key.txt"
    key.write_text("secret")
    with pytest.raises(DataError, match=r"key\.txt: not an image that can be read"):
        write_dataset(_set(_sample(key)), tmp_path / "out", format, images)  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key.txt"]


def test_a_coco_file_does_not_take_a_file_along(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("secret")
    images = [{"id": 0, "file_name": "../key.txt", "width": 8, "height": 8}]
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    for file_name in ("../key.txt", str(tmp_path / "key.txt")):
        images[0]["file_name"] = file_name
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set/train.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match="outside the data set"):
            write_dataset(open_dataset(tmp_path / "set"), tmp_path / "out", "yolo")
        allowed = open_dataset(tmp_path / "set", allow_outside=True)
        with pytest.raises(DataError, match="not an image"):
            write_dataset(allowed, tmp_path / "out", "yolo")


def test_many_images_of_one_name_are_written_in_no_time() -> None:
    """4,000 took 20 seconds."""
    began = time.process_time()
    album = Album.of({"train": _set(*(_sample(Path(f"{number}/0.png")) for number in range(4000)))})
    assert time.process_time() - began < 3
    assert list(album.images)[:3] == ["0.png", "0-2.png", "0-3.png"]
    assert len(album.images) == 4000


def test_names_are_told_apart_without_case() -> None:
    album = Album.of({"train": _set(*map(_sample, map(Path, ("a/x.png", "b/X.png", "c/x-2.png"))))})
    assert list(album.images) == ["x.png", "X-2.png", "x-2-2.png"]


@pytest.mark.parametrize("format", ["voc", "coco", "yolo"])
def test_an_image_that_two_splits_annotate_otherwise_is_written_twice(tmp_path: Path, format: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    one, other = _sample(tmp_path / "a.png", left=1), _sample(tmp_path / "a.png", left=2)
    write_dataset({"train": _set(one), "val": _set(other), "test": _set(one)}, tmp_path / "out", format)
    lefts = {split: open_dataset(tmp_path / "out", split).boxes[0, 0] for split in ("train", "val", "test")}
    assert lefts == pytest.approx({"train": 1, "val": 2, "test": 1}, abs=1e-3)


def test_an_image_that_is_listed_again(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    samples = _set(*[_sample(tmp_path / "a.png")] * 3)
    assert write_dataset(samples, tmp_path / "yolo", "yolo") == []
    assert len(open_dataset(tmp_path / "yolo")) == 3
    assert write_dataset(samples, tmp_path / "coco", "coco") == [
        "2 images that were listed repeatedly appear once: COCO lists each image once"
    ]
    assert len(open_dataset(tmp_path / "coco")) == 1


def test_ids_of_a_coco_file_are_not_kept(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    samples = _set(replace(_sample(tmp_path / "a.png"), image_id=17))
    lost = write_dataset(samples, tmp_path / "coco", "coco")
    assert lost == ["the ids of images, annotations and categories: all are renumbered"]
