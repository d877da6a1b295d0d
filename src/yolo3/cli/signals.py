"""Signals that ask a command to end: it ends as after Ctrl-C, with what it has in order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_POLITE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows has one


class Terminated(KeyboardInterrupt):
    """A signal has asked the process to end.

    Args:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"terminated by {signal.Signals(number).name}")
        self.number = number


@contextmanager
def terminated_like_ctrl_c() -> Iterator[None]:
    """Meanwhile SIGTERM and SIGHUP raise `Terminated`; a second SIGTERM ends the process at once.

    A signal that is ignored stays so: ``nohup`` has seen to it. Does nothing outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _POLITE}
    heard = [number for number, handler in before.items() if handler is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:
        for each in heard:  # a terminal that is closed sends SIGHUP, and its shell another
            signal.signal(each, signal.SIG_DFL if each == signal.SIGTERM else signal.SIG_IGN)
        raise Terminated(number)

    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
