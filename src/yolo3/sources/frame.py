"""One image on its way from a source to its results: where it comes from, and its pixels when they are asked for."""

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
    """What the numbers of a video mean, by the code points of ITU-T H.273; 2 is "not said"."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    range: int = 0
    """FFmpeg's number: 0 is not said, 1 is 16 to 235 of 255, 2 is 0 to 255."""


@dataclass(frozen=True)
class Video:
    """The video file or camera that a frame comes from."""

    path: str
    """As it was named, without a password."""
    stem: str
    """What its results are called; no other image or video of the source is called so."""
    rate: Fraction | None = None
    """Frames a second, on average; None where it is not known."""
    num_frames: int | None = None
    """None of a camera, and of files that do not tell."""
    has_sound: bool = False
    pixel_aspect: Fraction = _SQUARE
    """Width by height of a pixel when the video is shown, upright: 2 where half its width is stored."""
    colours: Colours = Colours()


class PixelBudget:
    """How many bytes of pixels the frames of a source may hold together between being read and being written.

    Frames that come when it is used up read their pixels anew each time.
    """

    def __init__(self, num_bytes: int = 512 * 2**20) -> None:
        self._num_bytes = num_bytes
        self._lent: list[weakref.ref[ImageArray]] = []  # looked through, not called back: that could swallow Ctrl-C
        self._lock = threading.Lock()

    def take(self, pixels: ImageArray) -> bool:
        """Whether these pixels may be held; their share is free again when they are freed."""
        with self._lock:
            alive = [(lent, array.nbytes) for lent in self._lent if (array := lent()) is not None]
            self._lent = [lent for lent, _ in alive]
            if sum(size for _, size in alive) + pixels.nbytes > self._num_bytes:
                return False
            self._lent.append(weakref.ref(pixels))
            return True


@dataclass(eq=False)
class Frame:
    """An image, or a moment of a video."""

    name: str
    """The path of a file, ``image 0``, or ``street.mp4 frame 000123``."""
    stem: str
    """What its results are called, without a suffix: ``dog``; ``dog-2`` of a second dog; ``street/000123``."""
    read: Callable[[], ImageArray] = field(repr=False)
    """Gives its pixels; may be called from any thread, and more than once."""
    video: Video | None = None
    number: int | None = None
    """In its video, from 0."""
    time: float | None = None
    """Seconds from the start of its video, whose first frame is at 0; of a camera, by its clock."""
    budget: PixelBudget | None = field(default=None, repr=False)
    """Lets it hold its pixels for those who ask again."""
    read_reduced: Read | None = field(default=None, repr=False)
    """Gives as much of the pixels as is enough, where that is less work, as of a file; from any thread."""
    _held: ImageArray | None = field(default=None, init=False, repr=False)
    _size: tuple[int, int] | None = field(default=None, init=False, repr=False)

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> "Frame":
        """An image's file by itself."""
        return cls.of_path(path, Path(path).stem)

    @classmethod
    def of_path(
        cls,
        path: str | os.PathLike[str],
        stem: str,
        budget: PixelBudget | None = None,
        max_megapixels: float = MAX_MEGAPIXELS,
    ) -> "Frame":
        """An image file.

        Args:
            path: Path of the file.
            stem: What its results are called.
            budget: Lets it hold its pixels, see `Frame`.
            max_megapixels: Largest image, in 10⁶ pixels; a larger one is an error when it is read.
        """
        return cls(
            os.fspath(path),
            stem,
            partial(read_image, path, max_megapixels=max_megapixels),
            budget=budget,
            read_reduced=partial(read_reduced, path, max_megapixels=max_megapixels),
        )

    def pixels(self) -> ImageArray:
        """(H, W, 3) RGB, upright.

        Raises:
            ValueError: an image that cannot be read.
        """
        if (held := self._held) is not None:
            return held
        pixels = self.read()
        self._keep(pixels, (pixels.shape[0], pixels.shape[1]))
        return pixels

    def reduced(self, least: Least) -> tuple[ImageArray, tuple[int, int]]:
        """As much of the pixels as is enough, and the (height, width) of the whole.

        What it gives does not depend on whether the pixels are held: a detector must not see another image then.

        Args:
            least: From the (height, width) of the image to those that are enough; None is all of it.

        Raises:
            ValueError: as `pixels`.
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
        """(height, width), upright; read if that has not been done yet."""
        if self._size is None:
            self.pixels()
        assert self._size is not None
        return self._size

    def _keep(self, pixels: ImageArray, size: tuple[int, int]) -> None:
        self._size = size
        if pixels.shape[:2] == size and self.budget is not None and self.budget.take(pixels):
            self._held = pixels


class Stems:
    """Names for results, each given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def claim(self, stem: str) -> str:
        """The stem itself, or with the first number that makes it new: ``dog``, ``dog-2``, ``dog-3``."""
        claimed, number = stem, 1
        while claimed.casefold() in self._given:  # some file systems do not tell A from a
            number += 1
            claimed = f"{stem}-{number}"
        self._given.add(claimed.casefold())
        return claimed
