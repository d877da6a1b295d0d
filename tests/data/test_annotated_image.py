from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo3.boxes import InputFormat, Letterbox
from yolo3.data import AnnotatedImage, ImageReader, Key, Sample, network_input, read_image
from yolo3.data.annotated_image import as_source, cut_boxes, letterboxed
from yolo3.data.fitting import to_tensor


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    boxes = np.array([[10, 10, 60, 40], [0, 0, 120, 90]], np.float32)
    no, crowd = np.zeros(2, bool), np.array([False, True])
    return Sample(tmp_path / "image.png", boxes, np.array([1, 0]), no, crowd, np.ones(2, np.float32), (90, 120))


def test_the_generator_follows_from_seed_epoch_image_and_stage() -> None:
    key = Key(3, (32, 32), epoch=2, seed=1)
    others = [replace(key, index=4), replace(key, epoch=3), replace(key, seed=0)]
    thrown = [key.random("flip").random(), key.random("mosaic").random(), *(k.random("flip").random() for k in others)]
    assert key.random("flip").random() == thrown[0]
    assert replace(key, image_size=(64, 64)).random("flip").random() == thrown[0]
    assert len(set(thrown)) == 5


def test_reading_and_bars_are_the_letterbox_of_the_network(sample: Sample) -> None:
    read = ImageReader([sample]).load(Key(0, (64, 64)))
    assert read.size == (48, 64)
    boxed = letterboxed(read, (64, 64))
    letterbox = Letterbox.fit(sample.size, (64, 64))
    assert torch.equal(to_tensor(boxed.image), network_input(read_image(sample.image), letterbox))
    np.testing.assert_allclose(boxed.boxes, letterbox.apply(torch.from_numpy(sample.boxes[:1])), atol=1e-5)


def test_crowds_are_left_out(sample: Sample) -> None:
    read = ImageReader([sample]).load(Key(0, (64, 64)))
    assert read.labels.tolist() == [1]
    assert read.weights.tolist() == [1]


def test_a_image_of_another_size_than_annotated_is_refused(sample: Sample) -> None:
    with pytest.raises(ValueError, match=r"image\.png.*120 x 90.*its annotation says 90 x 120"):
        ImageReader([replace(sample, size=(120, 90))]).load(Key(0, (64, 64)))


def test_sources_stay_and_samples_are_read(sample: Sample) -> None:
    reader = ImageReader([sample], InputFormat(letterbox="stretch"))
    assert as_source(reader) is reader
    assert as_source([sample], InputFormat(letterbox="stretch")) == reader


def test_boxes_are_cut_and_slivers_dropped() -> None:
    boxes = np.array([[2, 2, 6, 6], [-6, 0, 2, 4], [-5, 0, 5, 4], [20, 20, 30, 30], [9.5, 0, 12, 4]], np.float32)
    cut, kept = cut_boxes(boxes, (0, 0, 10, 10), least_share=0.5)
    assert kept.tolist() == [True, False, True, False, False]
    assert cut[kept].tolist() == [[2, 2, 6, 6], [0, 0, 5, 4]]
    assert cut_boxes(boxes[:0], (0, 0, 10, 10))[0].shape == (0, 4)


def test_a_image_may_be_empty() -> None:
    image = np.zeros((30, 60, 3), np.uint8)
    empty = AnnotatedImage(image, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32))
    boxed = letterboxed(ImageReader([empty]).load(Key(0, (32, 32))), (32, 32))
    assert boxed.boxes.shape == (0, 4)
    assert boxed.image[0, 0].tolist() == [128, 128, 128]
    assert boxed.image[16, 16].tolist() == [0, 0, 0]


def test_a_image_takes_lists() -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    given = AnnotatedImage(image, [[8, 8, 40, 24], [0, 0, 9, 9]], [1, 0], [1, 0.5])
    assert (given.boxes.dtype, given.labels.dtype, given.weights.dtype) == (np.float32, np.int64, np.float32)
    assert given.boxes.shape == (2, 4)
    empty = AnnotatedImage(image, [], [], [])
    assert empty.boxes.shape == (0, 4)
    read = ImageReader([given, empty])
    assert read.load(Key(0, (32, 48))).boxes.tolist() == [[4, 4, 20, 12], [0, 0, 4.5, 4.5]]
    assert read.load(Key(1, (32, 48))).labels.tolist() == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"image": [[0, 0, 0]]}, r"an AnnotatedImage are an \(H, W, C\) array of uint8, .*, not a list"),
        ({"image": np.zeros((9, 9), np.uint8)}, r"in \[0, 1\], not \(9, 9\) of uint8"),
        ({"image": np.zeros((9, 9, 3))}, r"in \[0, 1\], not \(9, 9, 3\) of float64"),
        (
            {"boxes": [1, 2, 3, 4]},
            r"the boxes of an AnnotatedImage are a \(4, 4\) float32 array, not \(4,\) of int64",
        ),
        ({"boxes": [[1, 2, 3]]}, r"the boxes of an AnnotatedImage are a \(1, 4\) float32 array, not \(1, 3\)"),
        ({"labels": [0, 1]}, r"the labels of an AnnotatedImage are a \(1,\) int64 array, not \(2,\)"),
        ({"labels": ["dog"]}, r"the labels of an AnnotatedImage are a \(1,\) int64 array, not \(1,\) of <U3"),
        ({"labels": [0.5]}, r"the labels of an AnnotatedImage are class numbers, not \[0\.5\]"),
        ({"weights": []}, r"the weights of an AnnotatedImage are a \(1,\) float32 array, not \(0,\)"),
    ],
)
def test_what_is_no_image(change: dict, complaint: str) -> None:
    fields = {"image": np.zeros((9, 9, 3), np.uint8), "boxes": [[1, 2, 3, 4]], "labels": [0], "weights": [1]}
    with pytest.raises(ValueError, match=complaint):
        AnnotatedImage(**fields | change)


def test_boxes_of_an_image_in_fractions_are_refused() -> None:
    given = AnnotatedImage(np.zeros((64, 96, 3), np.uint8), [[0.1, 0.2, 0.5, 0.9]], [0], [1])
    with pytest.raises(ValueError, match="image 0 has boxes in fractions of its size; give xyxy in pixels"):
        ImageReader([given]).load(Key(0, (32, 48)))
