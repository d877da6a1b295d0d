"""What stands in front of the application: a limit for bodies, and a short list of open doors."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OURS = r"/detect|/health|/docs|/openapi\.json|/static-offline-docs/[\w.-]+"
# What the page in a browser asks Gradio for. It has more doors: behind some it fetches addresses that a client names.
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
_OVERHEAD = 64_000  # bytes of a form around its file


class TooLarge(Exception):
    """A body passed the limit."""


class Guard:
    """ASGI middleware: answers 404 where no door is, 413 where a body is too large, 403 where it names another's file.

    Args:
        app: behind it.
        max_bytes: of a picture; a form may be a little longer.
        uploads: the folder that Gradio puts uploads in; mounted in another application, Gradio opens any path that a
            client names, and any address.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, uploads: str) -> None:
        self.app, self.max_bytes, self.uploads = app, max_bytes, os.path.realpath(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if not _OPEN.fullmatch(scope["path"]):
            await _answer(404, f"nothing is at {scope['path']}; see /docs", scope, receive, send)
            return

        limit = self.max_bytes + _OVERHEAD
        received, ended, answering = 0, False, False

        async def counted() -> Message:
            nonlocal received, ended
            message = await receive()
            received += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if received > limit:
                raise TooLarge
            return message

        async def with_headers(message: Message) -> None:
            nonlocal answering
            if message["type"] == "http.response.start":
                answering = True
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        try:
            if _announced(scope) > limit:
                raise TooLarge
            if scope["path"] != _EVENT:
                await self.app(scope, counted, with_headers)
                return
            content = b""
            while not ended:
                content += (await counted()).get("body", b"")
            event = _parsed(content)
            if not all(self._is_upload(path) for path in _paths(event)):
                await _answer(403, "only uploads are opened", scope, receive, send)
                return
            await self.app(scope, _body(json.dumps(event).encode(), receive), with_headers)
        except ClientDisconnect:
            return  # nobody is left to be answered, and it is no fault of the server's
        except TooLarge:
            if answering:
                raise
            while not ended and received < 4 * limit:  # many clients do not listen before they have said it all
                with suppress(TooLarge):
                    await counted()
            text = f"the request has more than {self.max_bytes / 1e6:g} megabytes"
            await _answer(413, text, scope, receive, send)

    def _is_upload(self, path: Any) -> bool:
        return isinstance(path, str) and os.path.realpath(path).startswith(self.uploads + os.sep)


def _parsed(content: bytes) -> Any:
    """JSON, or None where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _paths(event: Any) -> Iterator[Any]:
    """Everything in an event that Gradio may take for a file."""
    waiting = [event]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "path" in part:
                yield part["path"]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _body(content: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that has been read already: what was looked at is what goes on."""
    messages = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def again() -> Message:
        return next(messages, None) or await receive()

    return again


async def _answer(status: int, message: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": message}, status)(scope, receive, send)


def _announced(scope: Scope) -> int:
    """The length that a request says it has; 0 where it says none."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0
