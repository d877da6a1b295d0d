"""Pictures decoded and resized once: for photographs so large that reading them is the most of the work."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import torch
from torch import Tensor

from yolo3.boxes import Fit, Letterbox
from yolo3.data.picture import Key, Picture, PictureReader
from yolo3.data.sample import IntArray, Sample
from yolo3.durable import whole_file


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
        cls, samples: Sequence[Sample], image_size: tuple[int, int], fit: Fit = "default", folder: Path | None = None
    ) -> "PictureCache":
        """Read every picture.

        Args:
            samples: to read.
            image_size: (height, width) to fit them into: the largest that training asks for.
            fit: how they are made to fit.
            folder: where to keep the pixels in a file, which is found again as long as the pictures' files do not
                change; None keeps them in memory.

        Raises:
            DataError: a picture that cannot be read.
        """
        contents = [Letterbox.fit(sample.size, image_size, fit).content_size for sample in samples]
        sizes = np.array(contents, dtype=np.int64).reshape(-1, 2)
        ends = np.cumsum(sizes.prod(1) * 3)
        total = int(ends[-1]) if len(ends) else 0
        if folder is None:
            cache = cls(samples, image_size, sizes, ends, torch.empty(total, dtype=torch.uint8).share_memory_(), fit)
            cache._fill()
            return cache
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"pictures-{_digest(samples, image_size, fit)}.bin"
        if not file.exists():
            with whole_file(file, f"{file.stem}.{os.getpid()}") as unfinished:
                cls(samples, image_size, sizes, ends, _mapped(unfinished, total), fit)._fill()
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

    def _fill(self) -> None:
        reader = PictureReader(self.samples, self.fit)

        def fill(index: int) -> None:
            image = reader.picture(Key(index, self.image_size)).image
            self._place(index).copy_(torch.from_numpy(image).flatten())

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding JPEG does not hold Python's lock
            list(pool.map(fill, range(len(self))))


def _mapped(file: Path, total: int) -> Tensor:
    """A file as a tensor; a new one is made as large as it must be."""
    return torch.from_file(str(file), shared=True, size=total, dtype=torch.uint8)


def _digest(samples: Sequence[Sample], image_size: tuple[int, int], fit: Fit) -> str:
    """Changes with the files of the pictures and with how they are kept."""
    digest = hashlib.sha256(repr((image_size, fit)).encode())
    for sample in samples:
        digest.update(repr((sample.image.absolute(), sample.size)).encode())
        if sample.image.exists():  # reading says it better where it does not
            digest.update(repr((sample.image.stat().st_size, sample.image.stat().st_mtime_ns)).encode())
    return digest.hexdigest()[:16]
