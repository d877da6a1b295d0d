import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from yolo3.data.coco import coco_splits, read_coco
from yolo3.data.faults import DataError, Fault

Entry = dict[str, Any]

_CATEGORIES = [{"id": 90, "name": "dog"}, {"id": 0, "name": "cat"}]


def _image(image_id: int, file_name: str = "", **changes: object) -> Entry:
    entry = {"id": image_id, "file_name": file_name or f"{image_id}.jpg", "width": 64, "height": 48} | changes
    return {key: value for key, value in entry.items() if value is not None}


def _annotation(annotation_id: int = 1, **changes: object) -> Entry:
    entry = {"id": annotation_id, "image_id": 0, "category_id": 90, "bbox": [1, 2, 10, 20]} | changes
    return {key: value for key, value in entry.items() if value is not None}


def _write(path: Path, images: list[Entry], annotations: list[Entry], categories: list[Entry] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = _CATEGORIES if categories is None else categories
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def _draw(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(path)


def test_fruits_in_full(shared: Path) -> None:
    samples = read_coco(shared / "data/fruits_coco")
    assert coco_splits(shared / "data/fruits_coco") == ("trainval",)
    assert samples.names == ("date", "fig", "hazelnut")
    assert samples.counts.tolist() == [71, 41, 53]
    assert samples.image_ids is not None
    assert sorted(samples.image_ids) == list(range(18))
    first = samples[0]
    assert first.boxes[0].tolist() == [101, 118, 237, 285]
    assert first.area[0] == pytest.approx(15584.661)
    assert all(sample.image.is_file() for sample in samples)


def test_sparse_categories_crowds_and_areas(tmp_path: Path) -> None:
    annotations = [
        _annotation(1, area=150.5),
        _annotation(2, category_id=0, iscrowd=1, bbox=[0, 0, 64, 48]),
        _annotation(3, image_id=5, difficult=1),
    ]
    path = _write(tmp_path / "instances_train2017.json", [_image(0), _image(7), _image(5)], annotations)
    samples = read_coco(path)
    assert samples.names == ("cat", "dog")
    assert samples.category_ids == samples[:1].category_ids == (0, 90)
    assert read_coco(path, names=["dog", "cat"]).category_ids == (90, 0)
    assert read_coco(path, names=["dog", "cat", "cow"]).category_ids is None
    assert samples.image_ids is not None
    assert samples.image_ids.tolist() == [0, 7, 5]
    assert [len(sample.labels) for sample in samples] == [2, 0, 1]
    assert samples.labels.tolist() == [1, 0, 1]
    assert samples.crowd.tolist() == [False, True, False]
    assert samples.difficult.tolist() == [False, False, True]
    assert samples.area.tolist() == [150.5, 64 * 48, 200]
    assert samples.boxes[0].tolist() == [1, 2, 11, 22]
    assert read_coco(path, names=("dog", "cat")).labels.tolist() == [0, 1, 0]


def test_ids_with_a_point(tmp_path: Path) -> None:
    """Some programs write 3.0 for 3."""
    path = tmp_path / "train.json"
    _write(path, [_image(7.0)], [_annotation(image_id=7.0, category_id=90.0)], [{"id": 90.0, "name": "dog"}])
    samples = read_coco(path)
    assert [(sample.image_id, sample.labels.tolist()) for sample in samples] == [(7, [0])]
    assert samples.category_ids == (90,)


def test_annotations_alone_need_no_images(tmp_path: Path) -> None:
    path = _write(tmp_path / "truth.json", [_image(0)], [_annotation()])
    assert read_coco(path)[0].image == tmp_path / "0.jpg"
    with pytest.raises(DataError, match=r"truth\.json: image 0: no image 0\.jpg in"):
        read_coco(tmp_path)  # a data set has images
    _draw(tmp_path / "1.jpg")
    _write(path, [_image(0), _image(1)], [_annotation()])
    with pytest.raises(DataError, match="image 0: no image"):
        read_coco(path)  # some are there, this one is missing


@pytest.mark.parametrize(
    "place", ["0.jpg", "images/0.jpg", "images/train/0.jpg", "train/0.jpg", "images/camera 2/0.jpg", "camera 2/0.jpg"]
)
def test_images_are_found_in_their_folders(tmp_path: Path, place: str) -> None:
    _write(tmp_path / "annotations/instances_train.json", [_image(0)], [_annotation()])
    _write(tmp_path / "annotations/instances_val.json", [], [])
    _draw(tmp_path / place, tmp_path / "val/0.jpg", tmp_path / "images/val/0.jpg")
    assert read_coco(tmp_path, "train")[0].image == tmp_path / place


def test_splits_in_one_folder_are_read_apart_or_together(tmp_path: Path) -> None:
    _write(tmp_path / "annotations/instances_train2017.json", [_image(0)], [_annotation()])
    _write(tmp_path / "annotations/instances_val2017.json", [_image(0)], [])
    (tmp_path / "annotations/captions_val2017.json").write_text("{}")
    _draw(tmp_path / "train2017/0.jpg", tmp_path / "val2017/0.jpg")
    assert coco_splits(tmp_path) == ("train2017", "val2017")
    assert len(read_coco(tmp_path, "train").boxes) == 1
    assert len(read_coco(tmp_path, "valid")) == 1
    both = read_coco(tmp_path)
    assert [sample.image.parent.name for sample in both] == ["train2017", "val2017"]
    assert both.image_ids is None  # they are numbers of one file only
    with pytest.raises(DataError, match="no split 'test'; available: train2017, val2017"):
        read_coco(tmp_path, "test")


def test_a_folder_a_split(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        _write(tmp_path / split / "_annotations.coco.json", [_image(0)], [])
        _draw(tmp_path / split / "0.jpg")
    assert coco_splits(tmp_path) == ("train", "valid")
    assert read_coco(tmp_path, "val")[0].image == tmp_path / "valid/0.jpg"


def test_splits_that_number_their_classes_otherwise_have_no_common_numbers(tmp_path: Path) -> None:
    for split, shift in ("train", 0), ("val", 1):
        categories = [{"id": number + shift, "name": name} for number, name in enumerate(("cat", "dog"))]
        _write(tmp_path / f"{split}.json", [_image(shift, f"{split}.jpg")], [], categories)
        _draw(tmp_path / f"{split}.jpg")
    assert read_coco(tmp_path).category_ids is None
    assert read_coco(tmp_path, "val").category_ids == (1, 2)


def test_splits_that_disagree_on_classes_are_not_joined(tmp_path: Path) -> None:
    _write(tmp_path / "train.json", [], [])
    _write(tmp_path / "val.json", [], [], _CATEGORIES[:1])
    with pytest.raises(DataError, match=r"val\.json: its categories differ from those of .*train\.json"):
        read_coco(tmp_path)


def test_sizes_are_read_from_the_images_where_the_file_has_none(tmp_path: Path) -> None:
    _draw(tmp_path / "0.jpg")
    path = _write(tmp_path / "train.json", [_image(0, width=None, height=None)], [])
    assert read_coco(path)[0].size == (48, 64)


@pytest.mark.parametrize(
    ("images", "annotations", "kind", "text"),
    [
        (
            [{"id": 0}],
            [],
            "syntax",
            r"train\.json: an image needs a whole 'id' and a 'file_name', not id: 0, file_name: None",
        ),
        ([_image(0), _image(0)], [], "reference", "train.json: image 0: two images have this id"),
        ([_image(0, width=0)], [], "size", "train.json: image 0: no 'height' and 'width' above 0"),
        ([_image(0, width=None, height=None)], [], "size", "image 0: no 'height' and 'width'"),
        ([_image(0)], [_annotation(image_id=4)], "reference", "annotation 1: its image_id 4 is not among the images"),
        ([_image(0)], [_annotation(category_id=1)], "class", r"its category_id 1 is not among .* \[0, 90\]"),
        ([_image(0)], [_annotation(category_id=None)], "class", "its category_id None is not among"),
        ([_image(0)], [_annotation(bbox=None)], "syntax", "annotation 1: needs a 'bbox'"),
        ([_image(0)], [_annotation(bbox=list(range(99)))], "syntax", r"not bbox: .*, 10,.*…$"),
        ([_image(0)], [_annotation(area="large")], "syntax", "10, 20.*, area: 'large'"),
        ([_image(0)], [_annotation(bbox=[1, 2, float("nan"), 3])], "not finite", "annotation 1: box"),
        ([_image(0)], [_annotation(bbox=[60, 2, 9, 3])], "outside", r"annotation 1: box \(60, 2, 69, 5\) lies outside"),
        ([_image(0)], [_annotation(bbox=[60, 2, -9, 3])], "reversed", "annotation 1: box"),
    ],
)
def test_faults_are_named(tmp_path: Path, images: list[Entry], annotations: list[Entry], kind: str, text: str) -> None:
    path = _write(tmp_path / "train.json", [*images, _image(8)], [*annotations, _annotation(9, image_id=8)])
    with pytest.raises(DataError, match=text):
        read_coco(path)
    faults: list[Fault] = []
    samples = read_coco(path, on_fault=faults.append)
    assert [fault.kind for fault in faults] == [kind]
    assert samples[-1].labels.tolist() == [1]  # the rest is read


def test_a_box_of_no_area_is_left_out_and_told(tmp_path: Path) -> None:
    samples = read_coco(_write(tmp_path / "train.json", [_image(0)], [_annotation(bbox=[1, 2, 0, 3])]))
    assert [fault.place for fault in samples.skipped] == [f"{tmp_path}/train.json: annotation 1"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"images":\n [', r"train\.json:2: not well-formed JSON"),
        ("[]", "holds three lists of objects"),
        ('{"images": [], "annotations": [], "categories": [1]}', "holds three lists of objects"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', "a category needs a whole 'id' and a 'name'"),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1.5, "name": "a"}]}',
            "a category needs a whole 'id' and a 'name'",
        ),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
            "two categories have one id",
        ),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}',
            "categories: class 'a' is named twice",
        ),
        ('{"images": [], "annotations": [], "categories": []}', "no class names"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(DataError, match=complaint):
        read_coco(tmp_path / "train.json")


def test_a_folder_without_annotations(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no annotation file; expected \*\.json"):
        read_coco(tmp_path)


@pytest.mark.parametrize(
    "edges",
    [
        {"width": 64.0, "height": 48.0},
        {"width": "64", "height": "48"},
        {"width": None, "height": 48},
        {"width": 64, "height": None},
        {"width": "", "height": None},
    ],
)
def test_sizes_are_numbers_however_they_are_written(tmp_path: Path, edges: Entry) -> None:
    _draw(tmp_path / "0.jpg")
    path = _write(tmp_path / "train.json", [_image(0, **edges)], [_annotation()])
    assert read_coco(path)[0].size == (48, 64)


@pytest.mark.parametrize("edge", [64.5, "wide", -64, True, [64], 10**9])
def test_sizes_that_no_image_has(tmp_path: Path, edge: object) -> None:
    _draw(tmp_path / "0.jpg")
    with pytest.raises(DataError, match="image 0: no 'height' and 'width' above 0; write the size of the image"):
        read_coco(_write(tmp_path / "train.json", [_image(0, width=edge)], []))


def test_marks_are_numbers_however_they_are_written(tmp_path: Path) -> None:
    values = ["0", 0, False, 0.0, "false", None, "1", 1, True, "True"]
    annotations = [_annotation(number, iscrowd=value) for number, value in enumerate(values)]
    samples = read_coco(_write(tmp_path / "train.json", [_image(0)], annotations))
    assert samples.crowd.tolist() == [False] * 6 + [True] * 4
    path = _write(tmp_path / "train.json", [_image(0)], [_annotation(iscrowd="many")])
    with pytest.raises(DataError, match="annotation 1: a mark is 0 or 1, not iscrowd: 'many', difficult: None"):
        read_coco(path)


def test_an_area_below_0_is_none(tmp_path: Path) -> None:
    path = _write(tmp_path / "train.json", [_image(0)], [_annotation(area=-1), _annotation(2, area=0)])
    assert read_coco(path).area.tolist() == [200, 0]


def test_objects_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Whatever is odd about some of them."""
    boxes = [[0, 0, 1, 1], ["1", "0", "2", "2"], [0, 0, 64.5, 3], [4, 4, 0, 0], [5, 0, 5, 5]]
    annotations = [_annotation(number, image_id=number % 2, bbox=box) for number, box in enumerate(boxes)]
    samples = read_coco(_write(tmp_path / "train.json", [_image(0), _image(1)], annotations))
    assert samples[0].boxes[:, 2].tolist() == [1, 64, 10]
    assert samples[1].boxes[:, 2].tolist() == [3]
    assert [fault.kind for fault in samples.skipped] == ["empty"]
    assert samples.held is not None
    assert samples.held.tolist() == [3, 2]


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    annotation = _annotation(segmentation=[[1, 2, 3, 4, 5, 6]])
    path = _write(tmp_path / "train.json", [_image(0, license=3)], [annotation, _annotation(2, segmentation=[])])
    content = json.loads(path.read_text()) | {"info": {"year": 2020}}
    path.write_text(json.dumps(content))
    told = ["'license' of 1 images", "'segmentation' of 1 annotations", "the file's 'info'"]
    assert list(read_coco(path).unread) == told


_OPENED = """
import gc, sys, time
from yolo3.data import open_dataset

def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

before, start = held(), time.process_time()
samples = open_dataset(sys.argv[1])
seconds = time.process_time() - start
gc.collect()
print(len(samples), len(samples.boxes), seconds, held() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_a_million_boxes_are_opened_in_seconds(tmp_path: Path) -> None:
    """It took 27 s and 301 MB where ``json`` alone takes 7: one call of Python a box."""
    images = (f'{{"id":{n},"file_name":"{n:012}.jpg","width":640,"height":480}}' for n in range(100_000))
    boxes = (
        f'{{"id":{n},"image_id":{n % 100_000},"category_id":0,"bbox":[{n % 500}.5,{n % 380}.25,99.5,88.75]}}'
        for n in range(1_000_000)
    )
    path = tmp_path / "instances_train.json"
    names = json.dumps(_CATEGORIES)
    path.write_text(f'{{"images":[{",".join(images)}],"annotations":[{",".join(boxes)}],"categories":{names}}}')
    run = subprocess.run([sys.executable, "-c", _OPENED, str(path)], capture_output=True, text=True, timeout=300)
    path.unlink()
    assert run.returncode == 0, run.stderr
    num_images, num_boxes, seconds, megabytes = run.stdout.split()
    assert (num_images, num_boxes) == ("100000", "1000000")
    assert float(seconds) < 10
    assert float(megabytes) < 150
