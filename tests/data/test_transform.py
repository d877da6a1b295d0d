from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from yolo3.data import AnnotatedImage, Augmented, Key, ShapesDataset, YoloDataset
from yolo3.data.transforms import A, pipeline

SIZE = (64, 96)
SHAPES = ShapesDataset(8, SIZE, seed=3)
BOXES = A.BboxParams("pascal_voc", label_fields=["labels"])


def _flip() -> A.HorizontalFlip:
    """A new one each time: a pipeline changes those that it is given."""
    return A.HorizontalFlip(p=1)


class Own(A.HorizontalFlip):
    """A transform of one's own, derived from albumentations'."""


@pytest.mark.parametrize(
    ("transform", "complaint"),
    [
        (A.Compose([_flip()]), "the Compose has no bbox_params, so it would not transform the boxes"),
        (A.ReplayCompose([_flip()]), "the ReplayCompose has no bbox_params"),
        (_flip(), "albumentations' HorizontalFlip by itself does not know that boxes are xyxy pixels"),
        (Own(p=1), "albumentations' Own by itself"),
        (A.OneOf([_flip()], p=1), "albumentations' OneOf by itself"),
        (A.Sequential([_flip()], p=1), "albumentations' Sequential by itself"),
        (A.Compose([_flip()], bbox_params=A.BboxParams("coco", label_fields=["labels"])), "expects boxes as 'coco'"),
        (A.Compose([_flip()], bbox_params=A.BboxParams("yolo", label_fields=["labels"])), "expects boxes as 'yolo'"),
        (A.Compose([_flip()], bbox_params=A.BboxParams("pascal_voc")), "does not keep the labels"),
        (A.Compose([_flip()], bbox_params=A.BboxParams("pascal_voc", label_fields=["names"])), "does not keep the"),
    ],
)  # fmt: skip
def test_a_pipeline_that_leaves_the_boxes_behind_is_refused(transform: Any, complaint: str) -> None:
    wrap = r"; wrap it as yolo3\.data\.transforms\.pipeline\(.*, or give Compose\(.*BboxParams\('pascal_voc'"
    for build in (lambda: YoloDataset(SHAPES, transform, encoder=None), lambda: Augmented(SHAPES, transform)):
        with pytest.raises(ValueError, match=complaint + ".*" + wrap):
            build()


@pytest.mark.parametrize(
    "transform",
    [pipeline([_flip()]), A.Compose([_flip()], bbox_params=BOXES), A.ReplayCompose([_flip()], bbox_params=BOXES)],
)
def test_a_pipeline_that_carries_boxes_keeps_every_one(transform: Any) -> None:
    plain = YoloDataset(SHAPES, encoder=None, image_size=SIZE)
    flipped = YoloDataset(SHAPES, transform, encoder=None, image_size=SIZE)
    for index in range(len(SHAPES)):
        before, after = plain[index], flipped[index]
        expected = before.boxes.clone()
        expected[:, [0, 2]] = SIZE[1] - before.boxes[:, [2, 0]]
        np.testing.assert_allclose(after.boxes, expected, atol=1e-3)
        assert after.labels.tolist() == before.labels.tolist()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (None, "the transform gave NoneType; it must give a mapping with image, bboxes and labels"),
        ({"image": 0, "boxes": 0}, r"the transform gave \['boxes', 'image'\]; it must give a mapping"),
        ({"bboxes": [[0.1, 0.2, 0.5, 0.9]]}, r"boxes in fractions of the image, \[0\.1.*left, top, right, bottom"),
        ({"bboxes": [[30, 20, 10, 40]]}, r"a box that ends before it begins, \[30\.0, 20\.0, 10\.0, 40\.0\]"),
        ({"bboxes": [[1, 2, float("nan"), 4]]}, "a box that is not all numbers"),
        ({"bboxes": [[1, 2, 3, 4, 0]]}, r"boxes of shape \(1, 5\)"),
    ],
)  # fmt: skip
def test_what_a_transform_must_give(given: Any, complaint: str) -> None:
    def own(image: np.ndarray, bboxes: np.ndarray, labels: np.ndarray) -> Mapping[str, Any]:
        whole = {"image": image, "bboxes": bboxes, "labels": labels}
        return whole | given if isinstance(given, dict) and "boxes" not in given else given

    annotated = AnnotatedImage(np.zeros((*SIZE, 3), np.uint8), [[8, 8, 40, 24]], [0], [1])
    with pytest.raises(ValueError, match=complaint):
        Augmented([annotated], own).load(Key(0, SIZE))
