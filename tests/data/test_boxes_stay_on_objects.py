"""Paint a coloured rectangle on grey noise, move the image about, find it by its colour: the box is there."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from yolo3.boxes import InputFormat, Letterbox
from yolo3.choices import LetterboxName
from yolo3.data import AnnotatedImage, Augmented, ImageReader, Key, Mixup, Mosaic
from yolo3.data.annotated_image import letterboxed
from yolo3.data.transforms import LEAST_SHARE, A, light, overhead, pipeline, standard, strong

SIZE = (96, 128)
COLOURS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)], np.uint8)  # by label
FINDING = 1.5  # pixels: the edge of a resampled rectangle can be seen no better

keys = st.builds(Key, st.just(0), st.just(SIZE), st.integers(0, 1000), st.integers(0, 1000))


@st.composite
def rectangles(draw: st.DrawFn, height: int, width: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of one inside an image, not too small to be found again."""
    left, top = draw(st.integers(0, width - 20)), draw(st.integers(0, height - 20))
    return left, top, draw(st.integers(left + 16, width)), draw(st.integers(top + 16, height))


def painted(size: tuple[int, int], box: tuple[int, int, int, int], label: int = 0) -> AnnotatedImage:
    grey = np.random.default_rng(0).integers(0, 100, (*size, 1), dtype=np.uint8)
    image = np.repeat(grey, 3, axis=2)
    left, top, right, bottom = box
    image[top:bottom, left:right] = COLOURS[label]
    return AnnotatedImage(image, np.array([box], np.float32), np.array([label]), np.ones(1, np.float32))


def coloured(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """(H, W) where an image is not grey."""
    colourfulness = image.max(2).astype(int) - image.min(2)
    return colourfulness > max(20, colourfulness.max() / 2)


def hull(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Left, top, right, bottom of what is found."""
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@given(st.data(), st.integers(40, 300), st.integers(40, 300), st.sampled_from(["default", "darknet", "stretch"]))
@settings(max_examples=50)
def test_the_letterbox_keeps_a_box_on_its_object(
    data: st.DataObject, height: int, width: int, fit: LetterboxName
) -> None:
    annotated = painted((height, width), data.draw(rectangles(height, width)))
    network_size = (160, 160)
    boxed = letterboxed(ImageReader([annotated], InputFormat(letterbox=fit)).load(Key(0, network_size)), network_size)
    letterbox = Letterbox.fit((height, width), network_size, fit)
    assert boxed.size == network_size
    np.testing.assert_allclose(boxed.boxes[0], hull(coloured(boxed.image)), atol=FINDING * max(1, *letterbox.scale))


@pytest.mark.parametrize("build", [light, standard, strong, overhead])
@given(data=st.data(), key=keys)
@settings(max_examples=30)
def test_ready_made_augmentations_keep_a_box_on_its_object(
    build: Callable[[], A.Compose], data: st.DataObject, key: Key
) -> None:
    annotated = painted(SIZE, data.draw(rectangles(*SIZE)))
    changed = Augmented([annotated], without_grey(build())).load(key)
    found = coloured(changed.image)
    if len(changed.boxes) == 0:
        largest = annotated.boxes[0, 2:] - annotated.boxes[0, :2] + 4
        assert found.sum() <= 1.5**2 * LEAST_SHARE * largest.prod() * 1.5
        return
    box, seen = changed.boxes[0], hull(found)
    assert (seen[:2] >= box[:2] - FINDING).all()
    assert (seen[2:] <= box[2:] + FINDING).all()
    turned_and_cut = build is strong and ((box == 0) | (box == [SIZE[1], SIZE[0], SIZE[1], SIZE[0]])).any()
    if not turned_and_cut:  # of a turned rectangle, the part inside the image may reach less far than its cut box
        np.testing.assert_allclose(box, seen, atol=FINDING + 1)


@pytest.mark.parametrize(
    "transform",
    [
        A.HorizontalFlip(p=1),
        A.VerticalFlip(p=1),
        A.Affine(scale=(0.5, 1.5), p=1),
        A.Affine(translate_percent=(-0.3, 0.3), p=1),
        A.Affine(rotate=(90, 90), p=1),
    ],
    ids=["mirror", "upside down", "scale", "shift", "quarter turn"],
)
@given(data=st.data(), key=keys)
@settings(max_examples=15)
def test_each_geometric_augmentation_keeps_a_box_on_its_object(
    transform: A.BasicTransform, data: st.DataObject, key: Key
) -> None:
    changed = Augmented([painted(SIZE, data.draw(rectangles(*SIZE)))], pipeline([transform])).load(key)
    assume(len(changed.boxes))
    np.testing.assert_allclose(changed.boxes[0], hull(coloured(changed.image)), atol=FINDING)


@given(st.data(), keys)
@settings(max_examples=40)
def test_mosaic_keeps_boxes_on_their_objects(data: st.DataObject, key: Key) -> None:
    images = [painted(SIZE, data.draw(rectangles(*SIZE)), label) for label in range(4)]
    made = Mosaic(images).load(key)
    assert made.size == SIZE
    assert made.boxes.min(initial=0) >= 0
    assert (made.boxes <= [SIZE[1], SIZE[0], SIZE[1], SIZE[0]]).all()
    unexplained = coloured(made.image)
    for box, label in zip(made.boxes, made.labels, strict=True):
        left, top, right, bottom = np.rint(box).astype(int)
        inside = made.image[top + 1 : bottom - 1, left + 1 : right - 1].reshape(-1, 3)
        assert (np.abs(inside.astype(int) - COLOURS[label]) <= 60).all()
        unexplained[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2] = False
    if len(made.boxes) == 4:  # nothing was dropped
        assert not unexplained.any()
    largest = max((annotated.boxes[0, 2:] - annotated.boxes[0, :2]).prod() for annotated in images)
    assert unexplained.sum() <= (4 - len(made.boxes)) * (0.25 * largest + 4 * max(SIZE))


@given(st.data(), keys)
@settings(max_examples=30)
def test_mixup_keeps_boxes_on_their_objects_and_weighs_them(data: st.DataObject, key: Key) -> None:
    red, green = (painted(SIZE, data.draw(rectangles(*SIZE)), label) for label in range(2))
    made = Mixup([red, green], probability=1).load(key)
    assume(made.labels.tolist() == [0, 1])
    assume(made.weights.min() > 0.1)
    assert made.weights.sum() == pytest.approx(1)
    for label, (box, share) in enumerate(zip(made.boxes, made.weights, strict=True)):
        excess = made.image[..., label].astype(int) - made.image[..., 2]  # the other colour adds nothing to this
        np.testing.assert_array_equal(box, hull(excess > 128 * share))


def without_grey(transform: A.Compose) -> A.Compose:
    """A pipeline that does not take the colour away by which the rectangle is found."""
    return pipeline([part for part in transform if not isinstance(part, A.OneOf)])
