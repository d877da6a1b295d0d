"""Single requests gathered into batches."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Job = tuple[Item, Future[Result]]


class Batcher(Generic[Item, Result]):
    """Gathers items that arrive one by one, from any thread, and works on them together in a thread of its own.

    The first item waits for company, but not for long. Where a batch fails its items are tried one by one, so that only
    those fail that are to blame. The thread begins with the first item, in the process that this comes from: a server
    may be made before it forks. It ends with `close`, and begins anew with the next item after that.

    Args:
        work: Function of a batch, which returns one result per item, in order.
        batch_size: Most items per batch.
        wait: Longest time that an item waits for others, seconds.

    Raises:
        ValueError: A batch size below 1.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], batch_size: int = 8, wait: float = 0.005
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        self._work, self._batch_size, self._wait = work, batch_size, wait
        self._changing = Lock()
        self._jobs: SimpleQueue[Job[Item, Result] | None] = SimpleQueue()
        self._worker: Thread | None = None

    def submit(self, item: Item) -> "Future[Result]":
        """The future result of an item. An item that is cancelled before its turn is not worked on."""
        future: Future[Result] = Future()
        with self._changing:
            if self._worker is None or not self._worker.is_alive():  # no thread of a parent lives in its fork
                self._jobs = SimpleQueue()
                self._worker = Thread(target=self._run, args=(self._jobs,), name="batcher", daemon=True)
                self._worker.start()
            self._jobs.put((item, future))
        return future

    @property
    def waiting(self) -> int:
        """Number of items that wait for their turn."""
        return self._jobs.qsize()

    def close(self) -> None:
        """Finish what has been submitted, and stop."""
        with self._changing:
            worker = self._worker
            self._worker = None
            if worker is not None:
                self._jobs.put(None)
        if worker is not None:
            worker.join()

    def _run(self, jobs: "SimpleQueue[Job[Item, Result] | None]") -> None:
        going_on = True
        while going_on:
            batch, going_on = self._gather(jobs)
            wanted = [(item, future) for item, future in batch if future.set_running_or_notify_cancel()]
            if wanted:
                self._answer(wanted)

    def _gather(self, jobs: "SimpleQueue[Job[Item, Result] | None]") -> tuple[list[Job[Item, Result]], bool]:
        """The next batch, and whether there may be more."""
        batch: list[Job[Item, Result]] = []
        job = jobs.get()
        deadline = time.monotonic() + self._wait
        while job is not None:
            batch.append(job)
            if len(batch) == self._batch_size:
                return batch, True
            try:
                job = jobs.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                return batch, True
        return batch, False

    def _answer(self, batch: Sequence[Job[Item, Result]]) -> None:
        try:
            results = self._work([item for item, _ in batch])
            assert len(results) == len(batch)
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for job in batch:
                self._answer([job])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
