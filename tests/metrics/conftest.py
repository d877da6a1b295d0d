"""Comparisons to measure: by hand, and random ones that hit, miss and repeat objects."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from yolo3.metrics import Comparison, DetectionSet, Truth

Object = tuple[int, int, tuple[float, float, float, float]]
"""Image, class, xywh."""
MakeComparison = Callable[..., Comparison]


@pytest.fixture
def compare() -> MakeComparison:
    """Build a comparison of objects and (object, score) found; images are as many as are spoken of, or more."""

    def build(
        objects: Sequence[Object],
        found: Sequence[tuple[Object, float]] = (),
        names: Sequence[str] = ("cat", "dog"),
        ignored: Sequence[bool] | None = None,
        num_images: int = 0,
    ) -> Comparison:
        boxes = np.array([box for _, _, box in objects], np.float64).reshape(-1, 4)
        truth = Truth(
            image=np.array([image for image, _, _ in objects], np.int64),
            labels=np.array([label for _, label, _ in objects], np.int64),
            xywh=boxes,
            area=boxes[:, 2:].prod(axis=1),
            ignored=np.array(ignored if ignored is not None else [False] * len(objects), np.bool_),
            ids=np.arange(1, len(objects) + 1),
        )
        detections = DetectionSet(
            image=np.array([image for (image, _, _), _ in found], np.int64),
            labels=np.array([label for (_, label, _), _ in found], np.int64),
            xywh=np.array([box for (_, _, box), _ in found], np.float64).reshape(-1, 4),
            scores=np.array([score for _, score in found], np.float64),
        )
        last = max([num_images - 1, *truth.image.tolist(), *detections.image.tolist()])
        return Comparison(tuple(names), tuple(f"{number}.jpg" for number in range(last + 1)), truth, detections)

    return build


@pytest.fixture
def random_comparison(compare: MakeComparison) -> Callable[[int], Comparison]:
    """Six images of two classes with crowds, equal scores and boxes on whole pixels, so that overlaps tie too."""

    def build(seed: int) -> Comparison:
        rng = np.random.default_rng(seed)
        objects: list[Object] = []
        found: list[tuple[Object, float]] = []
        for _ in range(24):
            image, label = int(rng.integers(6)), int(rng.integers(2))
            left, top = rng.integers(0, 30, 2).tolist()
            width, height = rng.integers(8, 20, 2).tolist()
            objects.append((image, label, (left, top, width, height)))
            for _ in range(int(rng.integers(0, 4))):
                shift = rng.integers(-3, 4, 4)
                box = tuple((np.array([left, top, width, height]) + shift).tolist())
                other = int(rng.integers(2)) if rng.random() < 0.2 else label
                found.append(((image, other, box), float(rng.random().__round__(1))))
        return compare(objects, found, ignored=(rng.random(len(objects)) < 0.2).tolist(), num_images=6)

    return build
