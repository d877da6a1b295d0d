"""The pictures of a training, for Lightning."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset

from yolo3.boxes import Letterbox
from yolo3.choices import Fit
from yolo3.data import Sample
from yolo3.data.dataset import YoloDataset
from yolo3.data.fitting import prepared
from yolo3.data.images import read_reduced
from yolo3.data.loading import BatchKeys, collate, make_loader
from yolo3.images import MAX_MEGAPIXELS
from yolo3.structures import GroundTruth
from yolo3.training.distributed import dealt
from yolo3.training.workers import WorkerLoader, leave_signals_to_parent


@dataclass(frozen=True)
class FittedPicture:
    """A picture at the network's size, with where it came from."""

    image: Tensor
    """(3, H, W) float32 in [0, 1]."""
    letterbox: Letterbox
    """How the picture was fitted."""
    sample: Sample
    """The picture and its annotations, in its own pixels."""


@dataclass(frozen=True)
class EvaluationBatch:
    """Pictures to measure a detector on."""

    images: Tensor
    """(B, 3, H, W) float32 in [0, 1]."""
    truth: GroundTruth
    """Their objects, pixels of the network input."""
    letterboxes: list[Letterbox]
    """How each picture was fitted."""
    samples: list[Sample]
    """The pictures with their annotations, in their own pixels."""

    @classmethod
    def collate(cls, pictures: Sequence[FittedPicture]) -> "EvaluationBatch":
        """Join pictures, or none: in training in several processes, one may have nothing to measure."""
        if not pictures:
            nothing = GroundTruth(torch.empty(0, 4), torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long))
            return cls(torch.empty(0, 3, 0, 0), nothing, [], [])
        objects = []
        for picture in pictures:
            single = ~picture.sample.crowd  # a box around many objects is no object to learn
            boxes, labels = picture.sample.boxes[single], picture.sample.labels[single]
            objects.append((picture.letterbox.apply(torch.from_numpy(boxes)), torch.from_numpy(labels)))
        return cls(
            images=torch.stack([picture.image for picture in pictures]),
            truth=GroundTruth.collate(objects),
            letterboxes=[picture.letterbox for picture in pictures],
            samples=[picture.sample for picture in pictures],
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "EvaluationBatch":
        """The same pictures with their pixels on another device."""
        return replace(self, images=self.images.to(device, non_blocking=non_blocking))


class FittedPictures(Dataset[FittedPicture]):
    """Pictures exactly as a `Predictor` would see them.

    Args:
        samples: the pictures.
        image_size: (height, width) of the network input.
        letterbox: how they are fitted to it.
        max_megapixels: Largest image, in 10⁶ pixels.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        image_size: tuple[int, int],
        letterbox: Fit = "default",
        max_megapixels: float = MAX_MEGAPIXELS,
    ) -> None:
        self.samples, self.image_size, self.letterbox = samples, image_size, letterbox
        self.max_megapixels = max_megapixels

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> FittedPicture:
        """One picture.

        Raises:
            ValueError: a picture that cannot be read.
        """
        sample = self.samples[index]
        read = partial(read_reduced, sample.image, expected_size=sample.size, max_megapixels=self.max_megapixels)
        return FittedPicture(*prepared(read, self.image_size, self.letterbox), sample)


class DetectionData(LightningDataModule):
    """Batches to train on and pictures to measure on.

    What comes when follows from the seed and the epoch alone: a resumed training sees what it would have seen.

    Args:
        train: a `YoloDataset` with ``encoder=None``: the loss assigns targets on the device.
        validation: samples, measured as a `Predictor` would see them.
        batch_size: pictures a step, on each process.
        image_sizes: (height, width) of network inputs that are drawn from for training; None is the data set's own.
        letterbox: how pictures to measure on are fitted to the network input.
        num_workers: processes that make batches, for each process that trains; None shares out all cores but one each,
            8 at most.
        seed: of order and augmentation.
        max_megapixels: Largest image to measure on, in 10⁶ pixels.
        test: samples for ``Trainer.test`` and ``Trainer.predict``, which training never sees.

    Raises:
        ValueError: a data set that makes dense targets, one without pictures.
    """

    def __init__(
        self,
        train: YoloDataset,
        validation: Sequence[Sample],
        *,
        batch_size: int = 16,
        image_sizes: Sequence[tuple[int, int]] | None = None,
        letterbox: Fit = "default",
        num_workers: int | None = None,
        seed: int = 0,
        max_megapixels: float = MAX_MEGAPIXELS,
        test: Sequence[Sample] | None = None,
    ) -> None:
        super().__init__()
        if train.encoder is not None:
            raise ValueError("training assigns targets on the device: build YoloDataset(…, encoder=None)")
        if not len(train) or not len(validation):
            raise ValueError(f"{len(train)} pictures to train on and {len(validation)} to measure on; both need some")
        self.train, self.batch_size = train, batch_size
        self.validation = FittedPictures(validation, train.image_size, letterbox, max_megapixels)
        self.test = None if test is None else FittedPictures(test, train.image_size, letterbox, max_megapixels)
        self.image_sizes = image_sizes or [train.image_size]
        self.num_workers, self.seed = num_workers, seed

    def keys(self, rank: int = 0, world_size: int = 1) -> BatchKeys:
        """What every batch of an epoch is made of."""
        return BatchKeys(
            len(self.train),
            self.batch_size,
            self.image_sizes,
            seed=self.seed,
            drop_last=len(self.train) >= self.batch_size * world_size,  # a rest of few pictures gives a noisy step
            rank=rank,
            world_size=world_size,
        )

    def files(self, epoch: int, step: int, rank: int = 0, world_size: int = 1) -> list[tuple[Path, ...]]:
        """The files of each picture of a training batch: several, where pictures are mixed. It reads them again."""
        keys = self.keys(rank, world_size)
        keys.set_epoch(epoch)
        return [self.train.source.picture(key).files for key in next(islice(keys, step, None))]

    def seen_again(self, epoch: int, rank: int = 0, world_size: int = 1, num_pictures: int = 128) -> Iterator[Tensor]:
        """The first images of an epoch once more, (B, 3, H, W) bytes, all of them at the size that is measured.

        Args:
            epoch: counted from 0.
            rank: of this process, which gets its share of each batch.
            world_size: how many processes train.
            num_pictures: on all processes together; whole batches are given until there are as many.
        """
        keys = self.keys(rank, world_size)
        keys.set_epoch(epoch)
        for batch in islice(keys, -(-num_pictures // (self.batch_size * world_size))):
            again = [replace(key, image_size=self.train.image_size) for key in batch]
            yield collate([self.train[key] for key in again])[0]  # type: ignore[misc]  # the data set has no encoder

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches of an epoch, or what is left of it after an interruption."""
        trainer = self.trainer
        keys = self.keys(*self._rank())
        if trainer is not None:
            # told here, since worker processes begin before Lightning calls `set_epoch`
            keys.resume(*_position(trainer, len(keys)))
        loader = make_loader(self.train, self.batch_size, keys=keys, num_workers=self._workers(), kind=WorkerLoader)
        loader.worker_init_fn = leave_signals_to_parent
        loader.generator = self._generator()
        return loader

    def val_dataloader(self) -> DataLoader[FittedPicture]:
        """The pictures to measure on, in order; of several processes each has other ones."""
        return self._fitted(self.validation)

    def test_dataloader(self) -> DataLoader[FittedPicture]:
        """Those to test with, likewise.

        Raises:
            ValueError: there are none.
        """
        return self._fitted(self._tested())

    def predict_dataloader(self) -> DataLoader[FittedPicture]:
        """Those to test with.

        Raises:
            ValueError: there are none.
        """
        rank, world_size = self._rank()
        mine = range(rank, len(self._tested()), world_size)
        # Lightning wraps the sampler to know which pictures the predictions are of, and can wrap no other
        return self._fitted(self._tested(), BatchSampler(mine, self.batch_size, drop_last=False))

    def _tested(self) -> FittedPictures:
        if self.test is None:
            raise ValueError("there are no pictures to test with: build DetectionData(…, test=samples)")
        return self.test

    def _fitted(self, pictures: FittedPictures, batches: Any = None) -> DataLoader[FittedPicture]:
        return WorkerLoader(
            pictures,
            batch_sampler=batches or dealt(len(pictures), self.batch_size, *self._rank()),
            collate_fn=EvaluationBatch.collate,
            num_workers=self._workers(),
            worker_init_fn=leave_signals_to_parent,
            generator=self._generator(),
        )

    def _rank(self) -> tuple[int, int]:
        """Of this process, and how many there are."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _generator(self) -> torch.Generator:
        """What a loader draws its seed from when it begins, so that the numbers of the network are not touched."""
        return torch.Generator().manual_seed(self.seed)

    def _workers(self) -> int:
        if self.num_workers is not None:
            return self.num_workers
        here = 1 if self.trainer is None else self.trainer.num_devices
        return max(1, min(8, (os.cpu_count() or 1) // here - 1))


def _position(trainer: Trainer, num_batches: int) -> tuple[int, int]:
    """The epoch that comes next, and the batches of it that a resumed training has done already."""
    loop = trainer.fit_loop
    done: int = loop.epoch_loop.batch_progress.current.processed  # type: ignore[attr-defined]  # narrowed by Lightning
    return loop.epoch_progress.current.processed, done if done < num_batches else 0  # type: ignore[attr-defined]
