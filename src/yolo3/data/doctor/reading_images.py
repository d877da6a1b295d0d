"""Reading every image file of a data set completely."""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from os import cpu_count
from pathlib import Path
from typing import Protocol, TypeVar

from yolo3.data.doctor.finding import Finding, FindingKind, of_error
from yolo3.data.doctor.survey import Survey
from yolo3.data.faults import DataError
from yolo3.data.images import examined, facts_of, located
from yolo3.images import MAX_MEGAPIXELS, ImageError, image_content, is_there

Item = TypeVar("Item")


class Progress(Protocol):
    """A progress bar: passes items on and shows how many have passed."""

    def __call__(self, items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
        """Iterate over ``total`` items; ``what`` names the work."""
        ...


@dataclass(frozen=True)
class ExaminedImage:
    """Result of reading an image file."""

    path: Path
    digest: bytes
    """Digest of the file's bytes; the file name if it cannot be read."""
    mode: str = ""
    """Pillow's mode of the stored pixels; empty if the file cannot be read."""
    orientation: int = 1
    """EXIF orientation, 1 to 8."""
    is_nearly_black: bool = False
    """Whether an image with 16 bits is nearly black, see `Decoded`."""
    brightest: int = 255
    """Largest pixel value, as read."""
    finding: Finding | None = None
    """Reason why the image cannot be used; None if it can."""


def read_images(survey: Survey, progress: Progress, max_megapixels: float = MAX_MEGAPIXELS) -> list[ExaminedImage]:
    """Decode every image of a data set completely.

    Args:
        survey: The data set.
        progress: Progress bar.
        max_megapixels: Largest image that is read, in 10⁶ pixels.
    """
    samples = survey.samples
    paths = [samples.path(index) for index in range(len(samples))]
    sizes = [(height, width) for height, width in samples.sizes.tolist()]
    with ThreadPoolExecutor(cpu_count() or 1) as pool:  # reading and decoding release the GIL
        files = pool.map(partial(_open, max_megapixels=max_megapixels), paths, sizes)
        return list(progress(files, len(paths), "reading images"))


def _open(path: Path, size: tuple[int, int], max_megapixels: float) -> ExaminedImage:
    """Read an image, which must have the size (height, width)."""
    unread = partial(ExaminedImage, path, digest=os.fsencode(path))
    if not is_there(path):
        return unread(finding=of_error(DataError(f"{path}: no such image"), "missing image", path))
    kind: FindingKind = "damaged image"
    try:
        digest = hashlib.blake2b(image_content(path), digest_size=16).digest()
        facts = facts_of(path)
        kind = "image size" if facts.size != size else kind
        seen = examined(path, size, max_megapixels)
        brightest = int(seen.pixels.max())
        return ExaminedImage(path, digest, facts.mode, facts.orientation, seen.is_nearly_black, brightest)
    except ImageError as error:
        return unread(finding=of_error(located(path, error), kind, path))
    except DataError as error:
        return unread(finding=of_error(error, kind, path, image=path))
    except OSError as error:
        return unread(finding=of_error(DataError(f"{path}: cannot be read ({error.strerror})"), kind, path))
