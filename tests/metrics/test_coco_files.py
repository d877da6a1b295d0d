"""COCO files read as they stand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from yolo3.data import DataError, Sample, SampleSet
from yolo3.metrics import Annotated, Comparison, DetectionSet, measure_coco, read_annotations


def _content() -> dict[str, Any]:
    """Sparse ids, out of order; objects of all kinds."""
    return {
        "images": [{"id": 30, "file_name": "b.jpg"}, {"id": 0, "file_name": "a.jpg"}, {"id": 7}],
        "categories": [{"id": 90, "name": "dog"}, {"id": 0, "name": "cat"}],
        "annotations": [
            {"id": 5, "image_id": 30, "category_id": 90, "bbox": [1.1, 2.2, 30.3, 40.4], "area": 600.5, "iscrowd": 0},
            {"id": 9, "image_id": 0, "category_id": 0, "bbox": [0, 0, 10, 10], "iscrowd": 1},
            {"id": 6, "image_id": 0, "category_id": 0, "bbox": [-3, 0, 0, 1e4], "area": 1},
        ],
    }


def _written(folder: Path, content: Any) -> Path:
    path = folder / "truth.json"
    path.write_text(json.dumps(content))
    return path


def test_reads_to_the_last_digit(tmp_path: Path) -> None:
    annotated = read_annotations(_written(tmp_path, _content()))

    assert annotated.names == ("cat", "dog")
    assert annotated.category_ids == (0, 90)
    assert annotated.image_ids == (0, 7, 30)
    assert annotated.images == ("a.jpg", "image 7", "b.jpg")
    truth = annotated.truth
    assert truth.image.tolist() == [2, 0, 0]
    assert truth.labels.tolist() == [1, 0, 0]
    assert truth.xywh.tolist() == [[1.1, 2.2, 30.3, 40.4], [0, 0, 10, 10], [-3, 0, 0, 1e4]]  # nothing cut or left out
    assert truth.area.tolist() == [600.5, 100, 1]
    assert truth.ignored.tolist() == [False, True, False]
    assert truth.ids.tolist() == [5, 9, 6]
    assert "3 images, 3 objects, 1 of them ignored" in annotated.summary()


def test_images_are_pointed_at_where_they_exist(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "images" / "b.jpg")
    annotated = read_annotations(_written(tmp_path, _content()))
    assert annotated.images == ("a.jpg", "image 7", str(tmp_path / "images" / "b.jpg"))


def test_classes_in_the_order_of_a_detector(tmp_path: Path) -> None:
    content = _content()
    content["categories"].append({"id": 4, "name": "unused"})
    annotated = read_annotations(_written(tmp_path, content), names=["dog", "emu", "cat"])

    assert annotated.names == ("dog", "emu", "cat")
    assert annotated.category_ids == (90, None, 0)
    assert annotated.truth.labels.tolist() == [0, 2, 2]
    with pytest.raises(DataError, match="annotation 9: class 'cat' is not among those of the detector"):
        read_annotations(_written(tmp_path, content), names=["dog"])


def test_some_images_alone(tmp_path: Path) -> None:
    annotated = read_annotations(_written(tmp_path, _content())).only([30, 7])

    assert annotated.image_ids == (7, 30)
    assert annotated.truth.image.tolist() == [1]
    assert annotated.truth.ids.tolist() == [5]


def test_annotations_without_ids_are_counted_and_difficult_ones_ignored(tmp_path: Path) -> None:
    content = _content()
    for annotation in content["annotations"]:
        del annotation["id"]
    content["annotations"][0]["difficult"] = 1
    truth = read_annotations(_written(tmp_path, content)).truth
    assert truth.ids.tolist() == [1, 2, 3]
    assert truth.ignored.tolist() == [True, True, False]


def test_an_annotation_may_have_another_area_than_its_box(tmp_path: Path) -> None:
    """A box of 40 x 40 around an outline that is small."""
    content = _content() | {
        "annotations": [{"id": 1, "image_id": 0, "category_id": 0, "bbox": [0, 0, 40, 40], "area": 900}]
    }
    annotated = read_annotations(_written(tmp_path, content))
    found = DetectionSet(np.array([0]), np.array([0]), np.array([[0.0, 0, 40, 40]]), np.array([0.9]))

    measured = measure_coco(annotated.compare(found))

    assert (measured.APs, measured.APm) == (1, -1)
    content["annotations"][0]["area"] = None
    measured = measure_coco(read_annotations(_written(tmp_path, content)).compare(found))
    assert (measured.APs, measured.APm) == (-1, 1)


def test_an_empty_file(tmp_path: Path) -> None:
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    annotated = read_annotations(_written(tmp_path, content))
    comparison: Comparison = annotated.compare(DetectionSet.of([]))
    assert measure_coco(comparison).AP == -1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"images": None}, "holds three lists of objects"),
        ({"images": [{"file_name": "a.jpg"}]}, "image 0 of the list needs a whole 'id', not None"),
        ({"images": [{"id": 1}, {"id": 1.0}]}, "two entries of kind image have id 1"),
        ({"images": [{"id": 1.5}]}, "image 0 of the list needs a whole 'id', not 1.5"),
        ({"images": [{"id": 2**63}]}, "image 0 of the list needs a whole 'id', not 9223372036854775808"),
        ({"categories": []}, "categories: no class names"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}, "'a' is named twice"),
        ({"annotations": [{"id": 1, "image_id": 8}]}, "annotation 1: its image_id 8 is not among the images"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 8}]}, r"category_id 8 is not among the .*\[0, 90\]"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 0}]}, "needs a 'bbox'"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 0, "bbox": [0, 0, -1, 1]}]}, "needs a 'bbox'"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 0, "bbox": "1234"}]}, "needs a 'bbox'"),
        (
            {"annotations": [{"id": 1, "image_id": 0, "category_id": 0, "bbox": [0, 0, 1, 1], "area": "big"}]},
            "'area' is a number of square pixels, not 'big'",
        ),
        (
            {"annotations": [{"id": 1, "image_id": 0, "category_id": 0, "bbox": [0, 0, 1, 1]}] * 2},
            "two entries of kind annotation have id 1",
        ),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read_annotations(_written(tmp_path, _content() | change))


def test_no_coco_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds three lists"):
        read_annotations(_written(tmp_path, [1, 2]))
    with pytest.raises(DataError, match="cannot be read"):
        read_annotations(tmp_path / "nowhere.json")


def test_other_formats_have_the_numbers_of_their_files_or_count() -> None:
    def annotated(*files: str) -> Annotated:
        return Annotated.of(SampleSet.from_samples(("cat", "dog"), [_empty(Path(file)) for file in files]))

    assert annotated().image_ids == ()
    assert annotated("x/007.jpg", "y/0139.jpg").image_ids == (7, 139)
    assert annotated("7.jpg", "b.jpg").image_ids == (0, 1)
    assert annotated("7.jpg", "007.jpg").image_ids == (0, 1)  # no number of their own
    assert annotated("7.jpg").category_ids == (0, 1)


def _empty(file: Path) -> Sample:
    none = np.zeros(0, dtype=bool)
    return Sample(
        file, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), none, none, np.zeros(0, np.float32), (9, 9)
    )
