"""Batches of a data set: the order of images, and the data loader."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler, default_collate

from yolo3.data.annotated_image import Key
from yolo3.data.batch import EncodedImage, LabelledImage, collate
from yolo3.data.dataset import YoloDataset


class BatchKeys(Sampler[list[Key]]):
    """The keys of every batch of an epoch: a batch sampler for a `DataLoader`.

    Everything follows from (seed, epoch, batch number): the order, the randomness of augmentation, which travels with
    the keys into every worker, and the image size of a batch, which is therefore the same on every rank. An epoch can
    be repeated, and resumed at any batch.

    Args:
        num_images: Number of images in the data set.
        batch_size: Images per batch on each rank.
        image_sizes: (height, width) of network inputs. One of several is drawn for every few batches.
        seed: Seed of the order, the image sizes and augmentation.
        shuffle: Whether each epoch has a new order; otherwise images keep their order.
        drop_last: Whether to leave out the last images if they do not fill a batch on every rank. Otherwise they form a
            smaller batch, to which the first images are added until all ranks have the same number.
        rank: Rank of this process.
        world_size: Number of training processes.
        batches_per_size: Batches until another size is drawn; 10 in Darknet.

    Raises:
        ValueError: Numbers that give no batch at all.
    """

    def __init__(
        self,
        num_images: int,
        batch_size: int,
        image_sizes: Sequence[tuple[int, int]],
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        batches_per_size: int = 10,
    ) -> None:
        if batch_size < 1 or not 0 <= rank < world_size or not image_sizes or seed < 0:
            raise ValueError(
                f"batch_size {batch_size}, rank {rank} of {world_size}, image_sizes {image_sizes}, seed {seed}: give "
                "at least one image per batch, a rank below world_size, an image size, a seed of 0 or more"
            )
        self.num_images = num_images
        self.batch_size = batch_size
        self.image_sizes = tuple(image_sizes)
        self.seed = seed
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.batches_per_size = batches_per_size
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self._resumed = (0, 0)
        if len(self) == 0:
            advice = "lower batch_size, or do not drop the last batch" if drop_last else "lower batch_size"
            raise ValueError(
                f"{num_images} images do not fill one batch of {batch_size} on {world_size} process(es); {advice}"
            )

    def __len__(self) -> int:
        """Number of batches in a full epoch."""
        whole, rest = divmod(self.num_images, self.batch_size * self.world_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[Key]]:
        order = self._order()
        per_step = self.batch_size * self.world_size
        epoch, first = self._resumed
        start = first if epoch == self.epoch else 0
        for step in range(start, len(self)):
            mine = order[step * per_step : (step + 1) * per_step][self.rank :: self.world_size]
            size = self._image_size(step)
            yield [Key(index, size, self.epoch, self.seed) for index in mine.tolist()]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.epoch = epoch

    def resume(self, epoch: int, batch: int) -> None:
        """Begin the next iteration at a batch number of an epoch."""
        self.epoch = epoch
        self._resumed = (epoch, batch)

    @property
    def sampler(self) -> "BatchKeys":
        """This object itself: Lightning calls ``set_epoch`` on the attribute of this name."""
        return self

    def _order(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """(M,) indices, the same number for each rank."""
        order = np.arange(self.num_images)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        return order if self.drop_last else np.resize(order, -(-len(order) // self.world_size) * self.world_size)

    def _image_size(self, step: int) -> tuple[int, int]:
        rng = np.random.default_rng((self.seed, self.epoch, step // self.batches_per_size))
        return self.image_sizes[int(rng.integers(len(self.image_sizes)))]


def sizes_around(
    image_size: tuple[int, int], least: float = 0.75, most: float = 1.5, stride: int = 32
) -> tuple[tuple[int, int], ...]:
    """Image sizes (height, width) for multi-scale training, smallest first: proportional, and multiples of the stride.

    Source:
        YOLO9000, arXiv 1612.08242 §2, trains 416 at 320 to 608, close to these defaults.
    """
    shorter = min(image_size)
    edges = range(round(shorter * least / stride), round(shorter * most / stride) + 1)
    scales = [edge * stride / shorter for edge in edges if edge > 0]
    sizes = {tuple(round(edge * scale / stride) * stride for edge in image_size) for scale in scales}
    return tuple(sorted((height, width) for height, width in sizes))


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
    """Batches of a data set, prepared by worker processes that live as long as the loader.

    Args:
        dataset: Data set. With an encoder, batches are (float images, dense targets); without one, `Batch`.
        batch_size: Images per batch.
        keys: Batch sampler. Default: all images in order, for evaluation.
        num_workers: Number of data loader workers. 0 prepares batches in this process.
        pin_memory: Whether batches are in page-locked memory, from which copies to an accelerator are asynchronous.
            Default: if there is an accelerator.
        prefetch: Batches that each worker prepares in advance.
        kind: Class of the loader.

    Raises:
        ValueError: Keys with another number of images or another batch size.
    """
    keys = keys or BatchKeys(len(dataset), batch_size, [dataset.image_size], shuffle=False)
    if (keys.num_images, keys.batch_size) != (len(dataset), batch_size):
        raise ValueError(
            f"keys for {keys.num_images} images in batches of {keys.batch_size}, a data set of {len(dataset)} in "
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
