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

from yolo3.boxes import Letterbox
from yolo3.data.fitting import Prepared, in_image
from yolo3.explain import PredictionExplanation, explain_prediction
from yolo3.images import ImageArray
from yolo3.predictor import Predictor
from yolo3.serve.batching import Batcher
from yolo3.serve.metrics import Metrics
from yolo3.serve.uploads import Limits, Refused, decode, decode_reduced
from yolo3.sources import Frame
from yolo3.structures import Candidates, Detections
from yolo3.suppression import Suppression

_PATIENCE = 5  # seconds that a health check waits for the network
_ANSWERED = 1  # seconds for the answers to requests that are refused at shutdown
_ENDING = "the server is shutting down; try again in a few seconds"


@dataclass(frozen=True)
class ImageCandidates:
    """Candidates of one image: detections with any thresholds, without another network pass."""

    candidates: Candidates
    """(1, N, 4) boxes, pixels of the network input."""
    letterbox: Letterbox
    """Way back to pixels of the image."""
    names: tuple[str, ...]
    """Class names; empty where classes have none."""
    suppression: Suppression
    """Thresholds and limits of the predictor."""

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the image."""
        return self.letterbox.image_size

    def detections(self, suppression: Suppression) -> Detections:
        """The objects, in pixels of the image, as a `Predictor` with that suppression finds them."""
        (found,) = suppression(self.candidates)
        return replace(in_image(found, self.letterbox), class_names=self.names)

    def above(self, threshold: float) -> "ImageCandidates":
        """The candidates that score above a threshold: some hundred boxes instead of ten thousand."""
        scores = self.candidates.scores
        wanted = (scores[0] > threshold).any(dim=1)
        return replace(self, candidates=Candidates(self.candidates.boxes[:, wanted], scores[:, wanted]))


Status = Literal["ok", "starting", "failing", "draining"]
"""``starting``: the network has not run yet; ``failing``: it raises; ``draining``: the server is shutting down."""
Readiness = Literal["ok", "starting", "failing", "draining", "full"]
"""``full``: as many requests are in progress as are admitted; the others are those of `Status`."""


class InferenceService:
    """Object detection for many concurrent requests.

    Images are decoded and fitted in a few threads, one per core. The network runs in another thread, on several images
    at a time. Only the network's input of a waiting image is kept.

    Args:
        predictor: Predictor that does the work. Its own batch size and thresholds do not count here.
        limits: Limits of a request, and of the number of requests.
        batch_size: Images per network pass.
        metrics: Measurements for Prometheus. Default: of a server without a name.
    """

    def __init__(
        self,
        predictor: Predictor,
        limits: Limits = Limits(),
        batch_size: int = 8,
        metrics: Metrics | None = None,
    ) -> None:
        self.predictor = predictor
        self.limits = limits
        self.metrics = metrics or Metrics("yolo3")
        self._batcher: Batcher[Prepared, Candidates] = Batcher(self._candidates, batch_size)
        self._decoders = anyio.CapacityLimiter(os.cpu_count() or 1)
        self._explainers = anyio.CapacityLimiter(1)  # each needs the memory of a training step
        self._at_work: set[asyncio.Task[Any]] = set()
        self._works: bool | None = None  # whether the last pass of the network succeeded
        self._draining = False
        self._over = False
        self.metrics.watch(lambda: len(self._at_work), lambda: self._batcher.waiting, lambda: float(bool(self._works)))

    @contextmanager
    def admission(self) -> Iterator[None]:
        """A slot for a request, from its first byte on.

        Raises:
            Refused: No slot is free, or the server is shutting down (503), even while the request is in progress.
        """
        if self._draining:
            raise Refused(503, _ENDING)
        if len(self._at_work) >= self.limits.requests:
            raise Refused(503, f"{len(self._at_work)} requests are in progress already; try again in a second")
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
        """Decode an image file and run the network on it.

        Raises:
            Refused: An image that cannot be decoded, see `decode`.
        """
        prepared = await anyio.to_thread.run_sync(self._prepare, content, limiter=self._decoders)
        candidates = await asyncio.wrap_future(self._batcher.submit(prepared))
        return ImageCandidates(candidates, prepared.letterbox, self.predictor.names, self.predictor.suppression)

    async def explain(
        self, content: bytes, suppression: Suppression, why: str | None, model: str
    ) -> PredictionExplanation:
        """Explain what is found in an image file, one image at a time.

        Args:
            content: Bytes of the file.
            suppression: Thresholds and limits.
            why: Class that is asked for; None is that of the best detection.
            model: Name of the model.

        Raises:
            Refused: An image that cannot be decoded, see `decode`.
            ValueError: A detector that cannot be explained; an unknown class.
        """
        work = partial(explain_prediction, self.predictor, why=why, suppression=suppression, model=model)
        return await anyio.to_thread.run_sync(work, self._frame(content), limiter=self._explainers)

    def image(self, content: bytes) -> ImageArray:
        """The decoded image, to look at; see `decode`."""
        return decode(content, self.limits)

    async def state(self) -> Status:
        """State of the service. A network that has not run yet, or failed the last time, is tried on a grey image."""
        if self._draining:
            return "draining"
        if not self._works:
            shape = (*self.predictor.image_size, self.predictor.in_channels)
            grey = self.predictor.prepare(np.full(shape, 128, dtype=np.uint8))
            before = self._works
            try:
                await asyncio.wait_for(asyncio.wrap_future(self._batcher.submit(grey)), _PATIENCE)
            except TimeoutError:
                return "starting" if before is None else "failing"
            except Exception:
                return "failing"
        return "ok"

    async def readiness(self) -> Readiness:
        """Whether a request that comes now would be answered."""
        state = await self.state()
        if state == "ok" and len(self._at_work) >= self.limits.requests:
            return "full"
        return state

    async def drain(self, seconds: float) -> None:
        """Admit no further requests, and wait for those in progress; after so many seconds the rest is refused."""
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
        """Admit requests, also after `drain` or `close`."""
        self._draining = False
        self._over = False

    def close(self) -> None:
        """Finish the requests in progress, and stop."""
        self._batcher.close()

    def _prepare(self, content: bytes) -> Prepared:
        """The network's input, as `Predictor` makes it from a file."""
        return self.predictor.prepare(self._frame(content))

    def _frame(self, content: bytes) -> Frame:
        reduced = partial(decode_reduced, content, self.limits, channels=self.predictor.in_channels)
        return Frame("the image", "image", lambda: reduced()[0], read_reduced=reduced)

    def _candidates(self, batch: Sequence[Prepared]) -> Sequence[Candidates]:
        start = time.perf_counter()
        try:
            candidates = self.predictor.candidates(batch)
        except Exception:
            self._works = False
            self.metrics.add_failure()
            raise
        self._works = True
        self.metrics.add_pass(len(batch), time.perf_counter() - start)
        return candidates
