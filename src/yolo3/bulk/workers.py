"""Several processes on one machine that share the parts of a run."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from multiprocessing.connection import wait
from operator import itemgetter
from typing import Any

from yolo3.bulk.folder import Tally
from yolo3.bulk.process import Job, Part, Worker
from yolo3.sources import Frame

LOST_AT_MOST = 2
"""Number of times that a part is done again after its process was lost."""


class LostParts(ValueError):
    """Parts whose process was lost each time; all others are finished."""


def run_processes(job: Job, frames: Iterable[tuple[int, Frame]], count: int) -> Iterator[tuple[int, Tally]]:
    """Detect in several processes, to which parts are dealt as they become free.

    A process that is lost, killed by the system for one, is replaced, and its parts are done again, one at a time.

    Args:
        job: Job of every process.
        frames: Frames, each with the number of its part; those of a part follow each other.
        count: Number of processes.

    Yields:
        Number and tally of each part as it is written, in no order.

    Raises:
        LostParts: Parts that were lost each time; at the end, when all others are finished.
        Exception: An error of a process, such as a full disk. The parts that are finished stay.
    """
    parts = (Part(number, [_sendable(frame) for _, frame in group]) for number, group in groupby(frames, itemgetter(0)))
    dealer = _Dealer(parts)
    workers = [Worker(job, number) for number in range(count)]
    try:
        while True:
            for worker in workers:
                if worker.is_resting and not dealer.is_done():
                    worker.wake()
            busy = [worker for worker in workers if not worker.is_resting]
            if not busy:
                break
            ready = wait([each for worker in busy for each in (worker.pipe, worker.process.sentinel)])
            for worker in busy:
                if worker.pipe in ready and (message := worker.receive()) is not None:
                    yield from _answer(worker, *message, dealer)
                elif worker.process.sentinel in ready:
                    dealer.lost(worker)
                    workers[workers.index(worker)] = worker.replaced()
    finally:
        for worker in workers:
            worker.stop()
    if dealer.given_up:
        names = ", ".join(part.named() for part in dealer.given_up)
        raise LostParts(f"the process at work on it was lost {LOST_AT_MOST + 1} times, and it is left out: {names}")


def _sendable(frame: Frame) -> Frame:
    if frame.video is not None:
        raise ValueError(
            f"{frame.video.path} is a video, whose frames cannot be shared among processes; leave out --devices"
        )
    return frame


def _answer(worker: Worker, kind: str, value: Any, dealer: "_Dealer") -> Iterator[tuple[int, Tally]]:
    if kind == "written":
        number, tally = value
        worker.parts.pop(number)
        yield number, tally
    elif kind == "more":
        worker.give(dealer.next_for(worker))
    elif kind == "rests":
        worker.is_resting = True
    else:
        raise value


class _Dealer:
    """The parts that are still to be dealt."""

    def __init__(self, parts: Iterator[Part]) -> None:
        self._fresh = parts
        self._next = next(parts, None)
        self._again: deque[Part] = deque()
        self._times_lost: dict[int, int] = {}
        self._failed_starts = 0
        self.given_up: list[Part] = []

    def is_done(self) -> bool:
        return self._next is None and not self._again

    def next_for(self, worker: Worker) -> Part | None:
        """The next part; None where the process should finish what it has first."""
        if any(number in self._times_lost for number in worker.parts):
            return None  # so that a part is not suspected of what another has done
        if self._next is not None:
            part = self._next
            self._next = next(self._fresh, None)
            return part
        if self._again and not worker.parts:
            return self._again.popleft()
        return None

    def lost(self, worker: Worker) -> None:
        """Take back the parts of a process that is lost."""
        if not worker.has_begun:
            self._failed_starts += 1
            if self._failed_starts > LOST_AT_MOST:
                raise ValueError(f"processes end before they have a detector, the last with code {worker.exit_code}")
        for part in worker.parts.values():
            times = self._times_lost[part.number] = self._times_lost.get(part.number, 0) + 1
            if times > LOST_AT_MOST:
                self.given_up.append(part)
            else:
                self._again.append(part)
