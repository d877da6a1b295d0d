import contextlib
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from yolo3.data import open_dataset
from yolo3.results import coco_results, csv_file, labelme_files, yolo_labels
from yolo3.sources import Frame, Video, find_frames
from yolo3.structures import Detections

_FOUND = Detections(
    torch.tensor([[10.0, 20, 30.5, 60], [0, 0, 5, 5]]), torch.tensor([0.75, 0.5]), torch.tensor([1, 0]), ("cat", "dog")
)


def _frame(stem, size=(80, 100)):
    return Frame(f"images/{stem}.jpg", stem, lambda: np.zeros((*size, 3), np.uint8))


def test_coco_results_have_numbers_where_files_do(tmp_path):
    with coco_results(tmp_path / "coco.json") as add:
        for stem in ("000000000139", "dog", "7", "007", "street/000001"):
            add(_frame(stem), _FOUND[:1])
    results = json.loads((tmp_path / "coco.json").read_text())
    assert results[0] == {
        "image_id": 139,
        "category_id": 1,
        "bbox": [10.0, 20.0, 20.5, 40.0],
        "score": 0.75,
        "file_name": "images/000000000139.jpg",
    }
    assert [result["image_id"] for result in results] == [139, "dog", 7, "007", "street/000001"]


def test_coco_results_of_nothing_and_with_other_category_numbers(tmp_path):
    with coco_results(tmp_path / "coco.json"):
        pass
    assert json.loads((tmp_path / "coco.json").read_text()) == []
    with coco_results(tmp_path / "coco.json", category_ids=[17, 18]) as add:
        add(_frame("1"), _FOUND)
    assert [result["category_id"] for result in json.loads((tmp_path / "coco.json").read_text())] == [18, 17]


def test_cocos_own_evaluation_reads_them(tmp_path):
    """Truth: boxes that are the ground truth itself have an average precision of 1."""
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    with coco_results(tmp_path / "coco.json") as add:
        add(_frame("000139"), _FOUND)
    annotations = [
        {"id": 1, "image_id": 139, "category_id": 1, "bbox": [10, 20, 20.5, 40], "area": 820, "iscrowd": 0},
        {"id": 2, "image_id": 139, "category_id": 0, "bbox": [0, 0, 5, 5], "area": 25, "iscrowd": 0},
    ]
    truth = {
        "images": [{"id": 139, "width": 100, "height": 80}],
        "annotations": annotations,
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco.COCO(str(tmp_path / "truth.json"))
        measured = evaluation.COCOeval(known, known.loadRes(str(tmp_path / "coco.json")), "bbox")
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    assert measured.stats[0] == pytest.approx(1)


def test_yolo_labels_are_fractions(tmp_path):
    with yolo_labels(tmp_path / "labels") as add:
        add(_frame("dog"), _FOUND)
        add(_frame("street/000001"), _FOUND[:0])
    rows = [[float(word) for word in line.split()] for line in (tmp_path / "labels/dog.txt").read_text().splitlines()]
    assert rows == [
        pytest.approx([1, 20.25 / 100, 40 / 80, 20.5 / 100, 40 / 80, 0.75], abs=1e-6),
        pytest.approx([0, 2.5 / 100, 2.5 / 80, 5 / 100, 5 / 80, 0.5], abs=1e-6),
    ]
    assert (tmp_path / "labels/dog.txt").read_text().startswith("1 0.202500 ")
    assert (tmp_path / "labels/street/000001.txt").read_text() == ""


@pytest.mark.parametrize("writer", ["labelme", "csv"])
def test_what_was_found_is_a_data_set_again(tmp_path, monkeypatch, writer):
    """Two folders with images of the same name; the results are elsewhere."""
    monkeypatch.chdir(tmp_path)
    for folder in ("photos/a", "photos/b"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (100, 80)).save(tmp_path / folder / "dog.jpg")
    place = tmp_path / ("found/labelme" if writer == "labelme" else "found/boxes.csv")
    (tmp_path / "found").mkdir()
    with labelme_files(place) if writer == "labelme" else csv_file(place) as add:
        for number, frame in enumerate(find_frames(["photos"])):
            add(frame, _FOUND[: 2 - number])
    samples = open_dataset(place, images="photos")
    assert samples.names == ("cat", "dog")
    assert {str(sample.image): sample.boxes.tolist() for sample in samples} == {
        "photos/a/dog.jpg": [[10, 20, 30.5, 60], [0, 0, 5, 5]],
        "photos/b/dog.jpg": [[10, 20, 30.5, 60]],
    }


def test_labelme_files_of_images_without_objects_and_of_videos(tmp_path):
    with labelme_files(tmp_path) as add:
        add(_frame("empty"), _FOUND[:0])
        add(_frame("dog"), _FOUND)
        add(Frame("v.mp4 frame 000001", "v/000001", lambda: np.zeros((8, 8, 3), np.uint8), Video("v.mp4", "v")), _FOUND)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["dog.json", "empty.json"]
    assert json.loads((tmp_path / "empty.json").read_text())["shapes"] == []
    dog = json.loads((tmp_path / "dog.json").read_text())
    assert (dog["imageHeight"], dog["imageWidth"], dog["imageData"]) == (80, 100, None)
    assert [shape["description"] for shape in dog["shapes"]] == ["score 0.750", "score 0.500"]
