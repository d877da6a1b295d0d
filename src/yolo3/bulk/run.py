"""The parts of one process, one after another."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from yolo3.bulk.rows import Row
from yolo3.choices import OnError
from yolo3.sources import Frame, Unreadable
from yolo3.structures import Detections


class ImageDetector(Protocol):
    """Anything that detects as a `Predictor` does."""

    def outcomes(self, frames: Iterable[Frame], /) -> Iterator[tuple[Frame, Detections | Unreadable]]:
        """Detections or an error for each frame, in order."""


def run_parts(
    image_detector: ImageDetector,
    frames: Iterable[tuple[int, Frame]],
    size: int,
    digest: str,
    on_error: OnError,
    write: Callable[[int, Sequence[Row]], None],
) -> Iterator[Row]:
    """Detect in frames, and write each part once all of its rows are there.

    The next part is begun while the last images of the one before are looked at. After an error the parts that are
    complete have been written, and nothing of the others.

    Args:
        image_detector: Detector, such as a `Predictor`.
        frames: Frames, each with the number of its part; those of a part follow each other.
        size: Number of images per part; only the last part of a source may have fewer.
        digest: Digest of the model.
        on_error: ``stop`` raises the error of an image that cannot be read.
        write: Function that writes a part.

    Yields:
        The row of each image.
    """
    waiting: deque[int] = deque()

    def noted() -> Iterator[Frame]:
        for number, frame in frames:
            waiting.append(number)
            yield frame

    current = -1
    rows: list[Row] = []
    for frame, found in image_detector.outcomes(noted()):
        if isinstance(found, Unreadable) and on_error == "stop":
            raise found.error
        number = waiting.popleft()
        if rows and number != current:
            write(current, rows)
            rows = []
        current = number
        row = Row.of(frame, found, digest)
        rows.append(row)
        if len(rows) == size:
            write(current, rows)
            rows = []
        yield row
    if rows:
        write(current, rows)
