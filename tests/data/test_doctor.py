"""Data sets broken on purpose, one complaint each: found, named with its place, and left as they are."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.data import Sample, SampleSet, write_dataset
from yolo3.data.doctor import Examination, Finding, FindingKind, Severity, examine
from yolo3.data.doctor.finding import at, of_error
from yolo3.data.faults import DataError

_BOXES = np.array([[8, 8, 24, 38], [30, 12, 63, 35]], dtype=np.float32)  # of two COCO anchors' sizes
_WIDTH, _HEIGHT = 64, 48


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one sound data set in each format: 8 and 4 images, a cat and a dog in each."""
    folder = tmp_path_factory.mktemp("sound")
    rng, no, area = np.random.default_rng(0), np.zeros(2, dtype=np.bool_), np.ones(2, dtype=np.float32)
    samples = []
    for index in range(12):
        path = folder / f"p{index:02}.jpg"
        Image.fromarray(rng.integers(0, 255, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)).save(path)
        samples.append(Sample(path, _BOXES, np.array([0, 1]), no, no, area, (_HEIGHT, _WIDTH)))
    whole = SampleSet.from_samples(("cat", "dog"), samples)
    for format in ("voc", "coco", "yolo"):
        write_dataset({"train": whole[:8], "val": whole[8:]}, folder / format, format)
    return folder


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy of a sound data set, to break."""
    return lambda format: Path(shutil.copytree(sound / format, tmp_path / format))


def _digests(folder: Path) -> dict[Path, tuple[str, int]]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}


def _examined(folder: Path, format: str | None = None, image_size: int | tuple[int, int] = 64) -> Examination:
    before = _digests(folder)
    examination = examine(folder, format, image_size)
    assert _digests(folder) == before
    return examination


def _only(examination: Examination, kind: FindingKind) -> Finding:
    (finding,) = (finding for finding in examination.findings if finding.kind == kind)
    return finding


def _assert_found(folder: Path, severity: Severity, kind: FindingKind, place: str, what: str) -> Finding:
    """One finding of its kind, and nothing worse."""
    examination = _examined(folder)
    finding = _only(examination, kind)
    assert (finding.severity, finding.place) == (severity, str(folder / place))
    assert what in finding.what
    assert finding.fix
    assert examination.has_errors == (severity == "error")
    return finding


def _write_lines(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def _line_of(path: Path, text: str, nth: int = 0) -> int:
    return [number for number, line in enumerate(path.read_text().splitlines(), start=1) if text in line][nth]


def _edit_json(path: Path, edit: Callable[[dict[str, list[dict[str, object]]]], object]) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def _rotated(path: Path, orientation: int) -> None:
    """Set the EXIF orientation and nothing else."""
    exif = Image.Exif()
    exif[0x112] = orientation
    with Image.open(path) as image:
        image.load()
        image.save(path, exif=exif)


@pytest.mark.parametrize("format", ["voc", "coco", "yolo"])
def test_nothing_is_found_in_a_sound_set(sound: Path, format: str) -> None:
    examination = _examined(sound / format)
    assert examination.findings == ()
    assert not examination.has_errors
    assert (examination.format, examination.images, examination.empty_images) == (format, 12, 0)
    assert dict(zip(examination.names, examination.counts, strict=True)) == {"cat": 12, "dog": 12}
    assert examination.split_images == {"train": 8, "val": 4}
    assert examination.split_counts == {"train": (8, 8), "val": (4, 4)}
    assert examination.fit is not None
    assert (examination.fit.objects, examination.fit.recall, examination.fit.small) == (24, 1.0, 0)
    assert [(scale.stride, scale.recall, scale.lost) for scale in examination.fit.scales] == [
        (32, 0.0, 0),
        (16, 0.0, 0),
        (8, 1.0, 0),
    ]


# the labels of the first image, p00, hold a box of each class in two lines
@pytest.mark.parametrize(
    ("lines", "severity", "kind", "line", "what"),
    [
        (("0 .5 .5 .3 .5", "2 .3 .3 .2 .2"), "error", "unknown class", 2, "class 2 is not in 0..1"),
        (("0 .5 .5 .3 .5", "-1 .3 .3 .2 .2"), "error", "unknown class", 2, "class -1 is not in 0..1"),
        (("0.5 .5 .5 .3 .5",), "error", "unknown class", 1, "0.5 is not a whole number"),
        (("0 32 24 16 30",), "error", "box outside", 1, "are these pixels?"),
        (("0 .9 .5 .4 .5",), "error", "box outside", 1, "lies outside its image of 64 x 48"),
        (("0 .5 .5 -.3 .5",), "error", "reversed box", 1, "ends before it begins"),
        (("0 .5 nan .3 .5",), "error", "not finite", 1, "is not all numbers"),
        (("0 .5 .5 .3",), "error", "annotation", 1, "is not class cx cy w h"),
        (("", "1 .5 .5 0 .5"), "warning", "empty box", 2, "has no area"),
        (("1 .5 .5 .3 .01",), "warning", "tiny box", 1, "19 x 0.48 pixels at an image size of 64 x 64"),
        (
            ("0 .5 .5 .3 .5", "1 .2 .2 .3 .4", "0 .5 .5 .301 .501"),
            "warning",
            "duplicate box",
            3,
            "class 'cat' appears twice, first at",
        ),
        (("0 .5 .5 .3 .5", "1 .5 .5 .3 .5"), "warning", "duplicate box", 2, "has two classes, 'cat' and 'dog'"),
    ],
)
def test_a_line_of_labels(
    copy: Callable[[str], Path], lines: tuple[str, ...], severity: Severity, kind: FindingKind, line: int, what: str
) -> None:
    folder = copy("yolo")
    _write_lines(folder / "labels/p00.txt", *lines)
    _assert_found(folder, severity, kind, f"labels/p00.txt:{line}", what)


def test_more_objects_than_anchors_in_a_cell(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    _write_lines(folder / "labels/p00.txt", *(f"0 .5 .5 .3 .{height}" for height in (2, 3, 4, 5)))
    examination = _examined(folder)
    lost = [finding for finding in examination.findings if finding.kind == "lost object"]
    assert [finding.severity for finding in lost] == ["warning", "info", "info", "info"]
    assert lost[0].place == str(folder / "labels/p00.txt:4")
    assert "every anchor of its cell is taken" in lost[0].what
    assert "1 of 26 objects have no free anchor at stride 32" in lost[1].what
    assert examination.fit is not None
    assert [scale.lost for scale in examination.fit.scales] == [1, 1, 1]


def test_crowds_are_not_placed(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")
    _edit_json(
        folder / "annotations/instances_train.json",
        lambda content: [annotation.update(iscrowd=1) for annotation in content["annotations"]],
    )
    fit = _examined(folder).fit
    assert fit is not None
    assert fit.objects == 8


def test_objects_smaller_than_a_cell_and_unlike_any_anchor(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    for path in (folder / "labels").iterdir():
        _write_lines(path, "0 .2 .5 .1 .1", "1 .5 .5 .05 .9")  # 6 x 5 and 3 x 43 pixels
    examination = _examined(folder)
    small, fit = _only(examination, "tiny box"), _only(examination, "anchor fit")
    assert (small.severity, fit.severity) == ("info", "warning")
    assert "12 of 24 objects are smaller than a cell of 8 pixels" in small.what
    assert "only 0% of the objects have an anchor" in fit.what
    assert f"yolo3 anchors {folder}" in fit.fix


def test_labels_that_count_from_one(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    for path in (folder / "labels").iterdir():
        _write_lines(path, "1 .25 .48 .25 .62", "2 .73 .49 .51 .47")
    finding = _only(_examined(folder), "class numbers")
    assert finding.severity == "error"
    assert finding.place.endswith(".txt:2")
    assert finding.what == "class numbers run from 1 to 2: 12 objects have 2, none has 0"
    assert "subtract 1" in finding.fix


@pytest.mark.parametrize(
    ("write", "meant"),
    [
        (lambda x1, y1, x2, y2: (x1, y1, x2, y2), "left, top, right, bottom"),
        (lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1), "left, top, width, height"),
    ],
)
def test_fractions_in_another_order(
    copy: Callable[[str], Path], write: Callable[..., tuple[float, ...]], meant: str
) -> None:
    folder = copy("yolo")
    corners = [(0.02, 0.1, 0.3, 0.6), (0.6, 0.5, 0.98, 0.99)]
    for path in (folder / "labels").iterdir():
        _write_lines(path, *(f"{label} {' '.join(map(str, write(*box)))}" for label, box in enumerate(corners)))
    finding = _only(_examined(folder), "box order")
    assert finding.severity == "error"
    assert finding.file.parent == folder / "labels"
    assert finding.line in (1, 2)
    assert f"as ({meant}) all would" in finding.what


def test_coco_boxes_written_as_corners(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")

    def corners(content: dict[str, list[dict[str, list[float]]]]) -> None:
        for annotation in content["annotations"]:
            left, top, width, height = annotation["bbox"]
            annotation["bbox"] = [left, top, left + width, top + height]

    for split in ("train", "val"):
        _edit_json(folder / f"annotations/instances_{split}.json", corners)
    finding = _only(_examined(folder), "box order")
    assert finding.place == f"{folder}/annotations/instances_train.json: annotation 2"
    assert finding.what == (
        "12 of 24 boxes do not fit their images as (left, top, width, height); as (left, top, right, bottom) all would"
    )


def test_voc_boxes_with_x_and_y_exchanged(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    for path in (folder / "Annotations").iterdir():
        text = path.read_text()
        for one, other in (
            ("xmin", "@"),
            ("ymin", "xmin"),
            ("@", "ymin"),
            ("xmax", "@"),
            ("ymax", "xmax"),
            ("@", "ymax"),
        ):
            text = text.replace(one, other)
        path.write_text(text)
    finding = _only(_examined(folder), "box order")
    assert "as (top, left, bottom, right) all would" in finding.what
    assert finding.line == _line_of(finding.file, "<bndbox>", 1)


def test_boxes_near_the_edge_are_no_wrong_order(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    _write_lines(folder / "labels/p00.txt", "0 .95 .5 .2 .5", "0 .05 .5 .2 .5", "0 .5 .95 .2 .5", "0 .5 .05 .2 .5")
    kinds = [finding.kind for finding in _examined(folder).findings]
    assert kinds.count("box outside") == 4
    assert "box order" not in kinds


@pytest.mark.parametrize("format", ["voc", "coco"])
def test_fractions_where_pixels_are_meant(copy: Callable[[str], Path], format: str) -> None:
    folder = copy(format)
    if format == "voc":
        file = folder / "Annotations/p00.xml"
        text = file.read_text()
        for corner, pixels in zip(("xmin", "ymin", "xmax", "ymax"), (8, 8, 24, 38), strict=True):
            text = text.replace(f"<{corner}>{pixels}</{corner}>", f"<{corner}>{pixels / 64}</{corner}>")
        file.write_text(text)
        place = f"{file}:{_line_of(file, '<bndbox>')}"
    else:
        file = folder / "annotations/instances_train.json"
        _edit_json(file, lambda content: content["annotations"][0].update(bbox=[0.125, 0.125, 0.25, 0.5]))
        place = f"{file}: annotation 1"
    finding = _only(_examined(folder), "box unit")
    assert (finding.severity, finding.place) == ("error", place)
    assert "lies within one pixel, as fractions would" in finding.what


def test_a_missing_image_of_a_list(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    (folder / "images/p03.jpg").unlink()
    _assert_found(folder, "warning", "missing image", "train.txt:4", "no image ./images/p03.jpg")


def test_a_missing_image_of_a_folder_leaves_its_labels(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    (folder / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
    (folder / "images/p03.jpg").unlink()
    (folder / "labels/classes.txt").write_text("cat\ndog\n")
    _assert_found(folder, "warning", "unused label file", "labels/p03.txt", "labels of a missing image")


def test_a_missing_image_of_voc(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    (folder / "JPEGImages/p03.jpg").unlink()
    examination = _examined(folder)
    places = [finding.place for finding in examination.findings if finding.kind == "missing image"]
    assert places == [f"{folder}/ImageSets/Main/train.txt:4", f"{folder}/Annotations/p03.xml"]
    assert examination.has_errors


def test_missing_images_of_coco(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")
    (folder / "images/p03.jpg").unlink()
    place = "annotations/instances_train.json: image 4"
    assert "add it" in _assert_found(folder, "error", "missing image", place, "no image p03.jpg").fix
    alone = folder / "annotations/instances_train.json"
    shutil.rmtree(folder / "images")
    missing = [finding.file for finding in examine(alone, image_size=64).findings if finding.kind == "missing image"]
    assert missing == [folder / f"annotations/p{index:02}.jpg" for index in range(8)]


@pytest.mark.parametrize("format", ["voc", "coco", "yolo"])
@pytest.mark.parametrize("damage", [lambda data: data[:-800], lambda data: b"", lambda data: b"\x00\xff no image"])
def test_damaged_images(copy: Callable[[str], Path], format: str, damage: Callable[[bytes], bytes]) -> None:
    folder = copy(format)
    path = next(folder.rglob("p05.jpg"))
    path.write_bytes(damage(path.read_bytes()))
    examination = _examined(folder)
    assert examination.has_errors
    named = str(_only(examination, "damaged image"))
    assert "p05.jpg" in named
    assert "replace or remove it" in named


def test_a_image_that_may_not_be_read(copy: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, read_bytes = copy("voc"), Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.name == "p05.jpg":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refused)
        finding = _only(examine(folder, image_size=64), "damaged image")
    assert (finding.severity, finding.file) == ("error", folder / "JPEGImages/p05.jpg")
    assert finding.what == "cannot be read (Permission denied)"


def test_a_image_of_another_size(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    Image.new("RGB", (32, 48)).save(folder / "JPEGImages/p05.jpg")
    what = "the image is 32 x 48, its annotation says 64 x 48"
    _assert_found(folder, "error", "image size", "JPEGImages/p05.jpg", what)


def test_a_image_annotated_before_its_exif_rotation(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")
    _rotated(folder / "images/p05.jpg", 6)
    finding = _assert_found(folder, "error", "image size", "images/p05.jpg", "annotated before its EXIF rotation")
    assert finding.fix == "rotate the stored image and drop its EXIF tag"


@pytest.mark.parametrize(("orientation", "how"), [(3, "stored upside down"), (6, "stored rotated by 90° to the left")])
def test_rotated_images_that_sizes_say_nothing_of(copy: Callable[[str], Path], orientation: int, how: str) -> None:
    folder = copy("yolo")
    _rotated(folder / "images/p05.jpg", orientation)
    _assert_found(folder, "warning", "EXIF rotation", "images/p05.jpg", how)


def test_a_rotated_image_whose_annotation_knows(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")
    _rotated(folder / "images/p05.jpg", 8)

    def stand_up(content: dict[str, list[dict[str, object]]]) -> None:
        content["images"][5].update(width=_HEIGHT, height=_WIDTH)
        content["annotations"] = [one for one in content["annotations"] if one["image_id"] != 6]

    _edit_json(folder / "annotations/instances_train.json", stand_up)
    _assert_found(folder, "info", "EXIF rotation", "images/p05.jpg", "stored rotated by 90° to the right")


def test_the_same_image_twice_in_a_split(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    shutil.copyfile(folder / "images/p01.jpg", folder / "images/p06.jpg")
    finding = _assert_found(folder, "warning", "duplicate image", "images/p06.jpg", "the same image as")
    assert finding.what.endswith("images/p01.jpg")


def test_one_image_twice_in_a_list(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    _write_lines(folder / "ImageSets/Main/val.txt", "p08", "p09", "p10", "p11", "p09")
    what = "the image appears twice in split 'val'"
    _assert_found(folder, "warning", "duplicate image", "JPEGImages/p09.jpg", what)


def test_the_same_image_in_two_splits(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    shutil.copyfile(folder / "images/p01.jpg", folder / "images/p09.jpg")
    what = f"the image is in splits 'train' and 'val', as {folder}/images/p01.jpg"
    _assert_found(folder, "error", "image in two splits", "images/p09.jpg", what)


def test_splits_that_are_meant_to_share(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    _write_lines(folder / "ImageSets/Main/trainval.txt", *(f"p{index:02}" for index in range(12)))
    assert _examined(folder).findings == ()


def test_splits_that_are_one(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    (folder / "data.yaml").write_text("train: train.txt\nval: val.txt\ntest: val.txt\nnames: [cat, dog]\n")
    what = "splits 'val' and 'test' have the same 4 images"
    finding = _only(_examined(folder), "image in two splits")
    assert (finding.severity, finding.what, finding.file) == ("error", what, folder)


def test_how_images_are_stored(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    for index, mode in ((1, "L"), (2, "CMYK"), (3, "L")):
        path = folder / f"images/p{index:02}.jpg"
        with Image.open(path) as image:
            image.convert(mode).save(path)
    grey, cmyk = (finding for finding in _examined(folder).findings if finding.kind == "image mode")
    assert (grey.severity, grey.file.name, grey.what[:20]) == ("info", "p01.jpg", "2 of 12 images are g")
    assert (cmyk.severity, cmyk.file.name, cmyk.what[:20]) == ("info", "p02.jpg", "1 of 12 images are C")


def test_sixteen_bits(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 16).save(folder / "images/deep.png")
    _write_lines(folder / "val.txt", "images/deep.png")
    what = "1 of 9 images have 16 bits, of which 65,535 is white"
    assert _only(_examined(folder), "image mode").what.startswith(what)


def test_sixteen_bits_that_come_out_black(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    Image.fromarray(np.full((48, 64), 1023, dtype=np.uint16)).save(folder / "images/deep.png")
    _write_lines(folder / "val.txt", "images/deep.png")
    found = [finding for finding in _examined(folder).findings if finding.kind == "image mode"]
    assert [finding.severity for finding in found] == ["warning", "info"]
    assert found[0].what == "1 of 9 images have 16 bits and only values below 4,096: they become nearly black"


def test_images_that_nothing_names(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")
    for name in ("b.jpg", "a.png"):
        Image.new("RGB", (8, 8)).save(folder / "images" / name)
    _assert_found(folder, "info", "unused image", "images", "images in no annotation or list: 2, the first a.png")


def test_images_of_formats_that_are_not_read(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")
    for name in ("a.HEIC", "b.heic", "._c.jpg"):
        (folder / "images" / name).write_bytes(b"")
    _assert_found(folder, "warning", "unused image", "images", "2 .heic: formats that are not read")


def test_a_limit_of_pixels(copy: Callable[[str], Path]) -> None:
    examination = examine(copy("coco"), max_megapixels=0.002)
    assert {finding.kind for finding in examination.of("error")} == {"damaged image"}
    assert "the image has 64 x 48 pixels, more than 0.002 megapixels" in examination.of("error")[0].what
    with pytest.raises(ValueError, match="max_megapixels is -1; it must be above 0"):
        examine(copy("voc"), max_megapixels=-1)


def test_images_without_objects_are_counted(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    (folder / "labels/p00.txt").unlink()
    (folder / "labels/p01.txt").write_text("")
    examination = _examined(folder)
    assert examination.empty_images == 2
    assert examination.emptied_images == 0
    finding = _only(examination, "label file")
    assert (finding.severity, finding.what) == (
        "warning",
        f"split 'train', label files: 7 found, 1 of them empty; 1 missing, for example {folder}/images/p00.jpg: "
        "such an image counts as having no objects",
    )


def test_a_name_that_is_not_known(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    file = folder / "Annotations/p02.xml"
    file.write_text(file.read_text().replace("dog", "dgo"))
    place = f"Annotations/p02.xml:{_line_of(file, '<bndbox>', 1)}"
    finding = _assert_found(folder, "error", "unknown class", place, "class 'dgo' is not among the names (cat, dog)")
    assert finding.boxes == ((30, 12, 63, 35),)
    assert finding.image == folder / "JPEGImages/p02.jpg"


def test_a_name_spelt_in_two_ways(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    (folder / "labels.txt").unlink()  # so that the classes are those that occur
    file = folder / "Annotations/p02.xml"
    file.write_text(file.read_text().replace("dog", "D_og"))
    examination = _examined(folder)
    alike, rare = _only(examination, "class names"), _only(examination, "class counts")
    assert (alike.severity, alike.what) == ("warning", "classes 'D_og' and 'dog' differ only in spelling")
    assert (rare.severity, rare.what, rare.file) == ("info", "class 'D_og' has 1 object", file)


def test_a_class_without_objects_and_one_that_training_lacks(copy: Callable[[str], Path]) -> None:
    folder = copy("yolo")
    (folder / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [cat, dog, bird, fish]\n")
    _write_lines(folder / "labels/p11.txt", "3 .25 .48 .25 .62")
    empty, unlearnt = (finding for finding in _examined(folder).findings if finding.kind == "class counts")
    assert (empty.severity, empty.what) == ("warning", "class 'bird' has no object")
    assert (unlearnt.severity, unlearnt.what) == ("warning", "class 'fish' is in 'val' but not in training")


def test_splits_of_different_classes(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")
    file = folder / "annotations/instances_val.json"
    _edit_json(file, lambda content: content["categories"].reverse() or content["categories"][0].update(id=0))
    examination = _examined(folder)
    finding = _only(examination, "class names")
    assert (finding.severity, finding.file) == ("error", file)
    assert finding.what == "the classes of split 'val' are dog, cat; those of 'train' are cat, dog"
    assert examination.names == ("cat", "dog")
    assert examination.split_counts["val"] == (4, 0)  # no category has the dogs' id any more


def test_an_annotation_that_no_split_lists(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    (folder / "Annotations/zebra.xml").write_text("<annotation>")
    _assert_found(folder, "error", "annotation", "Annotations/zebra.xml:1", "not well-formed XML")


@pytest.mark.parametrize(
    ("format", "name", "kind"),
    [
        ("voc", "Annotations/p03.xml", "annotation"),
        ("voc", "labels.txt", "annotation"),
        ("coco", "annotations/instances_train.json", "annotation"),
        ("yolo", "labels/p03.txt", "annotation"),
        ("yolo", "train.txt", "annotation"),
        ("yolo", "data.yaml", "annotation"),
    ],
)
@pytest.mark.parametrize("garbage", [b"\x89PNG\xff\xfe\x00\x01" * 20, b"\xff"])
def test_garbage_for_annotations(
    copy: Callable[[str], Path], format: str, name: str, kind: FindingKind, garbage: bytes
) -> None:
    folder = copy(format)
    (folder / name).write_bytes(garbage)
    finding = _only(_examined(folder, format), kind)
    assert (finding.severity, finding.file) == ("error", folder / name)


@pytest.mark.parametrize(
    ("format", "name", "what"),
    [
        ("voc", "Annotations/p03.xml", "no element found"),
        ("voc", "labels.txt", "no class names"),
        ("coco", "annotations/instances_train.json", "not well-formed JSON"),
        ("yolo", "train.txt", "the list is empty"),
        ("yolo", "data.yaml", "the YAML file of a data set has keys"),
    ],
)
def test_empty_files(copy: Callable[[str], Path], format: str, name: str, what: str) -> None:
    folder = copy(format)
    (folder / name).write_bytes(b"")
    finding = next(finding for finding in _examined(folder, format).findings if finding.file == folder / name)
    assert finding.severity == "error"
    assert what in finding.what


@pytest.mark.parametrize(
    ("format", "name", "old", "new"),
    [
        ("voc", "Annotations/p03.xml", "<width>64<", "<width>1e30<"),
        ("coco", "annotations/instances_train.json", '"width": 64', '"width": 99999999999999999999'),
        ("coco", "annotations/instances_train.json", '"id": 3,', '"id": 99999999999999999999,'),
        ("coco", "annotations/instances_train.json", '"image_id": 3,', '"image_id": {},'),
        ("coco", "annotations/instances_train.json", '"bbox": [', '"bbox": ' + "[" * 100_000),
        ("coco", "annotations/instances_train.json", '"p03.jpg"', '"' + "p" * 5000 + '"'),
        ("coco", "annotations/instances_train.json", '"width": 64', '"width": ' + "9" * 5000),
        ("yolo", "train.txt", "p03", "p" * 5000),
        ("yolo", "data.yaml", "train.txt", "2020-13-45"),
        ("yolo", "labels/p03.txt", "0", "1e300"),
    ],
)
def test_absurd_values(copy: Callable[[str], Path], format: str, name: str, old: str, new: str) -> None:
    folder = copy(format)
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    found = [finding for finding in _examined(folder, format).findings if finding.severity != "info"]
    assert folder / name in [finding.file for finding in found]


def test_an_annotation_that_cannot_be_opened(copy: Callable[[str], Path]) -> None:
    folder = copy("voc")
    (folder / "Annotations/folder.xml").mkdir()
    _assert_found(folder, "error", "annotation", "Annotations/folder.xml", "cannot be read (Is a directory)")


def test_nothing_left_to_train_on(copy: Callable[[str], Path]) -> None:
    folder = copy("coco")
    (folder / "annotations/instances_val.json").unlink()
    _edit_json(folder / "annotations/instances_train.json", lambda content: [content[key].clear() for key in content])
    assert _examined(folder).has_errors
    _edit_json(
        folder / "annotations/instances_train.json",
        lambda content: content["categories"].append({"id": 1, "name": "cat"}),
    )
    examination = _examined(folder)
    assert examination.has_errors
    assert examination.fit is None
    assert "no image can be used" in [finding.what for finding in examination.findings]


def test_what_is_no_data_set_is_refused(tmp_path: Path, sound: Path) -> None:
    with pytest.raises(DataError, match="no such data set"):
        examine(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="400 x 416 is not a multiple of 32"):
        examine(sound / "coco", image_size=(400, 416))


def test_progress_is_told(sound: Path) -> None:
    told = []

    def watch(items, total, what):  # type: ignore[no-untyped-def]
        for number, item in enumerate(items, start=1):
            told.append((number, total, what))
            yield item

    examine(sound / "coco", image_size=64, progress=watch)
    assert told == [(number, 12, "reading images") for number in range(1, 13)]


def test_a_place_and_its_words() -> None:
    assert at("a b/c.xml:7") == (Path("a b/c.xml"), 7, "")
    assert at("c.json: annotation 3") == (Path("c.json"), None, "annotation 3")
    assert at("c.json") == (Path("c.json"), None, "")
    finding = of_error(DataError("c.yaml:3: not YAML; fix it"), "annotation", Path("d"))
    assert (finding.place, finding.what, finding.fix) == ("c.yaml:3", "not YAML", "fix it")
    finding = of_error(DataError("broken"), "annotation", Path("d"))
    assert (finding.place, finding.what, finding.fix) == ("d", "broken", "fix the file")
    assert str(finding) == "d: broken; fix the file"


def test_blood_cells(shared: Path) -> None:
    examination = _examined(shared / "data/bccd", image_size=416)
    assert not examination.has_errors
    assert [(finding.severity, finding.kind) for finding in examination.findings] == [("warning", "empty box")] * 2
    names = sorted(f"{finding.file.name}:{finding.line}" for finding in examination.findings)
    assert names == ["BloodImage_00338.xml:163", "BloodImage_00343.xml:55"]
    assert examination.split_images == {"test": 72, "train": 205, "trainval": 292, "val": 87}


def test_airplanes(shared: Path) -> None:
    examination = _examined(shared / "data/airplanes_yolo", image_size=416)
    missing = _only(examination, "missing image")
    assert (missing.severity, missing.file.name, missing.line) == ("warning", "train.txt", 7)
    assert missing.what == "no image data/img/air7.jpg"
    assert _only(examination, "image in two splits").what == "splits 'train' and 'valid' have the same 10 images"
    assert examination.has_errors  # measured on what it trains on


def test_fruits(shared: Path) -> None:
    examination = _examined(shared / "data/fruits_coco", image_size=416)
    assert examination.findings == ()
    assert (examination.images, examination.counts) == (18, (71, 41, 53))
