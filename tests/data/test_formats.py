import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.data.doctor import examine
from yolo3.data.faults import DataError, Fault
from yolo3.data.formats import FORMATS, dataset_format, dataset_splits, open_dataset, write_dataset
from yolo3.data.sample import Sample, SampleSet
from yolo3.images import image_content

_FORMATS = [format.name for format in FORMATS]


def _sample(
    image: Path, boxes: list[list[float]], labels: list[int], difficult: bool = False, crowd: bool = False
) -> Sample:
    image.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48)).save(image)
    corners = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    return Sample(
        image=image,
        boxes=corners,
        labels=np.array(labels, dtype=np.int64),
        difficult=np.full(len(labels), difficult),
        crowd=np.full(len(labels), crowd),
        area=(corners[:, 2:] - corners[:, :2]).prod(1) / 2,
        size=(48, 64),
    )


@pytest.fixture
def splits(tmp_path: Path) -> dict[str, SampleSet]:
    """Two splits that share an image; two images have one name; one has no objects."""
    folder = tmp_path / "original"
    samples = [
        _sample(folder / "a/1.jpg", [[1, 2, 33.3, 44.4], [0, 0, 64, 48]], [2, 0]),
        _sample(folder / "b/1.png", [[5.25, 5, 6, 6]], [2]),
        _sample(folder / "größe 2.jpg", [], []),
    ]
    everything = SampleSet.from_samples(("cat", "hot dog", "køter"), samples)
    return {"train": everything[:2], "trainval": everything}


@pytest.mark.parametrize(
    ("name", "format", "splits"),
    [
        ("bccd", "voc", ("test", "train", "trainval", "val")),
        ("fruits_coco", "coco", ("trainval",)),
        ("airplanes_yolo", "yolo", ("train", "valid")),
    ],
)
def test_real_data_sets_are_recognised(shared: Path, name: str, format: str, splits: tuple[str, ...]) -> None:
    path = shared / "data" / name
    assert dataset_format(path) == format
    assert dataset_splits(str(path)) == splits
    samples = open_dataset(str(path), format=format)
    assert samples.digest() == open_dataset(path).digest()
    assert samples.origin.startswith({"voc": "Pascal VOC", "coco": "COCO", "yolo": "YOLO"}[format])


@pytest.mark.parametrize(
    ("name", "format"), [("a.json", "coco"), ("a.yaml", "yolo"), ("a.yml", "yolo"), ("a.data", "yolo")]
)
def test_files_are_recognised_by_their_suffix(tmp_path: Path, name: str, format: str) -> None:
    (tmp_path / name).touch()
    assert dataset_format(tmp_path / name) == format
    assert dataset_format(tmp_path) == format


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: no such data set"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DataError, match=r"no known format; expected Annotations/\*\.xml \(voc\)"):
        open_dataset(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"notes\.txt: no known format"):
        open_dataset(tmp_path / "notes.txt")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "data.yaml").touch()
    with pytest.raises(DataError, match="the format may be voc or yolo; choose one"):
        open_dataset(tmp_path)
    with pytest.raises(ValueError, match="unknown format 'tfrecord'; choose voc, coco, yolo"):
        open_dataset(tmp_path, format="tfrecord")


def test_the_chain_of_formats_keeps_every_box_and_class_of_bccd(shared: Path, tmp_path: Path) -> None:
    original = {split: open_dataset(shared / "data/bccd", split)[:40] for split in ("trainval", "test")}
    splits = original
    for number, format in enumerate(("coco", "yolo", "voc")):
        folder = tmp_path / str(number)
        assert write_dataset(splits, folder, format, images="link") == []
        splits = {split: open_dataset(folder, split) for split in original}
    for split, samples in original.items():
        again = splits[split]
        assert again.names == samples.names
        assert [sample.image.name for sample in again] == [sample.image.name for sample in samples]
        assert np.array_equal(again.labels, samples.labels)
        assert np.array_equal(again.object_ends, samples.object_ends)
        assert np.abs(again.boxes - samples.boxes).max() < 0.01  # pixels


@pytest.mark.parametrize("format", _FORMATS)
def test_every_format_reads_what_it_writes(tmp_path: Path, splits: dict[str, SampleSet], format: str) -> None:
    folder = tmp_path / "new" / "set"
    assert write_dataset(splits, folder, format) == []
    assert dataset_format(folder) == format
    assert sorted(dataset_splits(folder)) == ["train", "trainval"]
    for split, samples in splits.items():
        again = open_dataset(folder, split)
        assert again.names == samples.names
        assert [sample.image.name for sample in again] == ["1.jpg", "1-2.png", "größe 2.jpg"][: len(samples)]
        assert np.array_equal(again.object_ends, samples.object_ends)
        assert np.array_equal(again.labels, samples.labels)
        np.testing.assert_allclose(again.boxes, samples.boxes, atol=1e-3)
        assert np.array_equal(again.sizes, samples.sizes)
        for one, other in zip(again, samples, strict=True):
            assert image_content(one.image) == image_content(other.image)
            assert not one.image.is_symlink()
    assert len(open_dataset(folder, "train")) == 2
    assert not list(folder.parent.glob(".*"))


@pytest.mark.parametrize("format", _FORMATS)
def test_hidden_files_are_passed_over(tmp_path: Path, splits: dict[str, SampleSet], format: str) -> None:
    """The companions that macOS puts beside every file, and the copies that Jupyter keeps."""
    folder = tmp_path / "set"
    write_dataset(splits, folder, format)
    if format == "coco":  # as some exports name it, whose copies then look like another split
        (folder / "annotations/instances_train.json").rename(folder / "annotations/train.json")
        (folder / "annotations/instances_trainval.json").rename(folder / "annotations/trainval.json")
        (folder / ".ipynb_checkpoints").mkdir()
        shutil.copy(folder / "annotations/train.json", folder / ".ipynb_checkpoints/_annotations.coco.json")
    before = [open_dataset(folder, split).digest() for split in (None, *splits)]
    found = list(map(str, examine(folder, image_size=64).findings))
    for path in [path for path in folder.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        \xff\xfe")
        (path.parent / ".ipynb_checkpoints").mkdir(exist_ok=True)
        shutil.copy(path, path.parent / f".ipynb_checkpoints/{path.stem}-checkpoint{path.suffix}")
    assert dataset_format(folder) == format
    assert sorted(dataset_splits(folder)) == ["train", "trainval"]
    assert [open_dataset(folder, split).digest() for split in (None, *splits)] == before
    assert list(map(str, examine(folder, image_size=64).findings)) == found


def test_coco_keeps_areas_crowds_and_difficulty(tmp_path: Path) -> None:
    samples = [
        _sample(tmp_path / "a.jpg", [[1, 2, 30, 40]], [0], crowd=True),
        _sample(tmp_path / "b.jpg", [[1, 2, 30, 40]], [0], difficult=True),
    ]
    assert write_dataset(SampleSet.from_samples(["cat"], samples), tmp_path / "new", "coco") == []
    again = open_dataset(tmp_path / "new", "train")
    assert again.crowd.tolist() == [True, False]
    assert again.difficult.tolist() == [False, True]
    assert again.area.tolist() == [29 * 38 / 2] * 2


def test_what_a_format_has_no_room_for_is_told(tmp_path: Path) -> None:
    samples = SampleSet.from_samples(
        ["cat"],
        [
            _sample(tmp_path / "a.jpg", [[1, 2, 30, 40]], [0], crowd=True),
            _sample(tmp_path / "b.jpg", [[1, 2, 30, 40]], [0], difficult=True),
        ],
    )
    assert write_dataset(samples, tmp_path / "voc", "voc") == [
        "1 crowds are marked difficult: VOC has no mark for crowds"
    ]
    assert open_dataset(tmp_path / "voc").difficult.tolist() == [True, True]
    assert write_dataset(samples, tmp_path / "yolo", "yolo") == [
        "1 crowds are left out: in YOLO files each would count as one object",
        "1 difficult objects lose that mark, which YOLO files do not have",
    ]
    assert [len(sample.labels) for sample in open_dataset(tmp_path / "yolo")] == [0, 1]


def test_linked_images_are_the_originals(tmp_path: Path, splits: dict[str, SampleSet]) -> None:
    write_dataset(splits["train"], tmp_path / "new", "yolo", images="link")
    assert open_dataset(tmp_path / "new")[0].image.resolve() == splits["train"][0].image


@pytest.mark.parametrize(
    "make", [lambda path: (path / "old").mkdir(parents=True), Path.touch, lambda path: path.symlink_to("nowhere")]
)
def test_nothing_is_overwritten(tmp_path: Path, splits: dict[str, SampleSet], make: Callable[[Path], None]) -> None:
    make(tmp_path / "new")
    with pytest.raises(DataError, match="new: exists already; choose a new folder"):
        write_dataset(splits, tmp_path / "new", "voc")


def test_an_empty_folder_may_be_filled(tmp_path: Path, splits: dict[str, SampleSet]) -> None:
    (tmp_path / "new").mkdir()  # as a Docker volume is
    write_dataset(splits, tmp_path / "new", "voc")
    assert len(open_dataset(tmp_path / "new")) == 3


@pytest.mark.parametrize("format", _FORMATS)
def test_nothing_is_left_half_written(tmp_path: Path, splits: dict[str, SampleSet], format: str) -> None:
    splits["train"][1].image.unlink()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"b/1\.png: no such image"):
        write_dataset(splits, tmp_path / "new", format)
    assert sorted(tmp_path.rglob("*")) == before


def test_splits_that_cannot_be_written_are_refused(tmp_path: Path, splits: dict[str, SampleSet]) -> None:
    with pytest.raises(ValueError, match="nothing to write"):
        write_dataset({}, tmp_path / "new", "voc")
    with pytest.raises(ValueError, match=r"split '\.\./x' cannot be a file name"):
        write_dataset({"../x": splits["train"]}, tmp_path / "new", "voc")
    other = SampleSet.from_samples(["dog"], [])
    with pytest.raises(ValueError, match=r"split 'val' has the classes \('dog',\), the first split"):
        write_dataset({"train": splits["train"], "val": other}, tmp_path / "new", "voc")
    with pytest.raises(ValueError, match="unknown format 'tfrecord'"):
        write_dataset(splits, tmp_path / "new", "tfrecord")
    assert not (tmp_path / "new").exists()


def test_faults_can_be_collected_through_the_door(shared: Path) -> None:
    faults: list[Fault] = []
    samples = open_dataset(shared / "data/bccd", "test", names=("RBC", "WBC"), on_fault=faults.append)
    assert {fault.kind for fault in faults} == {"class"}
    assert len(faults) == 69
    assert samples.counts.tolist() == [805, 71]


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_of_an_unknown_layout_it_is_said_what_is_there(tmp_path: Path) -> None:
    _touch(*(tmp_path / f"train/annots/{number}.xml" for number in range(427)))
    _touch(*(tmp_path / f"train/images/{number}.JPG" for number in range(400)), tmp_path / "README.md")
    with pytest.raises(DataError) as refused:
        dataset_format(tmp_path)
    seen = f"found: 427 .xml in {tmp_path}/train/annots, 400 .jpg in {tmp_path}/train/images"
    assert str(refused.value).endswith(f"*.parquet with images and objects (parquet); {seen}")


@pytest.mark.parametrize("depth", ["VOC2007", "VOCdevkit/VOC2007", "a/b/c"])
def test_a_data_set_below_is_named(tmp_path: Path, depth: str) -> None:
    _touch(tmp_path / depth / "Annotations/a.xml", tmp_path / "other/a.jpg")
    with pytest.raises(DataError, match=rf"; {tmp_path}/{depth} has a known format \(voc\): give that path$"):
        dataset_format(tmp_path)


def test_a_yolo_export_with_notes_is_no_coco_data_set(tmp_path: Path) -> None:
    """Label Studio adds a JSON file of the classes."""
    _touch(tmp_path / "images/a.png", tmp_path / "labels/a.txt", tmp_path / "classes.txt")
    (tmp_path / "notes.json").write_text('{"categories": [{"id": 0, "name": "a"}], "info": {"version": "1.0"}}')
    with pytest.raises(DataError, match=r"no known format; .*; found: .*1 \.txt in .*/labels"):
        dataset_format(tmp_path)
    (tmp_path / "data.yaml").write_text("train: images\nnames: [a]")
    assert dataset_format(tmp_path) == "yolo"
    with pytest.raises(DataError, match=r"this is a list of classes, as Label Studio adds to a YOLO export"):
        open_dataset(tmp_path / "notes.json")


def test_an_empty_folder_and_one_of_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    (tmp_path / "again").symlink_to(".")
    with pytest.raises(DataError, match=r"found: no image and no annotation$"):
        dataset_format(tmp_path)
