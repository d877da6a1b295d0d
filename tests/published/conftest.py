"""A server on loopback that gives weights in the ways in which servers do and fail to."""

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from yolo3.published import table
from yolo3.published.table import Published

PAGE = b"<!DOCTYPE html><html><body>Not here any more</body></html>"


@dataclass
class WeightsServer:
    """A server of one file. The first part of an address says how it answers."""

    content: bytes
    port: int = 0
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, Range and User-Agent of every request."""

    def url(self, manner: str) -> str:
        return f"http://127.0.0.1:{self.port}/{manner}/the.weights"

    def manners(self) -> list[str]:
        """The way in which each request was answered."""
        return [path.split("/")[1] for path, _, _ in self.requests]


def _handler(server: WeightsServer) -> type[BaseHTTPRequestHandler]:
    content = server.content
    half = len(content) // 2

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append((self.path, self.headers.get("Range", ""), self.headers["User-Agent"]))
            manner = self.path.split("/")[1]
            getattr(self, f"give_{manner}")()

        def begin(self, status: int, length: int, kind: str = "application/octet-stream", **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(length))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def give_whole(self) -> None:
            """The file, or the part of it that is asked for."""
            self._part(len(content))

        def give_cut(self) -> None:
            """Half of what is asked for; then the connection breaks."""
            begun = self._begun()
            self._part(begun + (len(content) - begun) // 2)

        def give_cut_once(self) -> None:
            """Half of the file at first, the rest when asked again."""
            self._part(half if server.manners().count("cut_once") == 1 else len(content))

        def give_cut_without_ranges(self) -> None:
            """Half of the file at first; then the whole, whatever is asked for."""
            self.begin(200, len(content))
            self.wfile.write(content[: half if server.manners().count("cut_without_ranges") == 1 else None])

        def give_nothing(self) -> None:
            """A connection that breaks before a byte of the file."""
            self.begin(200, len(content))

        def give_403(self) -> None:
            self.send_error(403)

        def give_404(self) -> None:
            self.send_error(404)

        def give_416(self) -> None:
            self.send_error(416)

        def give_page(self) -> None:
            """A web page with status 200."""
            self.begin(200, len(PAGE), "text/html; charset=utf-8")
            self.wfile.write(PAGE)

        def give_disguised_page(self) -> None:
            """A web page of unknown length that says it is a file."""
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.end_headers()
            self.wfile.write(PAGE)

        def give_changed(self) -> None:
            """A file of the right size with another byte in it."""
            self.begin(200, len(content))
            self.wfile.write(content[:-1] + bytes([content[-1] ^ 1]))

        def give_shorter(self) -> None:
            """A whole, shorter file."""
            self.begin(200, half)
            self.wfile.write(content[:half])

        def give_longer(self) -> None:
            """A longer file of unknown length."""
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content + b"more")

        def give_other_part(self) -> None:
            """The beginning, whichever part is asked for."""
            self.begin(206, half, Content_Range=f"bytes 0-{half - 1}/{len(content)}")
            self.wfile.write(content[:half])

        def give_trickle(self) -> None:
            """A hundred bytes a second."""
            self.begin(200, len(content))
            self._slowly(1, 0.01)

        def give_slow(self) -> None:
            """The whole file, in two seconds or so."""
            self.begin(200, len(content))
            self._slowly(len(content) // 20, 0.1)

        def give_redirected(self) -> None:
            """An address that leads to another one."""
            self.send_response(302)
            self.send_header("Location", "/whole/the.weights")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _begun(self) -> int:
            asked = self.headers.get("Range", "")
            return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0

        def _part(self, end: int) -> None:
            begun = self._begun()
            if begun:
                place = f"bytes {begun}-{len(content) - 1}/{len(content)}"
                self.begin(206, len(content) - begun, Content_Range=place)
            else:
                self.begin(200, len(content))
            self.wfile.write(content[begun:end])

        def _slowly(self, step: int, pause: float) -> None:
            try:
                for start in range(0, len(content), step):
                    self.wfile.write(content[start : start + step])
                    self.wfile.flush()
                    time.sleep(pause)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is printed."""

    return Handler


def _served(content: bytes) -> Iterator[WeightsServer]:
    server = WeightsServer(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        yield server
        http.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    """A server of 300,000 bytes."""
    yield from _served(bytes(range(1, 251)) * 1200)


@pytest.fixture
def tiny_server(shared: Path) -> Iterator[WeightsServer]:
    """A server of the published yolov3-tiny.weights."""
    yield from _served((shared / "weights/yolov3-tiny.weights").read_bytes())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no proxy between the test and its server."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("YOLO3_OFFLINE", raising=False)
    return tmp_path / "torch/hub/checkpoints"


@pytest.fixture
def published_at(server: WeightsServer):
    """Makes an entry of the table for the server's file, at addresses that answer in certain manners."""

    def make(*manners: str, verified: bool = True) -> Published:
        digest = hashlib.sha256(server.content).hexdigest() if verified else None
        urls = tuple(server.url(manner) for manner in manners)
        return Published("the", "the.weights", len(server.content), digest, urls)

    return make


@pytest.fixture
def tiny_at(tiny_server: WeightsServer, monkeypatch: pytest.MonkeyPatch):
    """Puts addresses of the server in place of those of yolov3-tiny.weights."""

    def put(*manners: str) -> None:
        urls = tuple(tiny_server.url(manner) for manner in manners)
        monkeypatch.setattr(
            table, "PUBLISHED", table.PUBLISHED | {"yolov3-tiny": replace(table.PUBLISHED["yolov3-tiny"], urls=urls)}
        )

    return put
