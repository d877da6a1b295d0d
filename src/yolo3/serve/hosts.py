"""Who may ask, and in whose name: protection against pages of other sites in the browser of someone who may.

A page of another site can have its own name point to this machine (DNS rebinding), and its scripts then talk to a
server here as if it were theirs: the ``Host`` of their requests is their name. Without that, it can still send
requests whose answers it does not get: their ``Origin`` is the other site.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PORTS = {"http": 80, "https": 443}


class Hosts:
    """ASGI middleware: answers 421 to a request for another host, 403 to one from another site's page.

    Args:
        app: Application behind it.
        allowed: Host names of the server without a port, besides those of the machine itself and the number of the
            address that a request came to, by which probes ask; ``*`` allows any. None
            allows any too, except at a loopback address, where only the machine itself is allowed.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str] | None = None) -> None:
        self.app = app
        self.allowed = None if allowed is None else frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] == "websocket":  # there are none here
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            host = _header(scope, b"host")
            origin = _header(scope, b"origin")
            if not self._is_ours(_authority(f"//{host}")[0], scope):
                text = f"{host!r} is none of this server's names; --allowed-hosts, or allowed_hosts, lists them"
                await JSONResponse({"detail": text}, 421)(scope, receive, send)
                return
            if origin and not self._is_own_page(origin, host):
                text = f"the request comes from a page of {origin}; requests from other sites' pages are not answered"
                await JSONResponse({"detail": text}, 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _is_ours(self, name: str, scope: Scope) -> bool:
        here = (scope.get("server") or ("", None))[0]
        if is_loopback(name) or (_is_number(name) and name == here):  # only names can be given to others' machines
            return True
        if self.allowed is not None:
            return bool(self.allowed & {name, "*"})
        return not is_loopback(here)

    def _is_own_page(self, origin: str, host: str) -> bool:
        scheme = origin.partition(":")[0]
        name, port = _authority(origin, scheme)
        return name != "" and ((name, port) == _authority(f"//{host}", scheme) or name in (self.allowed or ()))


def _header(scope: Scope, header: bytes) -> str:
    """A header's value; empty where there is none. Several are one that nobody has."""
    return ", ".join(value.decode("latin-1") for name, value in scope["headers"] if name == header)


def _authority(address: str, scheme: str = "http") -> tuple[str, int | None]:
    """(name or number of a host, port); an empty name where it cannot be read."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme)
    except ValueError:
        return "", None


def is_loopback(name: str) -> bool:
    """Whether it is this machine itself, by a name that nobody else can give to it."""
    return name == "localhost" or (_is_number(name) and ip_address(name).is_loopback)


def _is_number(name: str) -> bool:
    """Whether it is the number of an address, and no name."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
