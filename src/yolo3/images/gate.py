"""A limit on the memory that all threads of a process use at the same time."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Admits threads in the order of arrival, as long as their total memory stays within a limit.

    Args:
        limit: Bytes. A thread that needs more is admitted when it is alone.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._renew()
        if hasattr(os, "register_at_fork"):  # a lock held by another thread would stay locked in the child
            os.register_at_fork(after_in_child=self._renew)

    @contextmanager
    def hold(self, num_bytes: int) -> Iterator[None]:
        """Wait until ``num_bytes`` are available, and hold them."""
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + num_bytes <= self.limit)
            self._held += num_bytes
        try:
            yield
        finally:
            with self._changed:
                self._held -= num_bytes
                self._changed.notify_all()

    def _renew(self) -> None:
        self._turn = threading.Lock()  # held by the next thread
        self._changed = threading.Condition()
        self._held = 0
