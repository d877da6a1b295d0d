"""From a data set to batches: which pictures come when, and the processes that make them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, default_collate
from torch.utils.data._utils.collate import default_collate_fn_map

from yolo3.data.dataset import EncodedImage, LabelledImage, YoloDataset
from yolo3.data.picture import Key
from yolo3.structures import GroundTruth

Batch = tuple[Tensor, GroundTruth]
"""(B, 3, H, W) uint8 images and their objects; `unit_range` makes the images what a network takes."""


class BatchKeys(Sampler[list[Key]]):
    """The keys of every batch of an epoch: a batch sampler for a `DataLoader`.

    Everything follows from (seed, epoch, batch number): the order, the dice of augmentation, which travel with the keys
    into every worker, and the size of a batch, which so is the same on every rank. An epoch can be repeated, and taken
    up in its middle.

    Args:
        num_pictures: of the data set.
        batch_size: pictures a batch, on each rank.
        image_sizes: (height, width) of network inputs; of several, one is drawn for every few batches.
        seed: of everything random.
        shuffle: a new order each epoch; otherwise the order given.
        drop_last: leave out the last pictures where they do not fill a batch on every rank. Otherwise they make a
            smaller one, and the first pictures fill up what is missing to give each rank as many.
        rank: of this process.
        world_size: how many processes train.
        batches_a_size: batches until another size is drawn; Darknet takes 10.

    Raises:
        ValueError: numbers that give no batch at all.
    """

    def __init__(
        self,
        num_pictures: int,
        batch_size: int,
        image_sizes: Sequence[tuple[int, int]],
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        batches_a_size: int = 10,
    ) -> None:
        if batch_size < 1 or not 0 <= rank < world_size or not image_sizes or seed < 0:
            raise ValueError(
                f"batch_size {batch_size}, rank {rank} of {world_size}, image_sizes {image_sizes}, seed {seed}: give "
                "one picture a batch or more, a rank below world_size, an image size, a seed of 0 or more"
            )
        self.num_pictures, self.batch_size, self.image_sizes = num_pictures, batch_size, tuple(image_sizes)
        self.seed, self.shuffle, self.drop_last, self.batches_a_size = seed, shuffle, drop_last, batches_a_size
        self.rank, self.world_size = rank, world_size
        self.epoch, self._resumed = 0, (0, 0)
        if len(self) == 0:
            raise ValueError(
                f"{num_pictures} pictures do not fill one batch of {batch_size} on {world_size} process(es); lower "
                "batch_size" + (", or do not drop the last batch" if drop_last else "")
            )

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        whole, rest = divmod(self.num_pictures, self.batch_size * self.world_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[Key]]:
        order = self._order()
        per_step = self.batch_size * self.world_size
        epoch, first = self._resumed
        for step in range(first if epoch == self.epoch else 0, len(self)):
            mine = order[step * per_step : (step + 1) * per_step][self.rank :: self.world_size]
            size = self._image_size(step)
            yield [Key(index, size, self.epoch, self.seed) for index in mine.tolist()]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives."""
        self.epoch = epoch

    def resume(self, epoch: int, batch: int) -> None:
        """Begin the next iteration in the middle of an epoch, before its batch of this number."""
        self.epoch, self._resumed = epoch, (epoch, batch)

    @property
    def sampler(self) -> "BatchKeys":
        """Itself: Lightning looks under this name for what to call ``set_epoch`` on."""
        return self

    def _order(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """(M,) indices, as many for each rank."""
        order = np.arange(self.num_pictures)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        return order if self.drop_last else np.resize(order, -(-len(order) // self.world_size) * self.world_size)

    def _image_size(self, step: int) -> tuple[int, int]:
        dice = np.random.default_rng((self.seed, self.epoch, step // self.batches_a_size))
        return self.image_sizes[int(dice.integers(len(self.image_sizes)))]


def sizes_around(
    image_size: tuple[int, int], least: float = 0.75, most: float = 1.5, stride: int = 32
) -> tuple[tuple[int, int], ...]:
    """The (height, width) for multi-scale training: proportional to one, multiples of the stride, smallest first.

    Source:
        YOLO9000, arXiv 1612.08242 §2, trains 416 at 320 to 608: the defaults come near.
    """
    shorter = min(image_size)
    edges = range(round(shorter * least / stride), round(shorter * most / stride) + 1)
    scales = [edge * stride / shorter for edge in edges if edge > 0]
    sizes = {tuple(round(edge * scale / stride) * stride for edge in image_size) for scale in scales}
    return tuple(sorted((height, width) for height, width in sizes))


def collate(items: Sequence[LabelledImage]) -> Batch:
    """Stack images and join their objects.

    The images of the batch lie in memory channels last, as the pictures do, so that nothing needs turning around.
    """
    truth = GroundTruth.collate([(item.boxes, item.labels) for item in items])
    weights = torch.cat([item.weights for item in items])
    images = torch.stack([item.image.permute(1, 2, 0) for item in items]).permute(0, 3, 1, 2)  # (B, 3, H, W)
    return images, GroundTruth(truth.boxes, truth.labels, truth.image, weights)


def _collate_by_torch(items: Sequence[LabelledImage], *, collate_fn_map: object = None) -> Batch:
    return collate(items)


# a plain `DataLoader` asks here, so that it makes the same batches: images have different numbers of boxes
default_collate_fn_map[LabelledImage] = _collate_by_torch


def unit_range(images: Tensor) -> Tensor:
    """(B, 3, H, W) bytes -> float32 in [0, 1], on their device; floats stay as they are."""
    return images if images.is_floating_point() else images.float().div_(255)


def make_loader(
    dataset: YoloDataset,
    batch_size: int,
    *,
    keys: BatchKeys | None = None,
    num_workers: int = 0,
    pin_memory: bool | None = None,
    prefetch: int = 4,
    kind: type[DataLoader[Any]] = DataLoader,
) -> DataLoader[EncodedImage | LabelledImage]:
    """Batches of a data set, made ahead of time by worker processes that live as long as the loader.

    Args:
        dataset: with an encoder, batches are (float images, dense targets); without, `Batch`.
        batch_size: pictures a batch.
        keys: which pictures come when; None is one epoch after another of all in order, for evaluation.
        num_workers: processes; 0 makes batches in this one.
        pin_memory: page-locked memory, from which copies to an accelerator need not wait. None: where there is one.
        prefetch: batches that each worker may be ahead.
        kind: Class of the loader.

    Raises:
        ValueError: keys of another number of pictures or another batch size.
    """
    keys = keys or BatchKeys(len(dataset), batch_size, [dataset.image_size], shuffle=False)
    if (keys.num_pictures, keys.batch_size) != (len(dataset), batch_size):
        raise ValueError(
            f"keys for {keys.num_pictures} pictures in batches of {keys.batch_size}, a data set of {len(dataset)} in "
            f"batches of {batch_size}; they must agree"
        )
    return kind(
        dataset,
        batch_sampler=keys,
        collate_fn=collate if dataset.encoder is None else default_collate,
        num_workers=num_workers,
        pin_memory=torch.accelerator.is_available() if pin_memory is None else pin_memory,
        prefetch_factor=prefetch if num_workers else None,
        persistent_workers=num_workers > 0,
    )
