import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from yolo3 import TargetEncoder
from yolo3.data import (
    BatchKeys,
    Key,
    Mosaic,
    ShapesDataset,
    YoloDataset,
    collate,
    make_loader,
    sizes_around,
    unit_range,
)
from yolo3.data.batch import stack
from yolo3.data.transforms import standard

SIZES = [(64, 64), (96, 96), (128, 128)]
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def indices(batches: list[list[Key]]) -> list[int]:
    return [key.index for batch in batches for key in batch]


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own() -> None:
    keys = BatchKeys(10, 4, SIZES)
    first = list(keys)
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert len(keys) == 3
    assert sorted(indices(first)) == list(range(10))
    assert list(keys) == first
    keys.set_epoch(1)
    second = list(keys)
    assert indices(second) != indices(first)
    assert {key.epoch for batch in second for key in batch} == {1}
    assert list(BatchKeys(10, 4, SIZES, seed=1)) != first


def test_without_shuffling_the_order_is_the_one_given() -> None:
    keys = BatchKeys(5, 2, [(64, 64)], shuffle=False)
    assert indices(list(keys)) == [0, 1, 2, 3, 4]
    assert indices(list(BatchKeys(5, 2, [(64, 64)], shuffle=False, drop_last=True))) == [0, 1, 2, 3]


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("num_images", [12, 13, 14, 23])
def test_ranks_share_an_epoch(num_images: int, drop_last: bool) -> None:
    ranks = [list(BatchKeys(num_images, 2, SIZES, rank=r, world_size=3, drop_last=drop_last)) for r in range(3)]
    assert len({tuple(len(batch) for batch in batches) for batches in ranks}) == 1  # as many steps, as many images
    assert len(ranks[0]) == len(BatchKeys(num_images, 2, SIZES, world_size=3, drop_last=drop_last))
    seen = [index for batches in ranks for index in indices(batches)]
    if drop_last:
        assert len(seen) == len(set(seen)) == num_images // 6 * 6
    else:
        assert set(seen) == set(range(num_images))
        assert len(seen) < num_images + 3
    for batches in zip(*ranks, strict=True):
        assert len({key.image_size for batch in batches for key in batch}) == 1


def test_sizes_change_every_few_batches() -> None:
    keys = list(BatchKeys(400, 2, SIZES, batches_per_size=5))
    sizes = [batch[0].image_size for batch in keys]
    assert set(sizes) == set(SIZES)
    assert all(len(set(sizes[start : start + 5])) == 1 for start in range(0, 200, 5))


def test_an_epoch_is_taken_up_in_its_middle() -> None:
    keys = BatchKeys(10, 2, SIZES, batches_per_size=1)
    keys.set_epoch(3)
    whole = list(keys)
    other = BatchKeys(10, 2, SIZES, batches_per_size=1)
    other.resume(3, batch=2)
    other.sampler.set_epoch(3)  # as Lightning does when an epoch begins
    assert list(other) == whole[2:]
    other.set_epoch(4)
    assert len(list(other)) == 5


def test_what_gives_no_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3 images do not fill one batch of 4 .*lower batch_size, or do not drop"):
        BatchKeys(3, 4, SIZES, drop_last=True)
    with pytest.raises(ValueError, match="0 images do not fill"):
        BatchKeys(0, 4, SIZES)
    with pytest.raises(ValueError, match="rank 2 of 2"):
        BatchKeys(9, 4, SIZES, rank=2, world_size=2)
    with pytest.raises(ValueError, match="keys for 8 images in batches of 4, a data set of 9 in batches of 4"):
        make_loader(YoloDataset(ShapesDataset(9)), 4, keys=BatchKeys(8, 4, SIZES))


def test_sizes_around_keep_the_proportions() -> None:
    assert sizes_around((416, 416))[0] == (320, 320)
    assert sizes_around((416, 416))[-1] == (640, 640)
    assert sizes_around((64, 128), 0.5, 1.5) == ((32, 64), (64, 128), (96, 192))
    assert sizes_around((32, 32), 0.1, 1) == ((32, 32),)


def test_workers_give_what_this_process_gives_and_follow_the_epochs() -> None:
    shapes = ShapesDataset(8, (64, 64))
    data = YoloDataset(Mosaic(shapes), standard(), encoder=None, image_size=64)
    epochs = {}
    for num_workers in (0, 2):
        keys = BatchKeys(8, 3, SIZES, seed=7, batches_per_size=1)
        loader = make_loader(data, 3, keys=keys, num_workers=num_workers)
        for epoch in (0, 1, 0):  # the workers persist from one to the next
            keys.set_epoch(epoch)
            epochs.setdefault(epoch, []).append(list(loader))
    for repeats in epochs.values():
        for again in repeats[1:]:
            for (images, truth), (other_images, other_truth) in zip(repeats[0], again, strict=True):
                assert torch.equal(images, other_images)
                assert torch.equal(truth.boxes, other_truth.boxes)
    assert len({images.shape for images, _ in epochs[0][0]}) > 1
    assert not torch.equal(epochs[0][0][0][1].boxes, epochs[1][0][0][1].boxes)


def test_batches_hold_images_channels_last_and_objects_by_image() -> None:
    data = YoloDataset(ShapesDataset(6, (64, 64)), encoder=None, image_size=64)
    images, truth = next(iter(make_loader(data, 6)))
    assert images.shape == (6, 3, 64, 64)
    assert images.is_contiguous(memory_format=torch.channels_last)
    for number in range(6):
        assert torch.equal(images[number], data[number].image)
        assert torch.equal(truth.boxes[truth.image == number], data[number].boxes)
        assert torch.equal(truth.labels[truth.image == number], data[number].labels)
    assert truth.weights is not None
    assert truth.weights.tolist() == [1] * len(truth)


def test_a_batch_may_be_without_objects() -> None:
    empty = next(number for number, image in enumerate(ShapesDataset(50)) if len(image.boxes) == 0)
    _, truth = collate([YoloDataset(ShapesDataset(50), encoder=None, image_size=64)[empty]])
    assert len(truth) == 0
    assert truth.boxes.shape == (0, 4)


def test_with_an_encoder_batches_are_dense() -> None:
    data = YoloDataset(ShapesDataset(4, (64, 64)), encoder=TargetEncoder(image_size=64))
    loader = make_loader(data, 4)
    assert isinstance(loader, DataLoader)
    images, targets = next(iter(loader))
    assert torch.equal(images[2], data[2][0])
    assert [len(target) for target in targets] == [4, 4, 4]


def test_bytes_become_floats_once() -> None:
    levels = np.arange(256, dtype=np.uint8)
    floats = unit_range(torch.from_numpy(levels).reshape(1, 1, 16, 16))
    assert np.array_equal(floats.flatten().numpy(), levels.astype(np.float32) / np.float32(255))  # to the last bit
    assert unit_range(floats) is floats


def test_a_stack_is_bytes_unless_an_image_is_not() -> None:
    levels = torch.arange(2 * 3 * 4, dtype=torch.uint8).reshape(2, 3, 4)
    assert torch.equal(stack([levels, levels]), torch.stack([levels, levels]))
    mixed = stack([levels, torch.full((2, 3, 4), 0.5)])
    assert torch.equal(mixed, torch.stack([levels / 255, torch.full((2, 3, 4), 0.5)]))
    assert mixed.is_contiguous(memory_format=torch.channels_last)
