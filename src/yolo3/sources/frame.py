"""One image of a source: its origin, and its pixels on request."""

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

from yolo3.data import read_image
from yolo3.data.fitting import Read
from yolo3.data.images import read_reduced
from yolo3.images import MAX_MEGAPIXELS, ImageArray, Least

_SQUARE = Fraction(1)


@dataclass(frozen=True)
class Colours:
    """Meaning of a video's pixel values, by the code points of ITU-T H.273; 2 is "unspecified"."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    range: int = 0
    """FFmpeg's number: 0 is unspecified, 1 is 16 to 235 of 255, 2 is 0 to 255."""


@dataclass(frozen=True)
class Video:
    """The video file or camera that a frame comes from."""

    path: str
    """Path or address as given, without a password."""
    stem: str
    """Stem of the file names of its results, unique within the source."""
    rate: Fraction | None = None
    """Average frames per second; None if unknown."""
    num_frames: int | None = None
    """Number of frames; None for a camera, and for files that do not state it."""
    has_sound: bool = False
    pixel_aspect: Fraction = _SQUARE
    """Width divided by height of a displayed, upright pixel: 2 for a video stored at half its width."""
    colours: Colours = Colours()


class PixelBudget:
    """A limit on the bytes of pixels that the frames of a source keep between reading and writing.

    Frames beyond the limit read their pixels each time.
    """

    def __init__(self, num_bytes: int = 512 * 2**20) -> None:
        self._num_bytes = num_bytes
        self._lent: list[weakref.ref[ImageArray]] = []  # polled; a callback could swallow Ctrl-C
        self._lock = threading.Lock()

    def take(self, pixels: ImageArray) -> bool:
        """Whether these pixels may be kept. Their share becomes free when they are garbage-collected."""
        with self._lock:
            alive = [(lent, array.nbytes) for lent in self._lent if (array := lent()) is not None]
            self._lent = [lent for lent, _ in alive]
            if sum(size for _, size in alive) + pixels.nbytes > self._num_bytes:
                return False
            self._lent.append(weakref.ref(pixels))
            return True


@dataclass(eq=False)
class Frame:
    """An image, or a frame of a video."""

    name: str
    """Path of a file, ``image 0``, or ``street.mp4 frame 000123``."""
    stem: str
    """Stem of the file names of its results: ``dog``; ``dog-2`` for a second dog; ``street/000123``."""
    read: Callable[[], ImageArray] = field(repr=False)
    """Reads the pixels; may be called from any thread, and repeatedly."""
    video: Video | None = None
    """Video of the frame; None for a single image."""
    number: int | None = None
    """Number of the frame in its video, from 0."""
    time: float | None = None
    """Seconds from the first frame of its video; for a camera, by its clock."""
    budget: PixelBudget | None = field(default=None, repr=False)
    """Budget for keeping the pixels after they are read; None never keeps them."""
    read_reduced: Read | None = field(default=None, repr=False)
    """Reads the pixels at a reduced size, if that saves work, as for a file; may be called from any thread."""
    _held: ImageArray | None = field(default=None, init=False, repr=False)
    _size: tuple[int, int] | None = field(default=None, init=False, repr=False)

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> "Frame":
        """A single image file."""
        return cls.of_path(path, Path(path).stem)

    @classmethod
    def of_path(
        cls,
        path: str | os.PathLike[str],
        stem: str,
        budget: PixelBudget | None = None,
        max_megapixels: float = MAX_MEGAPIXELS,
        channels: int = 3,
    ) -> "Frame":
        """An image file.

        Args:
            path: Path of the file.
            stem: Stem of the file names of its results.
            budget: Budget for keeping the pixels, see `Frame`.
            max_megapixels: Largest image, in 10⁶ pixels; a larger one is an error when it is read.
            channels: Number of channels of the pixels, see `with_channels`.
        """
        return cls(
            os.fspath(path),
            stem,
            partial(read_image, path, max_megapixels=max_megapixels, channels=channels),
            budget=budget,
            read_reduced=partial(read_reduced, path, max_megapixels=max_megapixels, channels=channels),
        )

    @classmethod
    def unreadable(cls, name: str, reason: str) -> "Frame":
        """An image that is known to be unreadable, in the place where it would have been.

        Args:
            name: Name of the image.
            reason: Message of the ValueError that reading it raises.
        """
        return cls(name, Path(name).stem, partial(_refuse, reason))

    def pixels(self) -> ImageArray:
        """(H, W, C), upright: uint8, or float32 in [0, 1] for pixels of more than 8 bits; three channels are RGB.

        Raises:
            ValueError: An image that cannot be read.
        """
        if (held := self._held) is not None:
            return held
        pixels = self.read()
        self._keep(pixels, (pixels.shape[0], pixels.shape[1]))
        return pixels

    def reduced(self, least: Least) -> tuple[ImageArray, tuple[int, int]]:
        """The pixels at a sufficient size, and the (height, width) of the full image.

        The result does not depend on whether the pixels are kept, so that a detector always sees the same input.

        Args:
            least: Function from the (height, width) of the image to the minimum size, or to None for the full size.

        Raises:
            ValueError: An image that cannot be read.
        """
        held = self.pixels() if self.read_reduced is None else self._held
        if held is not None:
            size = (held.shape[0], held.shape[1])
            if self.read_reduced is None or least(size) is None:
                return held, size
        assert self.read_reduced is not None
        pixels, size = self.read_reduced(least)
        self._keep(pixels, size)
        return pixels, size

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), upright; read from the image if necessary."""
        if self._size is None:
            self.pixels()
        assert self._size is not None
        return self._size

    def _keep(self, pixels: ImageArray, size: tuple[int, int]) -> None:
        self._size = size
        if pixels.shape[:2] == size and self.budget is not None and self.budget.take(pixels):
            self._held = pixels


def _refuse(reason: str) -> ImageArray:
    raise ValueError(reason)


class Stems:
    """Unique stems for the file names of results."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def claim(self, stem: str) -> str:
        """The stem itself, or with the first number that makes it unique: ``dog``, ``dog-2``, ``dog-3``."""
        claimed = stem
        number = 1
        while claimed.casefold() in self._given:  # some file systems ignore case
            number += 1
            claimed = f"{stem}-{number}"
        self._given.add(claimed.casefold())
        return claimed
