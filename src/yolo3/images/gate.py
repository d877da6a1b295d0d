"""A limit on what all threads of a process hold in memory at the same time."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Lets threads in, in the order they come, while what they need together stays within a limit.

    Args:
        limit: Bytes. One thread that needs more is let in when it is alone.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._renew()
        if hasattr(os, "register_at_fork"):  # a lock that another thread holds would stay closed in the child for ever
            os.register_at_fork(after_in_child=self._renew)

    @contextmanager
    def hold(self, num_bytes: int) -> Iterator[None]:
        """Wait for room for so many bytes, and keep it."""
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
        self._turn = threading.Lock()  # held by the thread that is next
        self._changed = threading.Condition()
        self._held = 0
