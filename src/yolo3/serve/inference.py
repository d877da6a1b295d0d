"""From the bytes of a request to its detections, in one pass of the network with those of other requests."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import anyio
import anyio.to_thread
import numpy as np
from torch import Tensor

from yolo3.boxes import Letterbox
from yolo3.images import ImageArray
from yolo3.predictor import Predictor, Prepared, in_picture
from yolo3.serve.batching import Batcher
from yolo3.serve.uploads import Limits, Refused, decode, decode_reduced
from yolo3.sources import Frame
from yolo3.structures import Candidates, Detections
from yolo3.suppression import suppress

_PATIENCE = 5  # seconds that the network may take to show that it works
_ANSWERED = 1  # seconds until those that are refused at the end have been told
_ENDING = "the server is about to end; try again in a few seconds"


@dataclass(frozen=True)
class ImageCandidates:
    """A picture after the network: detections with any thresholds, without another pass."""

    candidates: Candidates
    """(1, N, 4) boxes, pixels of the network input."""
    letterbox: Letterbox
    """The way back, and the picture's size."""
    names: tuple[str, ...]
    scores: float | Tensor
    """The predictor's own threshold, or (C,) one a class, infinite for those that are not looked for."""
    max_detections: int
    class_agnostic: bool

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.letterbox.image_size

    def detections(self, min_score: float | None, iou_threshold: float) -> Detections:
        """The objects, in pixels of the picture, as `Predictor` finds them.

        Args:
            min_score: one for all classes that are looked for; None is the predictor's own.
            iou_threshold: see `suppress`.
        """
        least = self.scores
        if min_score is not None:
            least = least.where(least.isinf(), min_score) if isinstance(least, Tensor) else min_score
        (found,) = suppress(self.candidates, least, iou_threshold, self.max_detections, self.class_agnostic)
        return replace(in_picture(found, self.letterbox), class_names=self.names)

    def above(self, min_score: float) -> "ImageCandidates":
        """What matters at this score or higher ones: some hundred boxes instead of ten thousand."""
        scores = self.candidates.scores
        wanted = (scores[0] > min_score).any(dim=1)
        return replace(self, candidates=Candidates(self.candidates.boxes[:, wanted], scores[:, wanted]))


State = Literal["ok", "starting", "failing", "draining"]
"""``starting``: nothing was found yet; ``failing``: the network raises; ``draining``: the server is about to end."""


class InferenceService:
    """Finds objects in pictures that arrive from many sides at once.

    Pictures are decoded and fitted in a few threads, one a core; the network runs in another, on several pictures at a
    time. Of a picture that waits only the network's input is kept.

    Args:
        predictor: does the work; its own batch size and thresholds do not count here.
        limits: of what a request may hold, and of how many there may be.
        batch_size: pictures that go through the network together.
    """

    def __init__(self, predictor: Predictor, limits: Limits = Limits(), batch_size: int = 8) -> None:
        self.predictor, self.limits = predictor, limits
        self._batcher: Batcher[Prepared, Candidates] = Batcher(self._candidates, batch_size)
        self._decoders = anyio.CapacityLimiter(os.cpu_count() or 1)
        self._at_work: set[asyncio.Task[Any]] = set()
        self._works: bool | None = None  # what the last pass of the network said
        self._draining = False
        self._over = False

    @contextmanager
    def admission(self) -> Iterator[None]:
        """A place for a request, from its first byte on.

        Raises:
            Refused: no place is free, or the server is about to end (503), also before the answer is there.
        """
        if self._draining:
            raise Refused(503, _ENDING)
        if len(self._at_work) >= self.limits.requests:
            raise Refused(503, f"{len(self._at_work)} requests are at work already; try again in a second")
        task = asyncio.current_task()
        assert task is not None
        self._at_work.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self._over:  # by `drain`
                raise Refused(503, _ENDING) from None
            raise
        finally:
            self._at_work.discard(task)

    async def infer(self, content: bytes) -> ImageCandidates:
        """Decode a picture's file and run the network on it.

        Raises:
            Refused: see `decode`.
        """
        prepared = await anyio.to_thread.run_sync(self._prepare, content, limiter=self._decoders)
        candidates = await asyncio.wrap_future(self._batcher.submit(prepared))
        p = self.predictor
        return ImageCandidates(candidates, prepared.letterbox, p.names, p.scores, p.max_detections, p.class_agnostic)

    def picture(self, content: bytes) -> ImageArray:
        """The picture itself; see `decode`."""
        return decode(content, self.limits)

    async def state(self) -> State:
        """How it is. Where the network has not run yet, or failed the last time, it is tried on a grey image."""
        if self._draining:
            return "draining"
        if not self._works:
            grey = self.predictor.prepare(np.full((*self.predictor.image_size, 3), 128, dtype=np.uint8))
            before = self._works
            try:
                await asyncio.wait_for(asyncio.wrap_future(self._batcher.submit(grey)), _PATIENCE)
            except TimeoutError:
                return "starting" if before is None else "failing"
            except Exception:
                return "failing"
        return "ok"

    async def drain(self, seconds: float) -> None:
        """Let no further request in, and wait for those at work; what is not done after so many seconds is refused."""
        self._draining = True
        deadline = time.monotonic() + seconds
        while self._at_work and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        self._over = True
        for task in list(self._at_work):
            task.cancel()
        while self._at_work and time.monotonic() < deadline + _ANSWERED:
            await asyncio.sleep(0.02)

    def open(self) -> None:
        """Let requests in, again where it was drained or closed before."""
        self._draining = False
        self._over = False

    def close(self) -> None:
        """Finish what is at work, and stop."""
        self._batcher.close()

    def _prepare(self, content: bytes) -> Prepared:
        """The network's input, as `Predictor` makes it of a file."""
        whole = partial(self.picture, content)
        reduced = partial(decode_reduced, content, self.limits)
        return self.predictor.prepare(Frame("the image", "image", whole, read_reduced=reduced))

    def _candidates(self, batch: Sequence[Prepared]) -> Sequence[Candidates]:
        try:
            candidates = self.predictor.candidates(batch)
        except Exception:
            self._works = False
            raise
        self._works = True
        return candidates
