"""One process of a run in parts: its life, and what the process that began it knows of it."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from yolo3.bulk.folder import PartFolder, Tally
from yolo3.bulk.rows import Row
from yolo3.bulk.run import ImageDetector, run_parts
from yolo3.choices import OnError
from yolo3.sources import Frame


@dataclass(frozen=True)
class Job:
    """What every process of a run does, and with what; it is pickled."""

    open: Callable[[int], ImageDetector]
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


@dataclass(eq=False)
class Worker:
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

    def replaced(self) -> "Worker":
        """A new process in the place of this one."""
        self.stop()
        return Worker(self.job, self.number)

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
        """Answer a process that asks for a part; None lets it finish what it has."""
        if part is not None:
            self.parts[part.number] = part
        self._send(part)

    def wake(self) -> None:
        """Have a process that rests ask again."""
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
        image_detector = job.open(number)

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
            for _ in run_parts(image_detector, given(), job.size, job.digest, job.on_error, write):
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
