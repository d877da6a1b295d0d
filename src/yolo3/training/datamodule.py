"""Training and validation images, as a ``LightningDataModule``."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader

from yolo3.data import Sample
from yolo3.data.batch import collate
from yolo3.data.dataset import YoloDataset
from yolo3.data.loading import BatchKeys, make_loader
from yolo3.images import MAX_MEGAPIXELS
from yolo3.training.distributed import dealt
from yolo3.training.fitted_images import EvaluationBatch, FittedImage, FittedImages
from yolo3.training.workers import WorkerLoader, leave_signals_to_parent


class DetectionData(LightningDataModule):
    """Batches to train on and images to evaluate on.

    The seed and the epoch alone decide which images come when: a resumed training sees the images it would have seen.

    Args:
        train: Training set, a `YoloDataset` with ``encoder=None``: the loss assigns targets on the device.
        validation: Validation samples, which are prepared as a `Predictor` does, with the size, letterbox and channels
            of the training set.
        batch_size: Images per batch in each process.
        image_sizes: Sizes of the network input (height, width) to draw from in training. Default: the data set's own.
        num_workers: Number of data-loading workers per training process. Default: CPU cores divided by the processes,
            minus one, at most 8.
        seed: Seed of order and augmentation.
        max_megapixels: Largest image to evaluate on, in 10⁶ pixels.
        test: Samples for ``Trainer.test`` and ``Trainer.predict``, which training never sees.

    Raises:
        ValueError: A data set that makes dense targets, or one without images.
    """

    def __init__(
        self,
        train: YoloDataset,
        validation: Sequence[Sample],
        *,
        batch_size: int = 16,
        image_sizes: Sequence[tuple[int, int]] | None = None,
        num_workers: int | None = None,
        seed: int = 0,
        max_megapixels: float = MAX_MEGAPIXELS,
        test: Sequence[Sample] | None = None,
    ) -> None:
        super().__init__()
        if train.encoder is not None:
            raise ValueError("training assigns targets on the device: build YoloDataset(…, encoder=None)")
        if not len(train) or not len(validation):
            raise ValueError(f"{len(train)} images to train on and {len(validation)} to evaluate on; both need some")
        self.train = train
        self.batch_size = batch_size
        fitted = partial(FittedImages, input_format=train.input_format, max_megapixels=max_megapixels)
        self.validation = fitted(validation)
        self.test = None if test is None else fitted(test)
        self.image_sizes = image_sizes or [train.image_size]
        self.num_workers = num_workers
        self.seed = seed

    def keys(self, rank: int = 0, world_size: int = 1) -> BatchKeys:
        """Keys of the images in every batch of an epoch."""
        return BatchKeys(
            len(self.train),
            self.batch_size,
            self.image_sizes,
            seed=self.seed,
            drop_last=len(self.train) >= self.batch_size * world_size,  # a last batch of few images gives a noisy step
            rank=rank,
            world_size=world_size,
        )

    def files(self, epoch: int, step: int, rank: int = 0, world_size: int = 1) -> list[tuple[Path, ...]]:
        """Files of each image of a training batch: several, where images are mixed. It reads them again."""
        keys = self.keys(rank, world_size)
        keys.set_epoch(epoch)
        return [self.train.source.load(key).files for key in next(islice(keys, step, None))]

    def seen_again(self, epoch: int, rank: int = 0, world_size: int = 1, num_images: int = 128) -> Iterator[Tensor]:
        """The first images of an epoch once more, (B, C, H, W) bytes or floats, all at the validation size.

        Args:
            epoch: Number of the epoch, counted from 0.
            rank: Rank of this process, which gets its share of each batch.
            world_size: Number of processes that train.
            num_images: Least number of images over all processes; rounded up to whole batches.
        """
        keys = self.keys(rank, world_size)
        keys.set_epoch(epoch)
        for batch in islice(keys, -(-num_images // (self.batch_size * world_size))):
            again = [replace(key, image_size=self.train.image_size) for key in batch]
            yield collate([self.train[key] for key in again])[0]  # type: ignore[misc]  # the data set has no encoder

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches of an epoch, or those that are left after an interruption."""
        trainer = self.trainer
        keys = self.keys(*self._rank())
        if trainer is not None:
            # set here, since workers start before Lightning calls `set_epoch`
            keys.resume(*_position(trainer, len(keys)))
        loader = make_loader(self.train, self.batch_size, keys=keys, num_workers=self._workers(), kind=WorkerLoader)
        loader.worker_init_fn = leave_signals_to_parent
        loader.generator = self._generator()
        return loader

    def val_dataloader(self) -> DataLoader[FittedImage]:
        """The validation images, in order; several processes share them out."""
        return self._fitted(self.validation)

    def test_dataloader(self) -> DataLoader[FittedImage]:
        """The test images, likewise.

        Raises:
            ValueError: No test samples were given.
        """
        return self._fitted(self._tested())

    def predict_dataloader(self) -> DataLoader[FittedImage]:
        """The test images, in batches that ``Trainer.predict`` can follow.

        Raises:
            ValueError: No test samples were given.
        """
        rank, world_size = self._rank()
        mine = range(rank, len(self._tested()), world_size)
        # Lightning wraps the sampler to learn which images the predictions belong to, and accepts no other kind
        return self._fitted(self._tested(), BatchSampler(mine, self.batch_size, drop_last=False))

    def _tested(self) -> FittedImages:
        if self.test is None:
            raise ValueError("no test images: build DetectionData(…, test=samples)")
        return self.test

    def _fitted(self, images: FittedImages, batches: Any = None) -> DataLoader[FittedImage]:
        return WorkerLoader(
            images,
            batch_sampler=batches or dealt(len(images), self.batch_size, *self._rank()),
            collate_fn=EvaluationBatch.collate,
            num_workers=self._workers(),
            worker_init_fn=leave_signals_to_parent,
            generator=self._generator(),
        )

    def _rank(self) -> tuple[int, int]:
        """Rank of this process, and the number of processes."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _generator(self) -> torch.Generator:
        """The generator a loader draws its seed from, so that the random numbers of the network are not touched."""
        return torch.Generator().manual_seed(self.seed)

    def _workers(self) -> int:
        if self.num_workers is not None:
            return self.num_workers
        here = 1 if self.trainer is None else self.trainer.num_devices
        return max(1, min(8, (os.cpu_count() or 1) // here - 1))


def _position(trainer: Trainer, num_batches: int) -> tuple[int, int]:
    """The next epoch, and the number of its batches that a resumed training has already done."""
    loop = trainer.fit_loop
    epoch: int = loop.epoch_progress.current.processed  # type: ignore[attr-defined]  # narrowed by Lightning
    done: int = loop.epoch_loop.batch_progress.current.processed  # type: ignore[attr-defined]
    return epoch, done if done < num_batches else 0
