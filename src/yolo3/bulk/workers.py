"""Several processes on one machine that share the parts of a run."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from operator import itemgetter
from typing import Any

from yolo3.bulk.folder import PartFolder, Tally
from yolo3.bulk.rows import Row
from yolo3.bulk.run import Looker, run_parts
from yolo3.choices import OnError
from yolo3.sources import Frame

LOST_AT_MOST = 2
"""Number of times that a part is done again after its process was lost."""


@dataclass(frozen=True)
class Job:
    """What every process of a run does, and with what; it is pickled."""

    open: Callable[[int], Looker]
    """Function of the number of a process that gives its detector."""
    digest: str
    """Digest of the model."""
    folder: PartFolder
    size: int
    """Number of images per part."""
    on_error: OnError


@dataclass(frozen=True)
class Part:
    """A part to do."""

    number: int
    frames: Sequence[Frame]
    """Frames that can be sent to another process."""

    def named(self) -> str:
        """The part in words."""
        return f"part {self.number:06d} ({self.frames[0].name} to {self.frames[-1].name})"


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
    workers = [_Worker(job, number) for number in range(count)]
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


def _answer(worker: "_Worker", kind: str, value: Any, dealer: "_Dealer") -> Iterator[tuple[int, Tally]]:
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

    def next_for(self, worker: "_Worker") -> Part | None:
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

    def lost(self, worker: "_Worker") -> None:
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


@dataclass(eq=False)
class _Worker:
    """A process, seen from the one that began it."""

    job: Job
    number: int
    parts: dict[int, Part] = field(default_factory=dict)
    """Parts that it has and that are not yet written."""
    is_resting: bool = False
    has_begun: bool = False
    process: SpawnProcess = field(init=False)
    pipe: "Connection[Any, Any]" = field(init=False)

    def __post_init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(self.job, self.number, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def replaced(self) -> "_Worker":
        """A new process in the place of this one."""
        self.stop()
        return _Worker(self.job, self.number)

    @property
    def exit_code(self) -> int | None:
        """Exit code of a process that is lost: minus the number of the signal that killed it."""
        self.process.join()
        return self.process.exitcode

    def receive(self) -> tuple[str, Any] | None:
        """A message; None where the process has closed its end."""
        try:
            message: tuple[str, Any] = self.pipe.recv()
        except (EOFError, OSError):
            return None
        self.has_begun = True
        return message

    def give(self, part: Part | None) -> None:
        if part is not None:
            self.parts[part.number] = part
        self._send(part)

    def wake(self) -> None:
        self.is_resting = False
        self._send("go")

    def stop(self) -> None:
        """End the process. Files that it has not finished are not there."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _send(self, message: Any) -> None:
        try:
            self.pipe.send(message)
        except OSError:
            pass  # it is lost, which its sentinel tells


def _work(job: Job, number: int, pipe: "Connection[Any, Any]") -> None:
    """The life of a process: it asks for parts until there are none, rests, and begins again when it is told to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that began it hears Ctrl-C, and ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        looker = job.open(number)

        def given() -> Iterator[tuple[int, Frame]]:
            while True:
                pipe.send(("more", None))
                part = pipe.recv()
                if part is None:
                    return
                for frame in part.frames:
                    yield part.number, frame

        def write(part: int, rows: Sequence[Row]) -> None:
            job.folder.write(part, rows)
            pipe.send(("written", (part, Tally.of(part, rows))))

        while True:
            for _ in run_parts(looker, given(), job.size, job.digest, job.on_error, write):
                pass
            pipe.send(("rests", None))
            pipe.recv()
    except EOFError:
        pass  # the process that began it has ended
    except (ValueError, OSError, ImportError) as error:
        pipe.send(("failed", ValueError(str(error))))  # some errors cannot be pickled
    except Exception:
        pipe.send(("failed", RuntimeError(traceback.format_exc())))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
