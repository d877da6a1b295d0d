"""A file of known size over HTTP, resumed where the connection broke off."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from yolo3 import __version__

_CHUNK = 1 << 18  # bytes
_AGENT = f"yolo3/{__version__} Python/{platform.python_version()}"
"""User-Agent; the server of Darknet's author answers 403 to that of urllib."""


@dataclass(frozen=True)
class Patience:
    """Limits of waiting for a server."""

    timeout: float = 30
    """Seconds without a byte after which a connection counts as broken."""
    window: float = 60
    """Seconds over which the rate is measured."""
    slowest: float = 1024
    """Bytes per second below which another address is tried."""
    attempts: int = 5
    """Number of connections to one address, the first included; each must bring something."""


class Refused(Exception):
    """A server does not give the file; asking again would not help."""


class Interrupted(Exception):
    """A connection broke off or was not made."""


def download(url: str, partial: Path, size: int, patience: Patience, show: Callable[[int], None]) -> None:
    """Fetch what a file still lacks.

    Proxies and certificates are those of the platform, as urllib finds them.

    Args:
        url: Address of the whole file.
        partial: File to append to, or to make. What has come stays in it after an error.
        size: Size of the whole file in bytes.
        patience: Limits of waiting.
        show: Function that is told how many bytes are there.

    Raises:
        Interrupted: The connection broke off, and did so again.
        OSError: The file cannot be written.
        Refused: An HTTP status that is an error, a web page or a file of another size in place of the file, a rate
            that is too low.
    """
    for attempt in range(1, patience.attempts + 1):
        before = length(partial)
        if before == size:
            return
        try:
            _receive(url, partial, size, patience, show)
        except Interrupted:
            if attempt == patience.attempts or length(partial) <= before:
                raise


def length(partial: Path) -> int:
    """The size of a file in bytes; 0 where there is none."""
    return partial.stat().st_size if partial.exists() else 0


def _receive(url: str, partial: Path, size: int, patience: Patience, show: Callable[[int], None]) -> None:
    """One connection: append to the file, or begin it anew where the server cannot resume."""
    begun = length(partial)
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if 0 < begun < size:
        headers["Range"] = f"bytes={begun}-"
    with _network():
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=patience.timeout)
    with response:
        resumes = response.status == 206
        received = begun if resumes else 0
        _check_answer(response, received, size)
        chunk = _read(response)
        if not resumes and chunk.lstrip()[:1] == b"<":
            raise Refused("a web page in place of the file")
        window_began = time.monotonic()
        window_received = received
        with partial.open("ab" if resumes else "wb") as file:
            while chunk:
                received += len(chunk)
                if received > size:
                    break
                file.write(chunk)
                show(received)
                elapsed = time.monotonic() - window_began
                if elapsed > patience.window:
                    rate = (received - window_received) / elapsed
                    if rate < patience.slowest:
                        raise Refused(f"only {rate:.0f} bytes per second")
                    window_began = time.monotonic()
                    window_received = received
                chunk = _read(response)
    if received > size:
        partial.unlink()
        raise Refused(f"more than {size:,} bytes")
    if received < size:
        raise Interrupted(f"the connection broke off after {received:,} of {size:,} bytes")


def _check_answer(response: HTTPResponse, received: int, size: int) -> None:
    """Raise the Refused of an answer that cannot be the file, or the part of it that was asked for."""
    if response.headers.get_content_type() == "text/html":
        raise Refused("a web page in place of the file")
    if received and not response.headers.get("Content-Range", "").startswith(f"bytes {received}-"):
        raise Refused("another part of the file than was asked for")
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and received + int(announced) != size:
        raise Refused(f"a file of {received + int(announced):,} bytes in place of {size:,}")


def _read(response: HTTPResponse) -> bytes:
    """The bytes that have come by now, at least one; none at the end."""
    with _network():
        return response.read1(_CHUNK)  # read would wait for a whole chunk, however slowly it comes


@contextmanager
def _network() -> Iterator[None]:
    """Turn errors of the network into ours; those of the disk stay what they are."""
    try:
        yield
    except HTTPError as error:
        error.close()
        raise Refused(f"HTTP {error.code} {error.reason}") from error
    except URLError as error:
        raise Interrupted(str(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise Interrupted(str(error) or type(error).__name__) from error
