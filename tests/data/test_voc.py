import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from yolo3.data.faults import DataError, Fault
from yolo3.data.voc import read_voc, voc_splits

_SIZE = "<size><width>64</width><height>48</height><depth>3</depth></size>"


def _object(name: str = "cat", box: Sequence[object] = (1, 2, 11, 22), difficult: int = 0) -> str:
    corners = "".join(
        f"<{corner}>{value}</{corner}>" for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object>\n<name>{name}</name><difficult>{difficult}</difficult>\n<bndbox>{corners}</bndbox>\n</object>"


def _data_set(folder: Path, annotations: dict[str, str], splits: dict[str, str] | None = None) -> Path:
    """A VOC data set of blank images, 64 x 48, and annotations given by what stands inside them."""
    for inner in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / inner).mkdir(parents=True)
    for stem, inside in annotations.items():
        (folder / "Annotations" / f"{stem}.xml").write_text(f"<annotation>\n{inside}\n</annotation>", encoding="utf-8")
        Image.new("RGB", (64, 48)).save(folder / "JPEGImages" / f"{stem}.jpg")
    for split, lines in (splits or {}).items():
        (folder / "ImageSets/Main" / f"{split}.txt").write_text(lines)
    return folder


def test_bccd_in_full(shared: Path) -> None:
    samples = read_voc(shared / "data/bccd")
    assert len(samples) == 364
    assert samples.names == ("Platelets", "RBC", "WBC")
    assert samples.counts.tolist() == [361, 4153, 372]
    assert len(samples.boxes) == 4888 - 2
    assert [fault.place.rpartition("/")[2] for fault in samples.skipped] == [
        "BloodImage_00338.xml:163",
        "BloodImage_00343.xml:55",
    ]
    assert {fault.kind for fault in samples.skipped} == {"empty"}


def test_splits_of_bccd(shared: Path) -> None:
    folder = shared / "data/bccd"
    assert voc_splits(folder) == ("test", "train", "trainval", "val")
    assert [len(read_voc(folder, split)) for split in ("trainval", "test")] == [292, 72]
    first = read_voc(folder, "test")[0]
    assert first.image.name == "BloodImage_00007.jpg"
    assert first.size == (480, 640)


def test_coordinates_classes_and_marks_are_read_as_they_stand(tmp_path: Path) -> None:
    inside = _SIZE + _object("dog", (1.5, 2, 11, 22), difficult=1) + _object("cat", (0, 0, 64, 48))
    sample = read_voc(_data_set(tmp_path, {"a": inside}))[0]
    assert sample.boxes.tolist() == [[1.5, 2, 11, 22], [0, 0, 64, 48]]
    assert sample.labels.tolist() == [1, 0]  # cat, dog
    assert sample.difficult.tolist() == [True, False]
    assert not sample.crowd.any()
    assert sample.area.tolist() == [9.5 * 20, 64 * 48]
    assert sample.size == (48, 64)


def test_a_image_of_nothing_is_a_sample(tmp_path: Path) -> None:
    folder = _data_set(tmp_path, {"a": _SIZE + _object(), "empty": _SIZE}, {"train": "empty\n"})
    samples = read_voc(folder, "train")
    assert len(samples) == 1
    assert samples[0].boxes.shape == (0, 4)
    assert samples.names == ("cat",)  # from the other split: both agree on the classes


def test_names_come_from_the_argument_or_a_file_or_the_annotations(tmp_path: Path) -> None:
    folder = _data_set(tmp_path, {"a": _SIZE + _object("dog") + _object("cat")})
    assert read_voc(folder).names == ("cat", "dog")
    (folder / "labels.txt").write_text("dog\ncow\ncat\n")
    assert read_voc(folder).names == ("dog", "cow", "cat")
    assert read_voc(folder, names=("cat", "dog"))[0].labels.tolist() == [1, 0]


def test_a_part_of_an_object_is_not_an_object(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
    folder = _data_set(tmp_path, {"a": _SIZE + _object().replace("</object>", part)})
    assert read_voc(folder).names == ("cat",)


def test_lists_of_single_classes(tmp_path: Path) -> None:
    splits = {"train": "a\nb 1\n\n", "cat_train": "a  1\nb 1 -1\n"}
    folder = _data_set(tmp_path, {"a": _SIZE + _object(), "b 1": _SIZE}, splits)
    assert voc_splits(folder) == ("train",)
    assert [sample.image.stem for sample in read_voc(folder, "train")] == ["a", "b 1"]
    (folder / "ImageSets/Main/cats.txt").write_text(splits["cat_train"])
    assert [sample.image.stem for sample in read_voc(folder, "cats")] == ["a", "b 1"]


@pytest.mark.parametrize(
    ("inside", "kind", "text"),
    [
        ("\n" + _SIZE.replace("48", "0"), "size", r"a\.xml:3: no <size>"),
        (_SIZE.replace("64", "wide"), "size", r"a\.xml:2: no <size>"),
        (_SIZE.replace("64", "inf"), "size", r"a\.xml:2: no <size>"),
        (_SIZE + _object("cow"), "class", r"a\.xml:4: class 'cow' is not among the names \(cat, dog\)"),
        (_SIZE + _object(""), "syntax", r"a\.xml:4: an object without a <name>"),
        (_SIZE + "\n<object><name>cat</name></object>", "syntax", r"a\.xml:3: an object's <bndbox> needs xmin"),
        (_SIZE + _object(box=(1, 2, "x", 4)), "syntax", r"a\.xml:4: an object's <bndbox> needs .* not \['1', '2', 'x'"),
        (_SIZE + _object(box=(1, 2, "nan", 4)), "not finite", r"a\.xml:4: box \(1, 2, nan, 4\)"),
        (_SIZE + _object(box=(1, 2, 66, 4)), "outside", r"a\.xml:4: box .* outside its image of 64 x 48"),
        (_SIZE + "\n<object>", "syntax", r"a\.xml:4: not well-formed XML \(mismatched tag\)"),
    ],
)
def test_faults_are_named_with_file_and_line(tmp_path: Path, inside: str, kind: str, text: str) -> None:
    folder = _data_set(tmp_path, {"a": inside, "b": _SIZE + _object()})
    with pytest.raises(DataError, match=text):
        read_voc(folder, names=("cat", "dog"))
    faults: list[Fault] = []
    samples = read_voc(folder, names=("cat", "dog"), on_fault=faults.append)
    assert [fault.kind for fault in faults] == [kind]
    assert samples[-1].labels.tolist() == [0]  # the rest is read


def test_dangerous_xml_is_refused(tmp_path: Path) -> None:
    folder = _data_set(tmp_path, {"a": ""})
    bomb = '<!DOCTYPE a [<!ENTITY b "boom">]><annotation>&b;</annotation>'
    (folder / "Annotations/a.xml").write_text(bomb)
    with pytest.raises(DataError, match=r"a\.xml: XML that cannot be read safely \(EntitiesForbidden"):
        read_voc(folder)
    faults: list[Fault] = []
    assert len(read_voc(folder, names=("cat",), on_fault=faults.append)) == 0
    assert [fault.kind for fault in faults] == ["syntax"]


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no annotation in .*Annotations; expected"):
        read_voc(tmp_path)
    folder = _data_set(tmp_path, {"a": _SIZE + _object(), "b": _SIZE}, {"train": "a\nc\n"})
    with pytest.raises(DataError, match=r"train\.txt:2: no annotation .*Annotations/c\.xml"):
        read_voc(folder, "train")
    with pytest.raises(DataError, match=r"no split 'test'; available: train"):
        read_voc(folder, "test")
    (folder / "JPEGImages/b.jpg").unlink()
    with pytest.raises(DataError, match=r"b\.xml: no image .*JPEGImages/b\.jpg"):
        read_voc(folder)
    faults: list[Fault] = []
    assert len(read_voc(folder, on_fault=faults.append)) == 1
    assert [fault.kind for fault in faults] == ["missing"]


def test_annotations_without_any_object_have_no_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Annotations: no class names"):
        read_voc(_data_set(tmp_path, {"a": _SIZE}))


def test_images_may_be_png(tmp_path: Path) -> None:
    folder = _data_set(tmp_path, {"a": _SIZE + _object()})
    (folder / "JPEGImages/a.jpg").rename(folder / "JPEGImages/a.PNG")
    assert read_voc(folder)[0].image.name == "a.PNG"


def test_the_reader_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    with pytest.raises(
        ModuleNotFoundError, match=r'Pascal VOC annotations need defusedxml: pip install "yolo3-torch\[train\]"'
    ):
        read_voc(_data_set(tmp_path, {"a": _SIZE + _object()}))


def test_lists_of_parts_are_no_lists_of_classes(tmp_path: Path) -> None:
    """Those of classes mark their images with 1, 0 or -1."""
    splits = {"train": "a\nb 1\n", "mini_train": "a\n", "cat_train": "a 1\nb 1 -1\n", "odd_train": "b 1\n", "x_y": "a"}
    folder = _data_set(tmp_path, {"a": _SIZE + _object(), "b 1": _SIZE}, splits)
    assert voc_splits(folder) == ("mini_train", "odd_train", "train", "x_y")
    assert [sample.image.stem for sample in read_voc(folder, "mini_train")] == ["a"]
    assert [sample.image.stem for sample in read_voc(folder, "odd_train")] == ["b 1"]
    assert len(read_voc(folder, "train")) == 2


def test_sizes_that_are_not_said_are_the_images_own(tmp_path: Path) -> None:
    inside = ["", "<size><width>64</width></size>", "<size><width/><height>48.0</height></size>", "<size></size>"]
    folder = _data_set(tmp_path, {f"{number}": each + _object() for number, each in enumerate(inside)})
    assert [sample.size for sample in read_voc(folder)] == [(48, 64)] * 4
    (folder / "JPEGImages/0.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"0\.xml: .*0\.jpg: the file is empty"):
        read_voc(folder)


def test_of_images_of_one_stem_the_one_that_is_named_is_meant(tmp_path: Path) -> None:
    folder = _data_set(tmp_path, {"a": "<filename>a.png</filename>" + _SIZE + _object()})
    Image.new("RGB", (64, 48)).save(folder / "JPEGImages/a.png")
    assert read_voc(folder)[0].image.name == "a.png"
    (folder / "Annotations/a.xml").write_text(f"<annotation>{_SIZE}{_object()}</annotation>")
    with pytest.raises(DataError, match=r"a\.xml: a\.jpg and a\.png have the same stem, and <filename> is ''; name"):
        read_voc(folder)


def test_a_pipe_for_an_annotation(tmp_path: Path) -> None:
    folder = _data_set(tmp_path, {"a": _SIZE + _object()})
    os.mkfifo(folder / "Annotations/b.xml")
    with pytest.raises(DataError, match=r"b\.xml: cannot be read \(not a file\); fix the file"):
        read_voc(folder)


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    more = "<pose>Left</pose><truncated>1</truncated><part/></object>"
    silent = "<pose>Unspecified</pose><truncated>0</truncated></object>"
    inside = _SIZE + _object().replace("</object>", more) + _object().replace("</object>", silent)
    assert sorted(read_voc(_data_set(tmp_path, {"a": inside})).unread) == [
        "<part> of 1 objects",
        "<pose> of 1 objects",
        "<truncated> of 1 objects",
    ]
