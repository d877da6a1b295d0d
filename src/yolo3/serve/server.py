"""The server, which a signal shuts down gracefully."""

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

from yolo3.choices import LogFormat
from yolo3.serve.logs import log_as_json

_PATIENCE = 2  # seconds for open pages at shutdown: each holds a connection


def run(
    app: FastAPI,
    listener: socket.socket,
    drain_seconds: float = 8,
    root_path: str = "",
    log: LogFormat = "text",
) -> None:
    """Serve an application at a socket, until Ctrl-C, SIGTERM or SIGHUP.

    Then ``/health`` says ``draining``, requests in progress are answered, and new ones are refused with 503. A second
    signal ends the server at once.

    Args:
        app: Application from `create_app`.
        listener: Socket that is bound to an address.
        drain_seconds: Longest time for requests in progress after the signal, seconds; the rest is refused.
        root_path: Path below which a proxy shows the server, and which it takes away, as in ``/yolo``.
        log: ``text`` writes errors alone; ``json`` a line of JSON per request and error, to standard error.

    Raises:
        ValueError: A number of seconds below 0; a root path that does not begin with a slash, or ends with one.
    """
    check_root_path(root_path)
    if not drain_seconds >= 0:
        raise ValueError(f"drain_seconds is {drain_seconds}; it must be at least 0")
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=_PATIENCE, root_path=root_path, access_log=False
    )
    if log == "json":
        log_as_json()  # after uvicorn has set up its own
    server = _Draining(config, drain_seconds)
    # cutting off pages that are still open is no error
    logging.getLogger("uvicorn.error").addFilter(lambda _: not server.should_exit)
    try:
        server.run([listener])
    except KeyboardInterrupt:
        pass


def check_root_path(root_path: str) -> None:
    """Raise the ValueError of a path below which nothing can be shown."""
    if root_path and (not root_path.startswith("/") or root_path.endswith("/")):
        raise ValueError(f"root_path is {root_path!r}; write it as in /yolo, with a slash before and none after it")


class _Draining(uvicorn.Server):
    """A server that finishes its requests after it was asked to end."""

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_asked = False
        self._draining: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it is asked to end."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, end at the second."""
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
        """Handle SIGHUP too, which a closed terminal sends."""
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
