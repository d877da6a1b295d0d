"""Images decoded and resized once, for photographs so large that reading them takes most of the time."""

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

from yolo3.boxes import InputFormat, Letterbox
from yolo3.data.annotated_image import AnnotatedImage, ImageReader, Key
from yolo3.data.faults import DataError
from yolo3.data.images import facts_of
from yolo3.data.sample import BoolArray, IntArray, Sample
from yolo3.images import MAX_MEGAPIXELS, as_floats, changed_at
from yolo3.system.files import whole_file
from yolo3.system.full_disk import is_full_disk

_RESIZE = 2
"""Version of the resized pixels; files of other versions are not reused."""
_ALIGNED = 4
"""Bytes of which every image takes a multiple, so that none is read across the borders of float32."""
_BLOCK = 2**24
"""Bytes written at a time on systems that cannot reserve disk space."""


@dataclass(frozen=True, eq=False)
class ImageCache(Sequence[AnnotatedImage]):
    """The images of samples at the network's size, in memory that data loader workers share.

    It replaces the samples, as in ``Mosaic(ImageCache.of(samples, InputFormat((416, 416))))``.
    """

    samples: Sequence[Sample]
    """Samples with the images; crowds are left out, as in `ImageReader`."""
    input_format: InputFormat
    """Network input that the images are fitted to."""
    sizes: IntArray
    """(M, 2) height and width of each cached image."""
    ends: IntArray
    """(M,) end of each image in `pixels`."""
    deep: BoolArray
    """(M,) whether each image is float32 rather than bytes."""
    pixels: Tensor
    """Bytes of all images, concatenated."""

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        input_format: InputFormat,
        folder: Path | None = None,
        max_megapixels: float = MAX_MEGAPIXELS,
    ) -> "ImageCache":
        """Read every image.

        Args:
            samples: Samples to read.
            input_format: Network input to fit the images to, of the largest size that training asks for.
            folder: Folder for a file with the pixels, which is reused as long as the image files do not change. None
                keeps the pixels in memory.
            max_megapixels: Largest image that is read, in 10⁶ pixels.

        Raises:
            DataError: An image that cannot be read; too little disk space or memory for all images.
        """
        contents = [input_format.fit(sample.size).content_size for sample in samples]
        sizes = np.array(contents, dtype=np.int64).reshape(-1, 2)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            deep = np.array(list(pool.map(_is_deep, samples)), dtype=np.bool_)
        num_bytes = sizes.prod(1) * input_format.channels * np.where(deep, 4, 1)
        ends = np.cumsum(-(-num_bytes // _ALIGNED) * _ALIGNED)
        total = int(ends[-1]) if len(ends) else 0
        if folder is None:
            cache = cls(samples, input_format, sizes, ends, deep, _shared_memory(total))
            cache._fill(max_megapixels)
            return cache
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"images-{_digest(samples, input_format)}.bin"
        if not file.exists() or file.stat().st_size != total:  # a truncated file would be extended with black
            with whole_file(file, f"{file.stem}.{os.getpid()}") as unfinished:
                reserve(unfinished, total)
                mapped = _mapped(unfinished, total)
                cls(samples, input_format, sizes, ends, deep, mapped)._fill(max_megapixels)
        return cls(samples, input_format, sizes, ends, deep, _mapped(file, total))

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> AnnotatedImage: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[AnnotatedImage]: ...
    def __getitem__(self, index: int | slice) -> AnnotatedImage | Sequence[AnnotatedImage]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        index = range(len(self))[index]  # negative indices count from the end; out of range raises
        sample, (height, width) = self.samples[index], self.sizes[index].tolist()
        single = ~sample.crowd
        letterbox = Letterbox(sample.size, (height, width), (height, width))
        boxes = letterbox.apply(torch.from_numpy(sample.boxes[single])).numpy()
        channels = self.input_format.channels
        values = self._place(index).numpy().view(np.float32 if self.deep[index] else np.uint8)
        image = values[: height * width * channels].reshape(height, width, channels)
        weights = np.ones(len(boxes), dtype=np.float32)
        return AnnotatedImage(image, boxes, sample.labels[single], weights, (sample.image,))

    def _place(self, index: int) -> Tensor:
        start = self.ends[index - 1] if index else 0
        return self.pixels[start : self.ends[index]]

    def _fill(self, max_megapixels: float) -> None:
        reader = ImageReader(self.samples, self.input_format, max_megapixels)

        def fill(index: int) -> None:
            image = reader.load(Key(index, self.input_format.size)).image
            if self.deep[index]:
                image = as_floats(image)
            values = torch.from_numpy(image.reshape(-1).view(np.uint8))
            self._place(index)[: len(values)].copy_(values)

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding releases the GIL
            list(pool.map(fill, range(len(self))))


def reserve(file: Path, total: int) -> None:
    """Make a file of ``total`` bytes with its disk space reserved.

    A sparse file gets its space when it is written to. Through a memory map, a full disk would then kill the process
    without a message.

    Raises:
        DataError: Too little disk space.
    """
    try:
        with file.open("wb") as opened:
            if hasattr(os, "posix_fallocate") and total:
                os.posix_fallocate(opened.fileno(), 0, total)
            else:
                for start in range(0, total, _BLOCK):
                    opened.write(bytes(min(_BLOCK, total - start)))
    except OSError as error:
        if not is_full_disk(error):
            raise
        free = shutil.disk_usage(file.parent).free
        said = f"the images take {total / 1e9:.2f} GB and the disk has {free / 1e9:.2f} GB left"
        raise DataError(f"{file.parent}: {said}; free some space, or choose another folder") from error


def _shared_memory(total: int) -> Tensor:
    """Bytes in memory that processes share.

    Raises:
        DataError: Too little memory, or too little shared memory in a container.
    """
    try:
        return torch.empty(total, dtype=torch.uint8).share_memory_()
    except RuntimeError as error:
        said = f"the images take {total / 1e9:.2f} GB of shared memory, which is more than there is"
        raise DataError(f"{said}; keep them in a folder, or give a container more (docker run --shm-size)") from error


def _mapped(file: Path, total: int) -> Tensor:
    """A file as a tensor that processes share."""
    return torch.from_file(str(file), shared=True, size=total, dtype=torch.uint8)


def _is_deep(sample: Sample) -> bool:
    """Whether an image is kept as float32."""
    return facts_of(sample.image).is_deep


def _digest(samples: Sequence[Sample], input_format: InputFormat) -> str:
    """A digest of the image files and of all settings of the cache."""
    digest = hashlib.sha256(repr((input_format, _RESIZE)).encode())
    for sample in samples:
        digest.update(repr((sample.image.absolute(), sample.size)).encode())
        digest.update(repr(changed_at(sample.image)).encode())  # reading reports a missing file
    return digest.hexdigest()[:16]
