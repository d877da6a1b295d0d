"""Protection in front of the application: size limits of bodies, and a short list of open routes."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import anyio.to_thread
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yolo3.serve.events import known_event, named_paths, parsed

_OURS = r"/detect|/health|/ready|/metrics|/docs|/openapi\.json|/static-offline-docs/[\w.-]+"
# Routes of Gradio that the page uses. Others are closed: behind some Gradio fetches URLs that a client names.
_PAGE = (
    r"/|/config|/theme\.css|/favicon\.ico|/manifest\.json|/assets/.+|/static/.+|/gradio_api/(info|startup-events|"
    r"upload|upload_progress|heartbeat/\w+|queue/(join|data)|cancel|reset|file=/.+)"
)
_OPEN = re.compile(f"({_OURS}|{_PAGE})")

# The browser itself refuses to fetch from elsewhere, whatever a page asks for. Both pages run scripts written in them.
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_EVENT = "/gradio_api/queue/join"  # what a person does at the page; it may name files
_UPLOAD = "/gradio_api/upload"
_OVERHEAD = 64_000  # bytes of a form around its file


class TooLarge(Exception):
    """A body passed the limit."""


class Guard:
    """ASGI middleware: answers 404 to a closed route, 413 to a body too large, 403 to one that names another's file.

    Args:
        app: Application behind the guard.
        max_bytes: Largest image, bytes; a form may be a little longer.
        max_uploads: Largest total of uploads to the page that are on the disk, bytes.
        uploads: Folder of Gradio's uploads. Mounted in another application, Gradio would open any path that a client
            names, and any URL.
        events: Number of class names in the data of each event of the page, by Gradio's number of the event.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        max_uploads: int,
        uploads: str,
        events: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_uploads = max_uploads
        self.events = events
        self.uploads = os.path.realpath(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = _path(scope)
        if not _OPEN.fullmatch(path):
            await _answer(404, f"there is nothing at {path or '/'}; see /docs", scope, receive, send)
            return
        try:
            await self._passed_on(path, scope, receive, send)
        except ClientDisconnect:
            return  # the client is gone: no error of the server

    async def _passed_on(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, self.max_bytes + _OVERHEAD)
        answer = _Answer(send)
        try:
            if _announced(scope) > body.limit:
                raise TooLarge
            if path == _EVENT:
                said = parsed(await body.whole())
                event = known_event(said, self.events)
                if not all(self._is_upload(path) for path in named_paths(said)):
                    await _answer(403, "only uploads are opened", scope, receive, send)
                elif event is None:
                    await _answer(422, "no event of this page", scope, receive, send)
                else:
                    await self.app(scope, _again(json.dumps(event).encode(), receive), answer.send)
            elif path == _UPLOAD:
                await self._uploaded(scope, body, answer)
            else:
                await self.app(scope, body.receive, answer.send)
        except TooLarge:
            if answer.begun:
                raise
            await body.drop()
            text = f"the request has more than {self.max_bytes / 1e6:g} megabytes"
            await _answer(413, text, scope, receive, send)

    async def _uploaded(self, scope: Scope, body: "_Body", answer: "_Answer") -> None:
        if await anyio.to_thread.run_sync(_size, self.uploads) + _announced(scope) > self.max_uploads:
            await body.drop()
            text = f"{self.max_uploads / 1e6:g} megabytes of uploads are stored already; they are deleted after an hour"
            await _answer(507, text, scope, body.receive, answer.send)
            return
        answer.hold_failure = True
        try:
            await self.app(scope, body.receive, answer.send)
        except TypeError:  # Gradio's, of a part of a form that is no file
            await _answer(422, "the form has something else than files", scope, body.receive, answer.plain)
        except Exception:
            await answer.release()
            raise

    def _is_upload(self, path: Any) -> bool:
        return isinstance(path, str) and os.path.realpath(path).startswith(self.uploads + os.sep)


class _Body:
    """The body of a request as it comes, counted."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.limit = limit
        self._receive = receive
        self._received = 0
        self._ended = False

    async def receive(self) -> Message:
        """The next part.

        Raises:
            TooLarge: The body passes the limit with this part.
        """
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._received > self.limit:
            raise TooLarge
        return message

    async def whole(self) -> bytes:
        """The whole body."""
        content = b""
        while not self._ended:
            content += (await self.receive()).get("body", b"")
        return content

    async def drop(self) -> None:
        """Read the rest, within reason: many clients do not listen before they have sent everything."""
        while not self._ended and self._received < 4 * self.limit:
            with suppress(TooLarge):
                await self.receive()


class _Answer:
    """An answer on its way, with our own headers. A failure can be held back until its cause is known."""

    def __init__(self, send: Send) -> None:
        self.plain = send
        self.begun = False
        self.hold_failure = False
        self._held: list[Message] = []

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer."""
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            if self.hold_failure and message["status"] >= 500:
                self._held.append(message)
                return
            self.begun = True
        if self._held:
            self._held.append(message)
            return
        await self.plain(message)

    async def release(self) -> None:
        """Send what was held back."""
        for message in self._held:
            await self.plain(message)


def _path(scope: Scope) -> str:
    """The path as the routes behind see it: without that of where all of this is mounted, which it begins with."""
    path = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and f"{path}/".startswith(f"{root}/") else path


def _size(folder: str) -> int:
    """Bytes of all files in it."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone meanwhile
                size += os.lstat(os.path.join(place, name)).st_size
    return size


def _again(content: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that has been read already: what was looked at is what goes on."""
    messages = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive_again() -> Message:
        return next(messages, None) or await receive()

    return receive_again


async def _answer(status: int, message: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": message}, status)(scope, receive, send)


def _announced(scope: Scope) -> int:
    """The length that a request says it has; 0 where it says none."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0
