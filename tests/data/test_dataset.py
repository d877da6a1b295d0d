from collections.abc import Mapping
from random import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from yolo3 import GroundTruth, TargetEncoder
from yolo3.data import AnnotatedImage, Augmented, Key, Mixup, ShapesDataset, YoloDataset
from yolo3.data.transforms import standard

SHAPES = ShapesDataset(6, (64, 96), seed=1)
SIZE = (64, 64)


def annotated(*boxes: tuple[float, float, float, float]) -> AnnotatedImage:
    labels = np.arange(len(boxes))
    image = np.full((*SIZE, 3), 51, np.uint8)
    return AnnotatedImage(image, np.array(boxes, np.float32).reshape(-1, 4), labels, np.ones(len(boxes), np.float32))


def test_dense_targets_are_those_of_the_boxes_in_the_letterbox() -> None:
    encoder = TargetEncoder(image_size=64)
    image, targets = YoloDataset([annotated((8, 8, 40, 24))], encoder=encoder)[0]
    assert image.shape == (3, 64, 64)
    assert image.dtype == torch.float32
    assert image.unique().tolist() == pytest.approx([0.2])
    expected = encoder(torch.tensor([[8.0, 8, 40, 24]]), torch.tensor([0]))
    assert all(torch.equal(one, other) for one, other in zip(targets, expected, strict=True))


def test_without_an_encoder_come_boxes_and_labels() -> None:
    data = YoloDataset([annotated((8, 8, 40, 24), (0, 0, 9, 9))], encoder=None, image_size=(32, 64))
    image, boxes, labels, weights = data[0]
    assert image.dtype == torch.uint8
    assert image.shape == (3, 32, 64)
    assert boxes.tolist() == [[20, 4, 36, 12], [16, 0, 20.5, 4.5]]  # at half the size, between bars of 16
    assert labels.tolist() == [0, 1]
    assert weights.tolist() == [1, 1]


def test_a_torch_loader_batches_dense_targets() -> None:
    images, targets = next(iter(DataLoader(YoloDataset(SHAPES, encoder=TargetEncoder(image_size=96)), batch_size=4)))
    assert images.shape == (4, 3, 96, 96)
    assert [tuple(target.shape) for target in targets] == [(4, 3, 3, 3, 6), (4, 3, 6, 6, 6), (4, 3, 12, 12, 6)]
    assert (targets[0][..., 0] == 1).any()


def test_a_key_is_followed_exactly() -> None:
    data = YoloDataset(SHAPES, standard(), TargetEncoder(image_size=64))
    key = Key(2, (96, 32), epoch=3, seed=5)
    once, (coarse, *_) = data[key]
    data[0]
    again, (coarse_again, *_) = data[key]
    assert once.shape == (3, 96, 32)
    assert coarse.shape == (3, 3, 1, 6)
    assert torch.equal(once, again)
    assert torch.equal(coarse, coarse_again)
    assert not torch.equal(once, data[Key(2, (96, 32), epoch=4, seed=5)][0])


def test_a_plain_index_uses_torchs_generator() -> None:
    data = YoloDataset(SHAPES, standard(), encoder=None, image_size=64)
    torch.manual_seed(3)
    first, second = data[2].image, data[2].image
    torch.manual_seed(3)
    assert torch.equal(data[2].image, first)
    assert not torch.equal(first, second)
    assert torch.equal(YoloDataset(SHAPES, encoder=None)[-1].image, YoloDataset(SHAPES, encoder=None)[5].image)
    with pytest.raises(IndexError):
        data[6]


def test_any_callable_of_the_convention_is_a_transform() -> None:
    def drop_first(image: np.ndarray, bboxes: np.ndarray, labels: np.ndarray) -> Mapping[str, Any]:
        assert labels.tolist() == [0, 1]
        return {"image": image + 1, "bboxes": bboxes[1:].tolist(), "labels": labels[1:].tolist()}

    changed = Augmented([annotated((0, 0, 9, 9), (8, 8, 40, 24))], drop_first).load(Key(0, SIZE))
    assert changed.boxes.tolist() == [[8, 8, 40, 24]]
    assert changed.labels.tolist() == [1]
    assert (changed.image == 52).all()


def test_what_a_transform_leaves_outside_is_cut() -> None:
    def shift(image: np.ndarray, bboxes: np.ndarray, labels: np.ndarray) -> Mapping[str, Any]:
        return {"image": image, "bboxes": bboxes + 30, "labels": labels}

    changed = Augmented([annotated((10, 10, 50, 40), (34.5, 0, 40, 9))], shift).load(Key(0, SIZE))
    assert changed.boxes.tolist() == [[40, 40, 64, 64]]
    assert changed.labels.tolist() == [0]


def test_a_image_without_objects_passes_every_stage() -> None:
    for data in (YoloDataset([annotated()], standard(), encoder=None, image_size=64), YoloDataset([annotated()])):
        assert data[0][0].shape[0] == 3
    assert YoloDataset([annotated()], standard(), encoder=None)[0].boxes.shape == (0, 4)
    assert not (YoloDataset([annotated()])[0].targets[0] != 0).any()


def test_transforms_must_keep_the_size_and_pair_boxes_with_labels() -> None:
    def crop(image: np.ndarray, **rest: Any) -> Mapping[str, Any]:
        return {"image": image[:32], **rest}

    def to_float(image: np.ndarray, **rest: Any) -> Mapping[str, Any]:
        return {"image": image / 255, **rest}

    def forget(image: np.ndarray, bboxes: np.ndarray, labels: np.ndarray) -> Mapping[str, Any]:
        return {"image": image, "bboxes": bboxes[:0], "labels": labels}

    images = [annotated((8, 8, 40, 24))]
    with pytest.raises(ValueError, match=r"image of \(32, 64, 3\) out of a uint8 one of \(64, 64, 3\); leave out"):
        Augmented(images, crop).load(Key(0, SIZE))
    with pytest.raises(ValueError, match="made a float64 image"):
        Augmented(images, to_float).load(Key(0, SIZE))
    with pytest.raises(ValueError, match="gave 0 boxes and 1 labels; build it with bbox_params"):
        Augmented(images, forget).load(Key(0, SIZE))


def test_mixed_images_take_neither_transform_nor_dense_targets() -> None:
    mixed = Mixup([annotated((8, 8, 40, 24))], probability=1)
    with pytest.raises(ValueError, match=r"write Mixup\(Augmented"):
        Augmented(mixed, standard()).load(Key(0, SIZE))
    with pytest.raises(ValueError, match="no place for the weights of mixup; use encoder=None, or"):
        YoloDataset(mixed)[0]
    dense = YoloDataset(mixed, encoder=TargetEncoder(weights=True))[0].targets
    shares = {round(float(weight), 6) for scale in dense for weight in scale[..., 6][scale[..., 0] == 1]}
    assert len(shares) == 1 or sum(shares) == pytest.approx(1)
    weights = YoloDataset(Mixup(Augmented(mixed.images, standard()), 1), encoder=None, image_size=64)[0].weights
    assert weights.sum() == pytest.approx(1)


def test_sizes_are_checked() -> None:
    assert YoloDataset(SHAPES, encoder=None, image_size=(56, 100))[0].image.shape == (3, 56, 100)  # the network checks
    with pytest.raises(ValueError, match="image size 0 x 32 is not a multiple of 1"):
        YoloDataset(SHAPES, encoder=None, image_size=(0, 32))
    with pytest.raises(ValueError, match="image size 100 x 100 is not a multiple of 32; try 96 x 96"):
        YoloDataset(SHAPES, encoder=TargetEncoder(image_size=100))
    with pytest.raises(ValueError, match=r"image_size \(320, 320\) is not the encoder's \(416, 416\)"):
        YoloDataset(SHAPES, image_size=320)


def test_a_transform_without_a_random_state_uses_its_own() -> None:
    def darken(image: np.ndarray, **rest: Any) -> Mapping[str, Any]:
        return {"image": (image * random()).astype(np.uint8), **rest}

    assert len(Augmented([annotated((8, 8, 40, 24))], darken).load(Key(0, SIZE)).boxes) == 1


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_torch_loader_joins_boxes_and_labels_too(num_workers: int) -> None:
    data = YoloDataset(SHAPES, encoder=None, image_size=64)
    counts = [len(data[index].boxes) for index in range(4)]
    assert len(set(counts)) > 1
    images, truth = next(iter(DataLoader(data, batch_size=4, num_workers=num_workers)))
    assert (images.shape, images.dtype) == ((4, 3, 64, 64), torch.uint8)
    assert isinstance(truth, GroundTruth)
    assert truth.image.bincount(minlength=4).tolist() == counts
    assert torch.equal(truth.boxes, torch.cat([data[index].boxes for index in range(4)]))
    assert torch.equal(truth.labels, torch.cat([data[index].labels for index in range(4)]))
