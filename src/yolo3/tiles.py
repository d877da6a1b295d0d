"""Sliced inference: a large image through overlapping windows, so that small objects are not scaled away."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import cast

import torch
from torch import Tensor

from yolo3.boxes import height_width, nms
from yolo3.choices import OnError
from yolo3.images import ImageArray, Least
from yolo3.predictor import Predictor
from yolo3.sources import ErrorPlace, Frame, Source, Unreadable, find_frames, kept
from yolo3.structures import Detections
from yolo3.suppression import check_count

_AT_EDGE = 0.01  # of a window: a box that ends so near its edge may be cut there
_COVERED = 0.7  # of a cut box: so much of it inside a larger one, and they are the same object
_CHUNK = 256  # cut boxes compared at a time


@dataclass(frozen=True)
class Tiled:
    """Sliced inference: a predictor that looks at large images window by window. It is called like a `Predictor`.

    Neighbouring windows overlap, and an object smaller than the overlap is whole in at least one of them. A box that an
    inner edge of a window may have cut is dropped where a larger box of its class covers it; then NMS keeps the best of
    overlapping boxes, as within a window. Objects larger than the overlap are looked for in the whole image. An image
    that fits into one window gives what the predictor gives.

    The predictor's ``max_detections`` limits each window. The detections of an image tell whether it was reached.

    Raises:
        ValueError: A tile below 32 pixels, an overlap outside [0, 0.9], a limit below 0.
    """

    predictor: Predictor
    """Predictor for the windows; each is fitted to its ``image_size``."""
    tile_size: int | tuple[int, int] = 640
    """(height, width) of a window in pixels of the image, or one number for both."""
    overlap: float = 0.2
    """Least overlap of neighbouring windows, as a part of a window."""
    whole: bool = True
    """Whether to look at the whole image too, scaled down, for objects larger than the overlap."""
    max_detections: int | None = None
    """Most detections per image, the best; None keeps all that its windows have."""

    def __post_init__(self) -> None:
        if min(self._tile) < 32:
            height, width = self._tile
            raise ValueError(f"tile size {height} x {width} is too small; it must be at least 32 pixels")
        if not 0 <= self.overlap <= 0.9:
            raise ValueError(f"tile overlap is {self.overlap:g}; it must lie in [0, 0.9]")
        if self.max_detections is not None:
            check_count("max_detections", self.max_detections, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names."""
        return self.predictor.names

    def __call__(self, source: Source) -> list[Detections]:
        """Detect the objects in every image of a source, in pixels of each image; see `Predictor`."""
        return [found for _, found in self.stream(source)]

    def stream(
        self, source: Source, on_error: OnError = "stop", errors: ErrorPlace | None = None
    ) -> Iterator[tuple[str, Detections]]:
        """Detect one image after another, as (name, detections); a few images are in memory at a time."""
        frames = find_frames(source, channels=self.predictor.in_channels, on_error=on_error, stems="plain")
        return ((frame.name, found) for frame, found in kept(self.outcomes(frames), on_error, errors))

    def frames(
        self, source: Source, on_error: OnError = "stop", errors: ErrorPlace | None = None
    ) -> Iterator[tuple[Frame, Detections]]:
        """Detect like `stream`, with each image as a `Frame` beside its detections."""
        frames = find_frames(source, channels=self.predictor.in_channels, on_error=on_error)
        return kept(self.outcomes(frames), on_error, errors)

    def outcomes(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | Unreadable]]:
        """Detect in one frame after another, see `Predictor.outcomes`."""
        begun: deque[tuple[Frame, Unreadable | tuple[tuple[int, int], Tensor]]] = deque()  # or its size and windows

        def parts() -> Iterator[ImageArray | Frame]:
            for frame in frames:
                try:
                    image = frame.pixels()
                except Exception as error:  # as in `Predictor.outcomes`
                    begun.append((frame, Unreadable(frame.name, error)))
                    continue
                size = (image.shape[0], image.shape[1])
                windows = self.windows(size)
                begun.append((frame, (size, windows)))
                if len(windows) == 1:
                    yield _whole(frame, image)
                    continue
                for left, top, right, bottom in windows.tolist():
                    yield image[top:bottom, left:right]

        found = (objects for _, objects in self.predictor.stream(parts()))
        while True:
            first = next(found, None)  # of the first readable image that is begun
            while begun and isinstance(begun[0][1], Unreadable):
                frame, error = begun.popleft()
                yield frame, cast(Unreadable, error)
            if first is None:
                return
            frame, (size, windows) = cast(tuple[Frame, tuple[tuple[int, int], Tensor]], begun.popleft())
            rest = islice(found, len(windows) - 1)
            yield frame, self._joined([first, *rest], windows, size)

    def windows(self, image_size: tuple[int, int]) -> Tensor:
        """(N, 4) int64 left, top, right, bottom of the windows of a (height, width) image, row by row.

        The whole image comes last if it is asked for; an image that fits into a window is the only one.
        """
        height, width = image_size
        tile_height, tile_width = self._tile
        tops = _starts(height, tile_height, self.overlap)
        lefts = _starts(width, tile_width, self.overlap)
        windows = [
            [left, top, min(left + tile_width, width), min(top + tile_height, height)] for top in tops for left in lefts
        ]
        if self.whole and len(windows) > 1:
            windows.append([0, 0, width, height])
        return torch.tensor(windows)

    @property
    def _tile(self) -> tuple[int, int]:
        return height_width(self.tile_size)

    def _joined(self, found: list[Detections], windows: Tensor, size: tuple[int, int]) -> Detections:
        """Detections of an image from those of its windows."""
        if len(windows) == 1:
            return self._limited(found[0])
        window = windows.repeat_interleave(torch.tensor([len(objects) for objects in found]), dim=0).float()  # (N, 4)
        boxes = torch.cat([objects.boxes for objects in found]) + window[:, [0, 1, 0, 1]]
        joined = replace(
            found[0],
            boxes=boxes,
            scores=torch.cat([objects.scores for objects in found]),
            labels=torch.cat([objects.labels for objects in found]),
            limit_reached=any(objects.limit_reached for objects in found),
            best_below=max((each.best_below for each in found if each.best_below is not None), default=None),
        )
        belongs = self._belongs(boxes, window, size)
        joined = joined[belongs]
        window = window[belongs]
        settings = self.predictor.suppression
        labels = torch.zeros_like(joined.labels) if settings.class_agnostic else joined.labels  # what may drop what
        apart = ~_pieces(joined.boxes, labels, _is_cut(joined.boxes, window, size))
        joined = joined[apart]
        labels = labels[apart]
        return self._limited(joined[nms(joined.boxes, joined.scores, settings.iou_threshold, labels)])

    def _limited(self, found: Detections) -> Detections:
        """The best detections of an image; where there are some, no score below the threshold is of interest."""
        found = replace(found, best_below=None) if len(found) else found
        if self.max_detections is None or len(found) <= self.max_detections:
            return found
        return replace(found[: self.max_detections], limit_reached=True)

    def _belongs(self, boxes: Tensor, window: Tensor, size: tuple[int, int]) -> Tensor:
        """(N,) bool: all but small objects in the whole image, which windows show whole and larger."""
        height, width = size
        from_whole = (window == window.new_tensor([0, 0, width, height])).all(dim=1)
        tile_height, tile_width = self._tile
        reach = boxes.new_tensor([tile_width, tile_height]) * self.overlap
        return ~from_whole | (boxes[:, 2:] - boxes[:, :2] > reach).any(dim=1)


def _whole(frame: Frame, image: ImageArray) -> Frame:
    """An image with its pixels at hand, which the predictor still reads at a reduced size where it would do so."""
    size = (image.shape[0], image.shape[1])

    def read_reduced(least: Least) -> tuple[ImageArray, tuple[int, int]]:
        return (image, size) if least(size) is None else frame.reduced(least)

    return Frame(frame.name, frame.stem, lambda: image, read_reduced=read_reduced)


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    """Where windows begin that cover a length, evenly apart."""
    if length <= tile:
        return [0]
    count = 1 + -int(-(length - tile) // (tile * (1 - overlap)))  # rounded up
    return [round(number * (length - tile) / (count - 1)) for number in range(count)]


def _is_cut(boxes: Tensor, window: Tensor, size: tuple[int, int]) -> Tensor:
    """(N,) bool: a box ends at an edge of its window that is not an edge of the image."""
    height, width = size
    margin = (window[:, 2:] - window[:, :2]) * _AT_EDGE
    at_start = (boxes[:, :2] <= window[:, :2] + margin) & (window[:, :2] > 0)
    at_end = (boxes[:, 2:] >= window[:, 2:] - margin) & (window[:, 2:] < window.new_tensor([width, height]))
    return (at_start | at_end).any(dim=1)


def _pieces(boxes: Tensor, labels: Tensor, is_cut: Tensor) -> Tensor:
    """(N,) bool: a cut box, most of which lies in a larger box of its label."""
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    is_piece = torch.zeros_like(is_cut)
    for cut in is_cut.nonzero().flatten().split(_CHUNK):
        shared = torch.minimum(boxes[cut, None, 2:], boxes[:, 2:]) - torch.maximum(boxes[cut, None, :2], boxes[:, :2])
        covered = shared.clamp(min=0).prod(dim=-1) > _COVERED * area[cut, None]  # (cut, N)
        larger = area > area[cut, None]
        is_piece[cut] = (covered & larger & (labels == labels[cut, None])).any(dim=1)
    return is_piece
