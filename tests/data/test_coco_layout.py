"""Which image a COCO file means: the folders of real sets, each image of one colour that says whose it is."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.data.coco import coco_splits, read_coco
from yolo3.data.coco_images import find_listed_images
from yolo3.data.coco_layout import annotation_files
from yolo3.data.faults import DataError, Fault
from yolo3.data.images import read_image

_RED, _BLUE, _GREY = (255, 0, 0), (0, 0, 255), (128, 128, 128)


def _draw(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), colour).save(path)


def _write(path: Path, *file_names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": number, "file_name": name, "width": 8, "height": 6} for number, name in enumerate(file_names)]
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "a"}]}))


def _colours(folder: Path, split: str) -> list[tuple[int, int, int]]:
    return [tuple(np.asarray(read_image(sample.image))[0, 0].tolist()) for sample in read_coco(folder, split)]


@pytest.mark.parametrize("file", ["annotations/instances_{}.json", "annotations/{}.json", "{}_annotations.json"])
@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("train_images", "val_images"),
        ("images/Train", "images/Val"),
        ("train", "val"),
        ("images/train2017", "images/val2017"),
        ("Training", "Validation"),
        ("train/images", "val/images"),
        ("rgb/train", "rgb/val"),
    ],
)
def test_each_split_has_its_own_images(tmp_path: Path, file: str, train: str, val: str) -> None:
    """Two splits of one-coloured images, red and blue, both called 0.png."""
    for split, folder, colour in (("train", train, _RED), ("val", val, _BLUE)):
        _write(tmp_path / file.format(split), "0.png")
        _draw(tmp_path / folder / "0.png", colour)
        _draw(tmp_path / "0.png", _GREY)  # a preview
    assert _colours(tmp_path, "train") == [_RED]
    assert _colours(tmp_path, "val") == [_BLUE]
    (tmp_path / val / "0.png").unlink()
    (tmp_path / "0.png").unlink()
    with pytest.raises(DataError, match=r"image 0: no image 0\.png in"):
        _colours(tmp_path, "val")


def test_a_file_alone_knows_the_splits_beside_it(tmp_path: Path) -> None:
    for split in ("train", "val"):
        _write(tmp_path / f"annotations/instances_{split}.json", "0.png")
    _draw(tmp_path / "train_images/0.png", _RED)
    alone = read_coco(tmp_path / "annotations/instances_val.json")
    assert [sample.image for sample in alone] == [tmp_path / "annotations/0.png"]  # annotations without images
    assert find_listed_images(tmp_path / "annotations/instances_val.json", ["0.png"]) == [None]
    assert find_listed_images(tmp_path / "annotations/instances_train.json", ["0.png"]) == [
        tmp_path / "train_images/0.png"
    ]


def test_two_folders_that_may_be_meant_are_named(tmp_path: Path) -> None:
    _write(tmp_path / "train.json", "0.png", "1.png")
    for folder in ("depth", "rgb"):
        _draw(tmp_path / folder / "0.png", _GREY)
    with pytest.raises(DataError, match=r"the images of split 'train' may be in .*depth or in .*rgb; call"):
        read_coco(tmp_path)
    assert find_listed_images(tmp_path / "train.json", ["0.png"]) == [None]
    _draw(tmp_path / "images/0.png", _RED)
    _draw(tmp_path / "images/1.png", _RED)
    assert _colours(tmp_path, "train") == [_RED, _RED]


def test_a_link_to_the_same_folder_is_no_second_one(tmp_path: Path) -> None:
    _write(tmp_path / "all.json", "0.png")
    _draw(tmp_path / "photos/0.png", _RED)
    (tmp_path / "zz").symlink_to("photos")
    assert _colours(tmp_path, "all") == [_RED]


def test_a_missing_image_is_not_taken_from_another_folder(tmp_path: Path) -> None:
    names = [f"{number:04}.png" for number in range(5)]
    _write(tmp_path / "annotations/instances_train.json", *names)
    for name in names:
        _draw(tmp_path / "masks" / name, _GREY)
        _draw(tmp_path / "images" / name, _RED)
    (tmp_path / "images/0003.png").unlink()
    faults: list[Fault] = []
    samples = read_coco(tmp_path, on_fault=faults.append)
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in faults] == [
        f"annotations/instances_train.json: image 3: no image 0003.png in {tmp_path}/images nor near it; add it, "
        "or remove its entry"
    ]
    assert {sample.image.parent.name for sample in samples} == {"images"}


@pytest.mark.parametrize(
    "file_name", ["images\\{}", "images/{}", "images/1/{}", "images\\1\\{}", "../upload/images/1/{}"]
)
def test_label_studio_writes_paths_of_its_own(tmp_path: Path, file_name: str) -> None:
    _write(tmp_path / "result.json", file_name.format("0.png"), file_name.format("1.png"))
    _draw(tmp_path / "images/0.png", _RED)
    _draw(tmp_path / "images/1.png", _BLUE)
    assert _colours(tmp_path, "result") == [_RED, _BLUE]


def test_two_projects_with_one_name_are_told_apart_or_refused(tmp_path: Path) -> None:
    _write(tmp_path / "result.json", "images/1/0.png", "images/2/0.png", "images/2/1.png")
    _draw(tmp_path / "images/0.png", _RED)
    _draw(tmp_path / "images/1.png", _RED)
    faults: list[Fault] = []
    assert len(read_coco(tmp_path, on_fault=faults.append)) == 0
    assert {fault.kind for fault in faults} == {"path"}
    assert len(faults) == 3
    (tmp_path / "images/2").mkdir()
    (tmp_path / "images/0.png").rename(tmp_path / "images/2/0.png")
    (tmp_path / "images/1.png").rename(tmp_path / "images/2/1.png")
    faults.clear()
    samples = read_coco(tmp_path, on_fault=faults.append)
    assert [sample.image for sample in samples] == [tmp_path / "images/2/0.png", tmp_path / "images/2/1.png"]
    assert [fault.kind for fault in faults] == ["missing"]


@pytest.mark.parametrize("file_name", ["../../key.png", "{outside}/key.png"])
def test_a_file_name_does_not_lead_outside(tmp_path: Path, file_name: str) -> None:
    file_name = file_name.format(outside=tmp_path)
    _write(tmp_path / "set/annotations/train.json", file_name, "0.png")
    _draw(tmp_path / "set/images/0.png", _BLUE)
    _draw(tmp_path / "key.png", _RED)
    with pytest.raises(DataError, match=r"image 0: .*key\.png, outside the data set; .*--allow-outside"):
        read_coco(tmp_path / "set")
    (tmp_path / "set/images/0.png").unlink()
    with pytest.raises(DataError, match="outside the data set"):
        read_coco(tmp_path / "set/annotations/train.json")  # nor from annotations without images


def test_images_elsewhere_are_read_where_it_is_allowed(tmp_path: Path) -> None:
    _write(tmp_path / "set/train.json", f"{tmp_path}/photos/0.png")
    _draw(tmp_path / "photos/0.png", _RED)
    assert read_coco(tmp_path / "set", allow_outside=True)[0].image == tmp_path / "photos/0.png"


def test_two_files_of_one_split_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / "train.json", "0.png")
    _write(tmp_path / "annotations/instances_train.json", "0.png")
    assert coco_splits(tmp_path) == ("train",)  # COCO's own names come first
    (tmp_path / "annotations/instances_train.json").rename(tmp_path / "annotations/train.json")
    with pytest.raises(DataError, match="are both split 'train'; give the path of one"):
        coco_splits(tmp_path)


def test_other_json_files_are_no_splits(tmp_path: Path) -> None:
    _write(tmp_path / "train.json", "0.png")
    (tmp_path / "notes.json").write_text('{"categories": [{"id": 0, "name": "a"}], "info": {}}')
    (tmp_path / "found.json").write_text('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]')
    (tmp_path / "labelme.json").write_text('{"version": "5", "shapes": [], "imagePath": "0.png", "imageData": "AAAA"}')
    assert annotation_files(tmp_path) == {"train": tmp_path / "train.json"}
    large = '{"shapes": [], "imagePath": "0.png", "imageData": "' + "A" * (2 << 20) + '"}'
    (tmp_path / "labelme.json").write_text(large)
    assert annotation_files(tmp_path) == {"train": tmp_path / "train.json"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            '{"version": "5", "shapes": [], "imagePath": "0.png"}',
            "this is a LabelMe file, of one image; read it with --format labelme",
        ),
        (
            '[{"id": 1, "data": {"image": "x"}, "annotations": []}]',
            "this is Label Studio's own format: choose Export",
        ),
        ('[{"image_id": 1, "score": 1}]', "this is a list of detections; measure them with yolo3 evaluate DATA --det"),
        ('[{"image": "0.png", "annotations": []}]', "this is a CreateML file; export as COCO"),
        (
            '{"_via_img_metadata": {}}',
            "this is VGG Image Annotator's own format: choose Annotation, .* --from via --to yolo",
        ),
        (
            '{"categories": [], "info": {}}',
            "this is a list of classes, as Label Studio adds to a YOLO export",
        ),
        ('{"a": 1}', "three lists of objects: images, annotations and categories$"),
        ("3", "three lists of objects: images, annotations and categories$"),
    ],
)
def test_a_file_is_called_what_it_is(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=what):
        read_coco(tmp_path / "a.json")
