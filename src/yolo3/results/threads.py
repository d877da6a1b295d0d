"""Writing in other threads while the network runs."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from yolo3.results.writer import Add, Writer
from yolo3.sources import Frame
from yolo3.structures import Detections


@contextmanager
def in_threads(writer: Writer, num_threads: int = 1, num_waiting: int = 16) -> Iterator[Add]:
    """A writer whose ``add`` returns at once: other threads write, and are finished at the end.

    Args:
        writer: Writer that does the work.
        num_threads: Number of threads; more than one only if the writer may be called from several, in any order.
        num_waiting: Most calls that wait. A further call blocks until there is room, so that memory stays constant.

    Raises:
        Exception: An error of the writer, raised at a later call or at the end.
    """
    room = threading.BoundedSemaphore(num_waiting + num_threads)
    errors: list[BaseException] = []

    with writer as add_now, ThreadPoolExecutor(num_threads, thread_name_prefix="writer") as threads:

        def done(work: Future[None]) -> None:
            if not work.cancelled() and (error := work.exception()) is not None:
                errors.append(error)
            room.release()

        def add(frame: Frame, found: Detections) -> None:
            if errors:
                raise errors[0]
            room.acquire()
            threads.submit(add_now, frame, found).add_done_callback(done)

        yield add
        threads.shutdown(wait=True)
        if errors:
            raise errors[0]
