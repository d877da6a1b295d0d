"""What a server tells Prometheus: requests, errors, latency, batches and queues."""

import time
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yolo3 import __version__

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Content type of `Metrics.text`."""
CLIENT_GONE = 499
"""Status of a request whose client went away before the answer, as nginx counts it."""

_ROUTES = ("/detect", "/health", "/ready", "/metrics", "/docs", "/openapi.json")  # the rest is of the page
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)

Ended = Callable[[Scope, str, int, float], None]
"""Function that is told of each request: its scope, route, status and seconds."""


class Metrics:
    """Measurements of one server, in a registry of its own.

    Args:
        model: Name of the model, which stands in ``yolo3_info``.
    """

    def __init__(self, model: str) -> None:
        self._registry = CollectorRegistry()
        info = Gauge("yolo3_info", "Version and model; always 1.", ["version", "model"], registry=self._registry)
        info.labels(__version__, model).set(1)
        self._requests = Counter(
            "yolo3_requests",
            f"Requests by route and HTTP status; {CLIENT_GONE}: the client left before the answer.",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "yolo3_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "yolo3_batch_images", "Images per network pass.", buckets=_BATCHES, registry=self._registry
        )
        self._passes = Histogram(
            "yolo3_network_seconds", "Time of a network pass.", buckets=_SECONDS, registry=self._registry
        )
        self._failures = Counter("yolo3_network_failures", "Network passes that failed.", registry=self._registry)

    def watch(self, in_progress: Callable[[], float], waiting: Callable[[], float], works: Callable[[], float]) -> None:
        """Read three numbers whenever they are asked for: requests in progress, images that wait, 1 if all works."""
        for name, text, read in (
            ("yolo3_requests_in_progress", "Admitted requests that are not answered yet.", in_progress),
            ("yolo3_queue_images", "Images that wait for the network.", waiting),
            ("yolo3_works", "1 if the last network pass succeeded, else 0.", works),
        ):
            Gauge(name, text, registry=self._registry).set_function(read)

    def add_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def add_pass(self, images: int, seconds: float) -> None:
        """Count a network pass that succeeded."""
        self._batches.observe(images)
        self._passes.observe(seconds)

    def add_failure(self) -> None:
        """Count a network pass that failed."""
        self._failures.inc()

    def text(self) -> bytes:
        """All of them in the text format of Prometheus."""
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware: tells of each request when it has ended.

    Args:
        app: Application behind it.
        ended: Function that is told.
    """

    def __init__(self, app: ASGIApp, ended: Ended) -> None:
        self.app = app
        self.ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        status = CLIENT_GONE  # unless an answer begins
        is_gone = False

        async def watched_receive() -> Message:
            nonlocal is_gone
            message = await receive()
            is_gone = is_gone or message["type"] == "http.disconnect"
            return message

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = CLIENT_GONE if is_gone else message["status"]
            await send(message)

        try:
            await self.app(scope, watched_receive, watched_send)
        except Exception:
            status = 500 if status == CLIENT_GONE and not is_gone else status
            raise
        finally:
            self.ended(scope, route_of(scope), status, time.perf_counter() - start)


def route_of(scope: Scope) -> str:
    """The route of a request, one of a few; ``page`` for all that belongs to the page, or to nothing."""
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"].removeprefix(root)
    return path if path in _ROUTES else "page"
