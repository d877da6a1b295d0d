"""Pictures decoded and resized once: for photographs so large that reading them is the most of the work."""

import errno
import hashlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import torch
from torch import Tensor

from yolo3.boxes import Letterbox
from yolo3.choices import Fit
from yolo3.data.faults import DataError
from yolo3.data.picture import Key, Picture, PictureReader
from yolo3.data.sample import IntArray, Sample
from yolo3.images import MAX_MEGAPIXELS
from yolo3.system.files import whole_file

_RESIZE = 2
"""Changes with the pixels that a fit gives, so that files of another time are not taken."""
_BLOCK = 2**24
"""Bytes written at a time where a system cannot reserve room."""


@dataclass(frozen=True, eq=False)
class PictureCache(Sequence[Picture]):
    """The pictures of samples at the network's size, in memory that data-loading processes share.

    It stands in for the samples, as in ``Mosaic(PictureCache.of(samples, (416, 416)))``.
    """

    samples: Sequence[Sample]
    """Whose pictures they are; crowds are left out, as `PictureReader` does."""
    image_size: tuple[int, int]
    """(height, width) that the pictures fit into."""
    sizes: IntArray
    """(M, 2) height and width of each picture as it is kept."""
    ends: IntArray
    """(M,) where each picture ends in `pixels`."""
    pixels: Tensor
    """The bytes of all pictures, joined."""
    fit: Fit = "default"

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        image_size: tuple[int, int],
        fit: Fit = "default",
        folder: Path | None = None,
        max_megapixels: float = MAX_MEGAPIXELS,
    ) -> "PictureCache":
        """Read every picture.

        Args:
            samples: to read.
            image_size: (height, width) to fit them into: the largest that training asks for.
            fit: how they are made to fit.
            folder: where to keep the pixels in a file, which is found again as long as the pictures' files do not
                change; None keeps them in memory.
            max_megapixels: Largest image that is read, in 10⁶ pixels.

        Raises:
            DataError: an image that cannot be read; a disk or memory without room for all of them.
        """
        contents = [Letterbox.fit(sample.size, image_size, fit).content_size for sample in samples]
        sizes = np.array(contents, dtype=np.int64).reshape(-1, 2)
        ends = np.cumsum(sizes.prod(1) * 3)
        total = int(ends[-1]) if len(ends) else 0
        if folder is None:
            cache = cls(samples, image_size, sizes, ends, _shared_memory(total), fit)
            cache._fill(max_megapixels)
            return cache
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"pictures-{_digest(samples, image_size, fit)}.bin"
        if not file.exists() or file.stat().st_size != total:  # one cut short would be filled up with black
            with whole_file(file, f"{file.stem}.{os.getpid()}") as unfinished:
                reserve(unfinished, total)
                cls(samples, image_size, sizes, ends, _mapped(unfinished, total), fit)._fill(max_megapixels)
        return cls(samples, image_size, sizes, ends, _mapped(file, total), fit)

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | Sequence[Picture]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        index = range(len(self))[index]  # counts a negative index from the end, refuses one beyond it
        sample, (height, width) = self.samples[index], self.sizes[index].tolist()
        single = ~sample.crowd
        letterbox = Letterbox(sample.size, (height, width), (height, width))
        boxes = letterbox.apply(torch.from_numpy(sample.boxes[single])).numpy()
        image = self._place(index).view(height, width, 3).numpy()
        return Picture(image, boxes, sample.labels[single], np.ones(len(boxes), dtype=np.float32), (sample.image,))

    def _place(self, index: int) -> Tensor:
        start = self.ends[index - 1] if index else 0
        return self.pixels[start : self.ends[index]]

    def _fill(self, max_megapixels: float) -> None:
        reader = PictureReader(self.samples, self.fit, max_megapixels)

        def fill(index: int) -> None:
            image = reader.picture(Key(index, self.image_size)).image
            self._place(index).copy_(torch.from_numpy(image).flatten())

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding JPEG does not hold Python's lock
            list(pool.map(fill, range(len(self))))


def reserve(file: Path, total: int) -> None:
    """Make a file of so many bytes whose room on the disk is its own.

    A file that has only been made longer gets its room when it is written to; through a memory map, a full disk then
    ends the process without a word.

    Raises:
        DataError: too little room on the disk.
    """
    try:
        with file.open("wb") as opened:
            if hasattr(os, "posix_fallocate") and total:
                os.posix_fallocate(opened.fileno(), 0, total)
            else:
                for start in range(0, total, _BLOCK):
                    opened.write(bytes(min(_BLOCK, total - start)))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        free = shutil.disk_usage(file.parent).free
        said = f"the images take {total / 1e9:.2f} GB and the disk has {free / 1e9:.2f} GB left"
        raise DataError(f"{file.parent}: {said}; make room, or choose another folder") from error


def _shared_memory(total: int) -> Tensor:
    """Bytes that processes share.

    Raises:
        DataError: too little memory, or too little of what a container may share.
    """
    try:
        return torch.empty(total, dtype=torch.uint8).share_memory_()
    except RuntimeError as error:
        said = f"the images take {total / 1e9:.2f} GB of shared memory, which is more than there is"
        raise DataError(f"{said}; keep them in a folder, or give a container more (docker run --shm-size)") from error


def _mapped(file: Path, total: int) -> Tensor:
    """A file as a tensor that processes share."""
    return torch.from_file(str(file), shared=True, size=total, dtype=torch.uint8)


def _digest(samples: Sequence[Sample], image_size: tuple[int, int], fit: Fit) -> str:
    """Changes with the files of the pictures and with how they are kept."""
    digest = hashlib.sha256(repr((image_size, fit, _RESIZE)).encode())
    for sample in samples:
        digest.update(repr((sample.image.absolute(), sample.size)).encode())
        if sample.image.exists():  # reading says it better where it does not
            digest.update(repr((sample.image.stat().st_size, sample.image.stat().st_mtime_ns)).encode())
    return digest.hexdigest()[:16]
