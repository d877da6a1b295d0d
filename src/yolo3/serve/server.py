"""Serving until a signal ends it, gently."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

_PATIENCE = 2  # seconds that open pages are given at the end: each holds a connection


def run(app: FastAPI, listener: socket.socket, drain_seconds: float = 8) -> None:
    """Answer requests that arrive at a socket, until Ctrl-C, SIGTERM or SIGHUP.

    Then ``/health`` says so, requests at work are answered, and others are told to come again. A second signal ends it
    at once.

    Args:
        app: of `create_app`.
        listener: bound to an address.
        drain_seconds: how long requests may be at work after the signal; others are then told to come again.

    Raises:
        ValueError: seconds below 0.
    """
    if not drain_seconds >= 0:
        raise ValueError(f"drain_seconds is {drain_seconds}; it must be at least 0")
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_PATIENCE)
    server = _Draining(config, drain_seconds)
    # cutting off pages that are still open is no error
    logging.getLogger("uvicorn.error").addFilter(lambda _: not server.should_exit)
    try:
        server.run([listener])
    except KeyboardInterrupt:
        pass


class _Draining(uvicorn.Server):
    """A server that goes on for a while after it was asked to end."""

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_asked = False
        self._draining: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Until it is asked to end."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain first; the second time, end."""
        if self._loop is None or self._is_asked:
            super().handle_exit(sig, frame)
            return
        self._is_asked = True
        self._loop.call_soon_threadsafe(self._begin, sig, frame)  # wakes it up

    def _begin(self, sig: int, frame: FrameType | None) -> None:
        assert self._loop is not None
        self._draining = self._loop.create_task(self._drain(sig, frame))

    async def _drain(self, sig: int, frame: FrameType | None) -> None:
        assert isinstance(self.config.app, FastAPI)
        await self.config.app.state.service.drain(self._seconds)
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGHUP too, which a terminal sends that is closed."""
        hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
        if hang_up is None or threading.current_thread() is not threading.main_thread():
            with super().capture_signals():
                yield
            return
        before = signal.getsignal(hang_up)
        with super().capture_signals():
            if before is not signal.SIG_IGN:  # nohup has seen to it
                signal.signal(hang_up, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(hang_up, before)
