"""Annotations find their own images, and never another's, however folders are called."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from yolo3.data import open_dataset
from yolo3.data.faults import DataError, Fault
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.pairing import Pairing, pair
from yolo3.data.sample import SampleSet
from yolo3.data.yolo_content import LabelFile


def _paired(folder: Path, images: list[str], labels: list[str]) -> Pairing:
    for name in (*images, *labels):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return pair([LabelFile(folder / name) for name in labels], Contents.of(folder))


def _of(folder: Path, pairing: Pairing) -> dict[str, str]:
    pairs = ((str(one.path), image) for one, image in pairing.pairs)
    return {os.path.relpath(label, folder): os.path.relpath(image, folder) for label, image in pairs}


@pytest.mark.parametrize(
    ("labels", "images", "rule"),
    [
        (["a.txt"], ["a.jpg", "images/a.jpg"], "by stem in the same folder"),
        (["labels/a.txt"], ["images/a.jpg", "masks/a.png"], "by parallel folders"),
        (["x/labels/1/a.txt", "x/labels/2/a.txt"], ["x/images/1/a.jpg", "x/images/2/a.jpg"], "by parallel folders"),
        (["train/gt/a.txt", "val/gt/a.txt"], ["train/rgb/a.JPG", "val/rgb/a.JPG"], "by parallel folders"),
        (["labels/a.txt"], ["a.jpg"], "by parallel folders"),
        (["a.txt"], ["images/a.jpg"], "by parallel folders"),
        (["train_labels/a.txt"], ["images/train/a.jpg", "images/val/a.jpg"], "by a unique stem"),
        (["x/y/labels/a.txt"], ["photos/2024/a.jpg"], "by a unique stem"),
        (["labels/A.txt"], ["images/a.jpg"], "by parallel folders"),
        (["labels/größe.txt"], ["images/gro\u0308ße.jpg"], "by parallel folders"),  # as macOS writes it
    ],
)
def test_images_are_found(tmp_path: Path, labels: list[str], images: list[str], rule: str) -> None:
    pairing = _paired(tmp_path, images, labels)
    assert _of(tmp_path, pairing) == dict(zip(labels, images, strict=False))
    assert pairing.rules == {rule: len(labels)}


@pytest.mark.parametrize(
    ("labels", "images"),
    [
        (["labels/train/a.txt"], ["images/val/a.jpg"]),
        (["train/a.txt"], ["val/a.jpg"]),
        (["labels/cam1/a.txt"], ["images/cam2/a.jpg"]),
        (["cam1/a.txt", "cam1/b.txt"], ["cam1/b.jpg", "far/away/a.jpg"]),  # b is beside its image, so a would be too
        (["labels_val/a.txt"], ["images_train/a.jpg"]),
    ],
)
def test_an_image_of_another_split_or_camera_is_not_taken(tmp_path: Path, labels: list[str], images: list[str]) -> None:
    pairing = _paired(tmp_path, images, labels)
    assert labels[0] not in _of(tmp_path, pairing)
    assert [str(one.path) for one in pairing.missing] == [str(tmp_path / labels[0])]


@pytest.mark.parametrize(
    ("labels", "images", "text"),
    [
        (["a.txt"], ["a.jpg", "a.png"], "a.txt may belong to {0}/a.jpg or to {0}/a.png"),
        (["labels/a.txt"], ["one/a.jpg", "two/a.jpg"], "a.txt may belong to {0}/one/a.jpg or to {0}/two/a.jpg"),
        (["x/y/z/a.txt"], ["one/a.jpg", "two/a.jpg"], "a.txt may belong to {0}/one/a.jpg or to {0}/two/a.jpg"),
        (["u/a.txt", "v/a.txt"], ["images/a.jpg"], "images/a.jpg may be annotated by {0}/u/a.txt or by {0}/v/a.txt"),
    ],
)
def test_two_possibilities_are_named(tmp_path: Path, labels: list[str], images: list[str], text: str) -> None:
    pairing = _paired(tmp_path, images, labels)
    assert not pairing.pairs
    assert text.format(tmp_path) in pairing.doubtful[0][1]


def test_an_image_outside_is_refused_unless_allowed(tmp_path: Path, shared: Path) -> None:
    text = (shared / "data/bccd/Annotations/BloodImage_00007.xml").read_text()
    photo = shared / "data/bccd/JPEGImages/BloodImage_00007.jpg"
    for folder in ("set", "elsewhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jpg").symlink_to(photo)
        (tmp_path / folder / "photo.jpg").symlink_to(photo)
    (tmp_path / "set/y.xml").write_text(text.replace("BloodImage_00007.jpg", "../elsewhere/photo.jpg"))
    (tmp_path / "set/x.xml").write_text(text)
    faults: list[Fault] = []
    open_dataset(tmp_path / "set", on_fault=faults.append)
    assert ["outside the data set" in fault.text for fault in faults] == [True]
    assert len(open_dataset(tmp_path / "set", allow_outside=True)) == 2


_FOLDERS = ("", "images", "JPEGImages", "my photos", "Größe", "data/rgb", "a/b/c")
_LABEL_FOLDERS = ("", "labels", "annots", "Annotations 2", "übung", "data/gt", "x/y")
_SPLITS = ((), ("train", "val"), ("Train", "Valid"), ("training", "test"))
_WIDTH, _HEIGHT = 40, 30


@st.composite
def _layouts(draw: st.DrawFn) -> tuple[str, str, tuple[str, ...], bool, str, str, list[str], bool, str]:
    stems = st.text(st.sampled_from("ab1 _-é"), min_size=1, max_size=6).filter(lambda text: text == text.strip())
    names = draw(st.lists(stems, min_size=2, max_size=6, unique_by=str.casefold))
    return (
        draw(st.sampled_from(_FOLDERS)),
        draw(st.sampled_from(_LABEL_FOLDERS)),
        draw(st.sampled_from(_SPLITS)),
        draw(st.booleans()),
        draw(st.sampled_from([".jpg", ".PNG", ".Jpeg"])),
        draw(st.sampled_from(["yolo", "voc"])),
        names,
        draw(st.booleans()),
        draw(st.sampled_from(["", "outer/", "über haupt/"])),
    )


@given(_layouts())
def test_random_layouts_are_recognised_with_every_box(
    layout: tuple[str, str, tuple[str, ...], bool, str, str, list[str], bool, str],
) -> None:
    """Folders of any name, split above or below them; depth, case, spaces, letters beyond ASCII, symbolic links."""
    images, labels, splits, split_is_above, suffix, format, stems, is_linked, outer = layout
    with tempfile.TemporaryDirectory() as folder:
        real = Path(folder, "real") / outer
        expected: dict[str, list[list[float]]] = {}
        members: dict[str, set[str]] = {split: set() for split in splits}
        for number, stem in enumerate(stems):
            split = splits[number % 2] if splits else ""
            if split:
                members[split].add(stem)
            pairs = ((split, name) if split_is_above else (name, split) for name in (images, labels))
            image, label = ("/".join(filter(None, parts)) for parts in pairs)
            boxes = [[float(edge) for edge in (index, 1 + number, 20 + index, 21)] for index in range(1 + number % 3)]
            (real / image).mkdir(parents=True, exist_ok=True)
            (real / label).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (_WIDTH, _HEIGHT)).save(real / image / f"{stem}{suffix}")
            (real / label / f"{stem}.{'txt' if format == 'yolo' else 'xml'}").write_text(
                _rows(boxes) if format == "yolo" else _xml(f"{stem}{suffix}", boxes), encoding="utf-8"
            )
            expected[stem] = boxes
        place = Path(folder, "real")
        if is_linked:
            place = Path(folder, "link")
            place.symlink_to("real")
        whole = open_dataset(place)
        assert _boxes(whole) == expected
        for split, some in members.items():
            assert _boxes(open_dataset(place, split)) == {stem: expected[stem] for stem in some}


def _rows(boxes: list[list[float]]) -> str:
    return "".join(
        f"0 {(x1 + x2) / 2 / _WIDTH:.7f} {(y1 + y2) / 2 / _HEIGHT:.7f} {(x2 - x1) / _WIDTH:.7f} "
        f"{(y2 - y1) / _HEIGHT:.7f}\n"
        for x1, y1, x2, y2 in boxes
    )


def _xml(name: str, boxes: list[list[float]]) -> str:
    objects = "".join(
        f"<object><name>0</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"
        "</object>"
        for x1, y1, x2, y2 in boxes
    )
    return f"<?xml version='1.0'?>\n<!-- x -->\n<annotation><filename>{name}</filename>{objects}</annotation>"


def _boxes(samples: SampleSet) -> dict[str, list[list[float]]]:
    return {
        sample.image.stem: [[float(round(edge)) for edge in box] for box in sorted(sample.boxes.tolist())]
        for sample in samples
    }


def test_the_error_of_no_pair_names_both_folders(tmp_path: Path) -> None:
    _paired(tmp_path, ["a.jpg"], ["b.json"])
    (tmp_path / "b.json").write_text('{"shapes": [], "imagePath": "b.jpg"}')
    with pytest.raises(DataError, match=rf"b\.json: none of the 1 annotations has an image among the 1 in {tmp_path}"):
        open_dataset(tmp_path)


def test_names_in_the_folder_above_are_for_numbers_only(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("dog\n")
    for format, text in (("voc", _xml("a.png", [[1, 2, 20, 21]])), ("yolo", _rows([[1, 2, 20, 21]]))):
        folder = tmp_path / format
        folder.mkdir()
        Image.new("RGB", (_WIDTH, _HEIGHT)).save(folder / "a.png")
        (folder / f"a.{'xml' if format == 'voc' else 'txt'}").write_text(text)
    assert open_dataset(tmp_path / "voc").names == ("0",)  # the name in the annotation
    assert open_dataset(tmp_path / "yolo").names == ("dog",)


def test_files_with_different_names_are_both_named(tmp_path: Path) -> None:
    Image.new("RGB", (_WIDTH, _HEIGHT)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(_rows([[1, 2, 20, 21]]))
    (tmp_path / "x.names").write_text("dog\n")
    (tmp_path / "classes.txt").write_text("cat\n")
    said = (
        f"the class names may be those of {tmp_path}/classes.txt or of {tmp_path}/x.names; choose a file with --names"
    )
    with pytest.raises(DataError, match=said):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, names=["cow"]).names == ("cow",)


def test_the_current_folder_is_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (_WIDTH, _HEIGHT)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(_rows([[1, 2, 20, 21]]))
    (tmp_path / "a.npy").write_bytes(b"")  # a copy of the image that another program keeps
    monkeypatch.chdir(tmp_path)
    for place in (".", tmp_path, "a.txt"):
        (sample,) = open_dataset(place, format="yolo")
        assert sample.boxes.round().tolist() == [[1, 2, 20, 21]]
