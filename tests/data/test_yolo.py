import os
from pathlib import Path

import pytest
from PIL import Image

from yolo3.data.faults import DataError, Fault
from yolo3.data.yolo import read_yolo, yolo_splits

_YAML = "train: images/train\nval: images/val\nnames: [cat, dog]\n"
_LINE = "1 0.5 0.5 0.25 0.5\n"


def _fill(folder: Path, files: dict[str, str]) -> Path:
    """Write text files, and a blank image of 64 x 48 wherever a name is an image's."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith((".jpg", ".png")):
            Image.new("RGB", (64, 48)).save(folder / name)
        else:
            (folder / name).write_text(text)
    return folder


def test_airplanes_in_full(shared: Path) -> None:
    samples = read_yolo(shared / "data/airplanes_yolo")
    assert yolo_splits(shared / "data/airplanes_yolo") == ("train", "valid")
    assert len(samples) == 10
    assert samples.names == ("air", "bird")
    assert samples.counts.tolist() == [28, 7]
    assert [fault.kind for fault in samples.skipped] == ["missing"]
    assert str(samples.skipped[0]).endswith("train.txt:7: no image data/img/air7.jpg")
    first = samples[0]  # 0 0.498437 0.479861 0.117188 0.168056
    height, width = first.size
    centre = (first.boxes[0, :2] + first.boxes[0, 2:]) / 2
    assert centre.tolist() == pytest.approx([0.498437 * width, 0.479861 * height], rel=1e-5)


def test_labels_beside_folders_named_images(tmp_path: Path) -> None:
    folder = _fill(
        tmp_path,
        {
            "data.yaml": _YAML,
            "images/train/a.jpg": "",
            "images/train/deep/b.png": "",
            "images/val/c.jpg": "",
            "labels/train/a.txt": _LINE + "\n0 0.1 0.1 0.2 0.2",
            "labels/val/c.txt": "",
        },
    )
    samples = read_yolo(folder, "train")
    assert [sample.image.name for sample in samples] == ["a.jpg", "b.png"]
    assert samples[0].boxes.tolist() == [[24, 12, 40, 36], pytest.approx([0, 0, 12.8, 9.6])]
    assert samples[0].labels.tolist() == [1, 0]
    assert samples[0].size == (48, 64)
    assert samples[1].boxes.shape == (0, 4)  # no labels: an image of nothing
    assert len(read_yolo(folder / "data.yaml")) == 3
    assert read_yolo(folder, "val", names=("chat", "chien")).names == ("chat", "chien")


@pytest.mark.parametrize("labels", ["images/a.txt", "labels/a.txt"])
def test_labels_beside_the_image_or_in_place_of_images(tmp_path: Path, labels: str) -> None:
    yaml = "train: images\nnames: {0: cat, 1: dog}\nnc: 2\n"
    assert read_yolo(_fill(tmp_path, {"data.yaml": yaml, "images/a.jpg": "", labels: _LINE})).labels.tolist() == [1]


def test_labels_in_a_folder_beside_one_of_any_name(tmp_path: Path) -> None:
    files = {"data.yaml": "train: img\nnames: [cat, dog]", "img/a.jpg": "", "labels/a.txt": _LINE}
    assert read_yolo(_fill(tmp_path, files)).labels.tolist() == [1]


@pytest.mark.parametrize(
    "entry",
    [
        "train: images/*.jpg",
        "train: images/**/a.jpg",
        "train: images/a.jpg",
        "train: [images/a.jpg]",
        "train: train.txt",
        "train: ../images",  # as some tools write it
        "train: /somewhere/else/images",
        "path: elsewhere\ntrain: images",
        "path: .\ntrain: images",
    ],
)
def test_images_are_named_in_many_ways(tmp_path: Path, entry: str) -> None:
    files = {"images/a.jpg": "", "labels/a.txt": _LINE, "train.txt": "./images/a.jpg\n\n"}
    folder = _fill(tmp_path / "set", {"data.yaml": f"{entry}\nnames: [cat, dog]\n", **files})
    samples = read_yolo(folder, "train")
    assert [sample.image.name for sample in samples] == ["a.jpg"]
    assert samples.labels.tolist() == [1]


def test_a_path_of_the_file_comes_first(tmp_path: Path) -> None:
    files = {"data.yaml": "path: inner\n" + _YAML, "images/train/a.jpg": "", "inner/images/train/b.jpg": ""}
    folder = _fill(tmp_path, files | {"inner/labels/train/b.txt": _LINE})
    assert [sample.image.name for sample in read_yolo(folder, "train")] == ["b.jpg"]


def test_a_image_in_two_splits_counts_once(tmp_path: Path) -> None:
    files = {"train.txt": "a.jpg\n", "all.txt": "a.jpg\nb.jpg\n", "a.jpg": "", "b.jpg": "", "b.txt": _LINE}
    yaml = "train: train.txt\neverything: all.txt\nnames: [cat, dog]\nlicense: MIT\nroboflow: {version: 1}\n"
    folder = _fill(tmp_path, files | {"data.yaml": yaml})
    assert yolo_splits(folder) == ("train", "everything")
    assert len(read_yolo(folder)) == 2


def test_darknet_description(tmp_path: Path) -> None:
    files = {"obj.data": "# mine\nclasses = 2\ntrain=data/train.txt\nnames = data/obj.names\nbackup = backup/\n"}
    files |= {"obj.names": "cat\ndog", "train.txt": "x/data/a.jpg\n", "a.jpg": "", "a.txt": _LINE}
    samples = read_yolo(_fill(tmp_path, files) / "obj.data")
    assert samples.names == ("cat", "dog")
    assert samples.boxes.tolist() == [[24, 12, 40, 36]]


def test_a_rotated_image_has_the_size_that_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    folder = _fill(tmp_path, {"data.yaml": "train: a.jpg\nnames: [cat, dog]", "a.txt": _LINE})
    Image.new("RGB", (64, 48)).save(folder / "a.jpg", exif=exif)
    sample = read_yolo(folder)[0]
    assert sample.size == (64, 48)
    assert sample.boxes.tolist() == [[18, 16, 30, 48]]


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        ("2 0.5 0.5 0.1 0.1", "class", r"a\.txt:2: class 2 is not in 0..1 .* are the labels 1-based\?"),
        ("0.5 0.5 0.5 0.1 0.1", "class", "class 0.5 is not a whole number"),
        ("nan 0.5 0.5 0.1 0.1", "class", "class nan is not a whole number"),
        ("0 0.5 0.5 0.1", "syntax", "'0 0.5 0.5 0.1' is not class cx cy w h"),
        ("0 0.1 0.1 0.2 0.1 0.2", "syntax", "if the sixth number is a score, set min_score"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.3", "syntax", "nor a class and the x and y of 3 points or more"),
        ("cat 0.5 0.5 0.1 0.1", "syntax", "is not class cx cy w h"),
        ("0 32 24 16 24", "outside", "'0 32 24 16 24': are these pixels?"),
        ("0 0.9 0.5 0.5 0.1", "outside", "lies outside its image of 64 x 48"),
        ("0 0.5 nan 0.1 0.1", "not finite", "is not all numbers"),
        ("0 0.5 0.5 -0.1 0.1", "reversed", "ends before it begins"),
    ],
)
def test_faulty_lines_are_named(tmp_path: Path, line: str, kind: str, text: str) -> None:
    files = {"data.yaml": "train: a.jpg\nnames: [cat, dog]", "a.jpg": "", "a.txt": f"\n{line}\n{_LINE}"}
    folder = _fill(tmp_path, files)
    with pytest.raises(DataError, match=text):
        read_yolo(folder)
    faults: list[Fault] = []
    assert read_yolo(folder, on_fault=faults.append).labels.tolist() == [1]  # the rest is read
    assert [(fault.kind, fault.place) for fault in faults] == [(kind, f"{folder}/a.txt:2")]


def test_a_box_of_no_area_is_left_out_and_told(tmp_path: Path) -> None:
    files = {"data.yaml": "train: a.jpg\nnames: [cat, dog]", "a.jpg": "", "a.txt": "0 0.5 0.5 0 0.1\n"}
    samples = read_yolo(_fill(tmp_path, files))
    assert [(fault.kind, fault.place) for fault in samples.skipped] == [("empty", f"{tmp_path}/a.txt:1")]


@pytest.mark.parametrize(
    ("yaml", "text"),
    [
        ("train: [", r"data\.yaml:1: not well-formed YAML"),
        ("\x07", r"data\.yaml: not well-formed YAML"),
        ("- a", "the YAML file of a data set has keys: train, val and names"),
        ("train: images", "'names' must be a list .* it is None"),
        ("train: images\nnames: {1: cat, 2: dog}", "or number them 0, 1, …; it is {1: 'cat', 2: 'dog'}"),
        ("train: images\nnames: [cat, cat]", "class 'cat' is named twice"),
        ("train: images\nnames: [cat, dog]\nnc: 3", r"data\.yaml: 3 classes but 2 names"),
        ("names: [cat, dog]", "no image found; state the folder"),
        ("train: nowhere\nnames: [cat, dog]", r"data\.yaml: nowhere: no image there; searched in"),
        ("train: empty\nnames: [cat, dog]", r"data\.yaml: empty: no image there"),
        ("train: none.txt\nnames: [cat, dog]", r"data\.yaml: none\.txt: no image there"),
        ("train: lost.txt\nnames: [cat, dog]", r"lost\.txt: none of its 2 images exists, neither b\.jpg"),
        ("train: nil.txt\nnames: [cat, dog]", r"nil\.txt: the list is empty"),
        ("train: images\nnames: [cat, dog]", "none of its images has a label file, neither .*a.txt nor"),
        ("train: images\nnames: classes.txt", r"data\.yaml: no file of names classes\.txt"),
    ],
)
def test_a_useless_description_is_refused(tmp_path: Path, yaml: str, text: str) -> None:
    files = {"data.yaml": yaml, "images/a.jpg": "", "empty/notes.md": "", "lost.txt": "b.jpg\nc.jpg\n", "nil.txt": ""}
    with pytest.raises(DataError, match=text):
        read_yolo(_fill(tmp_path, files))


def test_a_useless_darknet_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"obj\.data:2: 'train train\.txt' is not a line of key = value"):
        read_yolo(_fill(tmp_path, {"obj.data": "classes = 2\ntrain train.txt\n"}))


def test_an_unknown_split_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split 'test'; available: train, val"):
        read_yolo(_fill(tmp_path, {"data.yaml": _YAML}), "test")


def test_no_description_or_too_many(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no description there; give the path of one"):
        read_yolo(tmp_path)
    _fill(tmp_path, {"a.yaml": _YAML, "b.yaml": _YAML})
    with pytest.raises(DataError, match=r"a\.yaml and b\.yaml there"):
        read_yolo(tmp_path)


def test_a_image_that_is_none(tmp_path: Path) -> None:
    folder = _fill(tmp_path, {"data.yaml": "train: images\nnames: [cat]", "images/b.jpg": "", "images/b.txt": ""})
    (folder / "images/a.jpg").write_text("<html>")
    with pytest.raises(DataError, match=r"data\.yaml: images: .*a\.jpg: not an image"):
        read_yolo(folder)
    faults: list[Fault] = []
    assert len(read_yolo(folder, on_fault=faults.append)) == 1
    assert [fault.kind for fault in faults] == ["image"]


def test_a_split_that_is_not_there_does_not_hide_the_others(tmp_path: Path) -> None:
    yaml = "train: a.jpg\nval: images/val\ntest: test.txt\nnames: [cat, dog]"
    folder = _fill(tmp_path, {"data.yaml": yaml, "a.jpg": "", "a.txt": _LINE, "test.txt": "b.jpg"})
    faults: list[Fault] = []
    assert len(read_yolo(folder, on_fault=faults.append)) == 1
    assert [fault.place.rpartition("/")[2] for fault in faults] == ["val", "test.txt"]


def test_images_that_are_not_read_are_left_out_and_counted(tmp_path: Path) -> None:
    names = ("a.jpg", "b.HEIC", "c.heic", "d.svg", "._a.jpg", ".cache/e.jpg", ".f.heic")
    files = {"data.yaml": _YAML, **{f"images/train/{name}": "" for name in names}, "labels/train/a.txt": _LINE}
    samples = read_yolo(_fill(tmp_path, files), "train")
    assert [sample.image.name for sample in samples] == ["a.jpg"]
    assert [str(fault) for fault in samples.skipped] == [
        f"{tmp_path / 'images/train'}: 2 .heic, 1 .svg: formats that are not read; convert them to JPEG or PNG"
    ]


# which image, which split, which label


def test_a_validation_folder_that_is_missing_is_not_the_training_images(tmp_path: Path) -> None:
    yaml = "train: ../images\nval: ../valid/images\nnames: [a]\n"
    folder = _fill(tmp_path / "set", {"data.yaml": yaml, "images/a.png": "", "labels/a.txt": "0 .5 .5 .1 .1"})
    assert len(read_yolo(folder, "train")) == 1
    with pytest.raises(DataError, match=r"data\.yaml: \.\./valid/images: no image there"):
        read_yolo(folder, "val")
    with pytest.raises(DataError, match="no image there"):
        read_yolo(folder)


@pytest.mark.parametrize("line", ["/home/x/data/val/0.png", "val/0.png", "C:\\data\\Valid\\0.png", "/x/my_test/0.png"])
def test_a_listed_image_of_another_split_is_not_a_training_image(tmp_path: Path, line: str) -> None:
    yaml = "train: train.txt\nval: val.txt\nnames: [a]\n"
    files = {"data.yaml": yaml, "train.txt": "0.png", "val.txt": line, "0.png": "", "0.txt": "0 .5 .5 .1 .1"}
    folder = _fill(tmp_path / "set", files)
    assert len(read_yolo(folder, "train")) == 1
    with pytest.raises(DataError, match=r"val\.txt: none of its 1 images exists"):
        read_yolo(folder, "val")


def test_two_listed_images_are_never_one_file(tmp_path: Path) -> None:
    yaml = "train: train.txt\nnames: [a]\n"
    lines = "/old/cam1/x.png\n/old/cam2/x.png\n/old/cam2/y.png"
    folder = _fill(tmp_path / "set", {"data.yaml": yaml, "train.txt": lines, "x.png": "", "y.png": "", "x.txt": ""})
    with pytest.raises(DataError, match=r"train\.txt:1: the folders of /old/cam1/x\.png .* do not exist; without them"):
        read_yolo(folder)
    faults: list[Fault] = []
    assert len(read_yolo(folder, on_fault=faults.append)) == 0
    assert [fault.kind for fault in faults] == ["path"]
    _fill(tmp_path / "set", {"cam1/x.png": "", "cam2/x.png": "", "cam2/y.png": "", "cam1/x.txt": "0 .5 .5 .1 .1"})
    found = [str(sample.image.relative_to(folder)) for sample in read_yolo(folder)]
    assert found == ["cam1/x.png", "cam2/x.png", "cam2/y.png"]


def test_splits_that_would_be_the_same_folder_are_refused(tmp_path: Path) -> None:
    yaml = "train: /old/a/images\nval: /old/b/images\nnames: [a]\n"
    folder = _fill(tmp_path / "set", {"data.yaml": yaml, "images/0.png": "", "images/0.txt": "0 .5 .5 .1 .1"})
    for split in ("train", "val"):
        with pytest.raises(DataError, match=r"the folders of /old/a/images .* and /old/b/images .* do not exist"):
            read_yolo(folder, split)


def test_splits_that_say_the_same_are_read(shared: Path) -> None:
    """That is what their author wrote; the doctor and training complain."""
    assert len(read_yolo(shared / "data/airplanes_yolo", "valid")) == 10


def test_backslashes(tmp_path: Path) -> None:
    files = {
        "obj.data": "train = data\\train.txt\nnames = data\\obj.names\n",
        "data/obj.names": "cat\ndog\n",
        "data/train.txt": "data\\obj\\a.png\n.\\obj\\b.png\n",
        "data/obj/a.png": "",
        "data/obj/a.txt": _LINE,
        "data/obj/b.png": "",
    }
    samples = read_yolo(_fill(tmp_path, files))
    assert [sample.image.name for sample in samples] == ["a.png", "b.png"]
    assert samples.names == ("cat", "dog")


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    files = {"secret.txt": "password", "0.png": "", "set/a.png": "", "set/a.txt": _LINE}
    _fill(tmp_path, files)
    for text in (
        "train: ../0.png\nnames: [cat, dog]",
        "train: list.txt\nnames: [cat, dog]",
        "train: a.png\nnames: ../secret.txt",
        "train: ../secret.txt\nnames: [cat, dog]",
        f"train: {tmp_path}/*.png\nnames: [cat, dog]",
        "train: /**/*.png\nnames: [cat, dog]",
        "path: ..\ntrain: 0.png\nnames: [cat, dog]",
    ):
        _fill(tmp_path / "set", {"data.yaml": text, "list.txt": f"{tmp_path}/0.png"})
        with pytest.raises(DataError, match=r"outside the data set.*--allow-outside"):
            read_yolo(tmp_path / "set")
    samples = read_yolo(tmp_path / "set", allow_outside=True, on_fault=lambda fault: None)
    assert samples[0].image == tmp_path / "0.png"


def test_links_inside_are_followed(tmp_path: Path) -> None:
    _fill(tmp_path, {"set/data.yaml": "train: images\nnames: [cat, dog]", "photos/a.png": "", "notes/a.txt": _LINE})
    (tmp_path / "set/images").symlink_to(tmp_path / "photos")
    (tmp_path / "set/labels").symlink_to(tmp_path / "notes")
    assert read_yolo(tmp_path / "set").labels.tolist() == [1]


def test_labels_outside_the_folder_are_another_sets(tmp_path: Path) -> None:
    """The last ``images`` of a path may be above the data set."""
    files = {"images/set/data.yaml": "train: [a.png, b.png]\nnames: [cat, dog]", "images/set/a.png": ""}
    files |= {"images/set/b.png": "", "labels/set/a.txt": "0 .5 .5 .1 .1", "images/set/b.txt": _LINE}
    samples = read_yolo(_fill(tmp_path, files) / "images/set")
    assert [len(sample.labels) for sample in samples] == [0, 1]


def test_one_label_file_is_not_of_two_cameras(tmp_path: Path) -> None:
    files = {"data.yaml": "train: [cam1, cam2]\nnames: [cat, dog]", "labels/0.txt": _LINE, "labels/1.txt": _LINE}
    folder = _fill(tmp_path, files | {"cam1/0.png": "", "cam2/0.png": "", "cam2/1.png": ""})
    with pytest.raises(DataError, match=r"cam1/0\.png: its label file may belong to .*cam1/0\.png or .*cam2/0\.png"):
        read_yolo(folder)
    faults: list[Fault] = []
    samples = read_yolo(folder, on_fault=faults.append)
    assert [str(sample.image.relative_to(folder)) for sample in samples] == ["cam2/1.png"]
    (folder / "data.yaml").write_text("train: cam1\nval: cam2\nnames: [cat, dog]")
    with pytest.raises(DataError, match="its label file may belong to"):
        read_yolo(folder, "train")  # though the other camera is another split


def test_label_files_are_counted(tmp_path: Path) -> None:
    """Of 20 images 10 have no label file, and 3 an empty one."""
    files = {f"images/{number:02}.png": "" for number in range(20)}
    files |= {f"labels/{number:02}.txt": _LINE if number > 2 else "" for number in range(10)}
    samples = read_yolo(_fill(tmp_path, files | {"data.yaml": "train: images\nnames: [cat, dog]"}))
    remark = f"label files: 10 found, 3 of them empty; 10 missing, for example {tmp_path}/images/10.png: "
    assert samples.remarks == (remark + "such an image counts as having no objects",)
    assert samples.remarks[0] in samples.summary()
    assert samples[:3].remarks == samples.remarks
    for number in range(10, 20):
        (tmp_path / f"labels/{number}.txt").touch()
    assert read_yolo(tmp_path).remarks == ()


def test_suffixes_in_any_case(tmp_path: Path) -> None:
    names = ["a.JPG", "b.jfif", "c.ppm", "d.Png"]
    folder = _fill(tmp_path, {"data.yaml": "train: images\nnames: [cat, dog]"})
    for name in names:
        _fill(tmp_path, {f"labels/{name[0]}.TXT": _LINE, "images/x.md": ""})
        Image.new("RGB", (64, 48)).save(folder / "images" / name)
    samples = read_yolo(folder)
    assert [sample.image.name for sample in samples] == names
    assert samples.labels.tolist() == [1] * 4


def test_an_image_that_is_listed_twice_counts_twice(tmp_path: Path) -> None:
    files = {"data.yaml": "train: train.txt\nnames: [cat, dog]", "train.txt": "a.png\nb.png\n./a.png\n"}
    samples = read_yolo(_fill(tmp_path, files | {"a.png": "", "b.png": "", "a.txt": _LINE, "b.txt": _LINE}))
    assert [sample.image.name for sample in samples] == ["a.png", "b.png", "a.png"]
    assert "3 images (0 without objects, 1 listed again)" in samples.summary()


def test_labels_are_not_called_1_based_where_a_class_0_is(tmp_path: Path) -> None:
    files = {"data.yaml": "train: images\nnames: [cat, dog]", "images/a.png": "", "images/b.png": ""}
    folder = _fill(tmp_path, files | {"labels/a.txt": "2 .5 .5 .1 .1", "labels/b.txt": "\n0 .5 .5 .1 .1"})
    with pytest.raises(DataError, match=r"a\.txt:1: class 2 is not in 0\.\.1 .*; fix the label or add the name"):
        read_yolo(folder)
    (folder / "labels/b.txt").write_text("1 .5 .5 .1 .1")
    with pytest.raises(DataError, match=r"class 2 is not in 0\.\.1 .*; are the labels 1-based\?"):
        read_yolo(folder)


def test_splits_are_found_by_what_their_names_mean(tmp_path: Path) -> None:
    yaml = "train: images/t\nvalidation: images/v\nnames: [cat, dog]"
    files = {"data.yaml": yaml, "images/t/a.png": "", "images/v/b.png": "", "labels/t/a.txt": "", "labels/v/b.txt": ""}
    folder = _fill(tmp_path, files)
    assert yolo_splits(folder) == ("train", "validation")
    assert read_yolo(folder, "val")[0].image.name == "b.png"


def test_pipes_and_circles_are_passed_by(tmp_path: Path) -> None:
    files = {"data.yaml": "train: [images, pipe.png, '**/*.png']\nnames: [cat, dog]", "images/a.png": ""}
    folder = _fill(tmp_path, files | {"labels/b.txt": _LINE, "images/b.png": ""})
    for name in ("pipe.png", "images/p.png", "labels/a.txt"):
        os.mkfifo(folder / name)
    (folder / "images/again").symlink_to(folder)
    (folder / "images/up").symlink_to("..")
    faults: list[Fault] = []
    samples = read_yolo(folder, on_fault=faults.append)
    assert [sample.image.name for sample in samples] == ["a.png", "b.png"]
    assert [fault.place for fault in faults] == [f"{folder}/data.yaml: pipe.png"]
