"""Images that are not files of their own: encoded bytes in an archive, in a table or at an address."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from yolo3.data.images import located
from yolo3.images import ImageArray, ImageError, Least, read_pixels
from yolo3.sources.frame import Frame, PixelBudget


@dataclass(frozen=True)
class Encoded:
    """An encoded image, such as the bytes of a JPEG file, and where it is from."""

    name: str
    """Name of the image, which messages and results have."""
    stem: str
    """Stem of the file names of its results, not yet unique."""
    content: Callable[[], bytes] = field(repr=False)
    """Function that gives the bytes; called from any thread, and repeatedly."""

    def frame(self, stem: str, budget: PixelBudget | None, max_megapixels: float, channels: int = 3) -> Frame:
        """The image as a frame.

        Args:
            stem: Stem of the file names of its results.
            budget: Budget for keeping the pixels, see `Frame`.
            max_megapixels: Largest image, in 10⁶ pixels.
            channels: Number of channels of the pixels, see `with_channels`.
        """
        read = partial(_read, self.name, self.content, max_megapixels, channels)
        return Frame(self.name, stem, partial(_whole, read), budget=budget, read_reduced=read)


def _whole(read: Callable[[Least | None], tuple[ImageArray, tuple[int, int]]]) -> ImageArray:
    return read(None)[0]


def _read(
    name: str, content: Callable[[], bytes], max_megapixels: float, channels: int, least: Least | None
) -> tuple[ImageArray, tuple[int, int]]:
    try:
        return read_pixels(content(), least, max_megapixels=max_megapixels, channels=channels)
    except ImageError as error:
        raise located(name, error) from error
