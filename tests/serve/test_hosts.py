"""Pages of other sites reach the server neither under a name of their own nor at all."""

import asyncio

import httpx
import pytest

from yolo3.serve.hosts import Hosts, is_loopback


def _asked(
    host: str | None, origin: str | None = None, server: tuple[str, int] = ("127.0.0.1", 8000), allowed=None
) -> int:
    """The status of an answer of a server at an address."""
    answers = []

    async def behind(scope, receive, send):
        answers.append(200)

    async def send(message):
        answers.append(message.get("status"))

    headers = [(name, value.encode()) for name, value in ((b"host", host), (b"origin", origin)) if value is not None]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "server": server}
    asyncio.run(Hosts(behind, allowed)(scope, None, send))
    return answers[0]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:8000", "[::1]:8000", "127.0.0.2"]
)
def test_this_machine_by_its_own_names(host):
    for server in (("127.0.0.1", 8000), ("::1", 8000), ("192.168.1.5", 8000)):
        assert _asked(host, server=server) == 200
    assert _asked(host, allowed=["yolo.example.com"]) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.6", "", None, "[::1"]
)
def test_another_name_at_a_loopback_address(host):
    assert _asked(host) == 421
    assert _asked(host, server=("::1", 8000)) == 421
    assert _asked(host, allowed=["yolo.example.com"]) == 421
    assert _asked(host, allowed=["yolo.example.com"], server=("192.168.1.5", 8000)) == 421


def test_the_number_of_its_own_address_by_which_probes_ask():
    """A page of another site can call this machine by a name, and by no number but its own."""
    for number in ("10.1.2.3", "fd00::5"):
        host = f"[{number}]:8000" if ":" in number else f"{number}:8000"
        assert _asked(host, server=(number, 8000), allowed=["yolo.example.com"]) == 200
        assert _asked(host, server=("10.1.2.4", 8000), allowed=["yolo.example.com"]) == 421
        assert _asked(host, "http://evil.example", server=(number, 8000)) == 403
    assert _asked("a.unix.socket", server=("a.unix.socket", None), allowed=["yolo.example.com"]) == 421


def test_names_that_are_allowed():
    assert _asked("yolo.example.com", allowed=["YOLO.example.com"]) == 200
    assert _asked("Yolo.Example.com:443", allowed=["yolo.example.com"]) == 200
    assert _asked("evil.example", allowed=["*"]) == 200
    assert _asked("any.name", server=("192.168.1.5", 8000)) == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:8000", "http://localhost:8000", 200),
        ("localhost:8000", "http://LOCALHOST:8000", 200),
        ("127.0.0.1", "http://127.0.0.1", 200),
        ("127.0.0.1", "http://127.0.0.1:80", 200),
        ("localhost", "https://localhost:443", 200),
        ("localhost:8000", "http://localhost:3000", 403),  # another server of this machine
        ("localhost:8000", "http://127.0.0.1:8000", 403),
        ("localhost:8000", "http://evil.example", 403),
        ("localhost:8000", "null", 403),  # a page in a sandbox, or a file
        ("localhost:8000", "http://[::1", 403),
    ],
)
def test_pages_of_other_sites(host, origin, status):
    assert _asked(host, origin) == status
    assert _asked(host, origin, server=("192.168.1.5", 8000), allowed=["*"]) == status


def test_behind_a_proxy_that_calls_it_by_its_address():
    allowed = ["yolo.example.com"]
    assert _asked("127.0.0.1:8000", "https://yolo.example.com", allowed=allowed) == 200
    assert _asked("127.0.0.1:8000", "https://evil.example", allowed=allowed) == 403


def test_no_web_socket_is_opened():
    messages = []

    async def send(message):
        messages.append(message)

    asyncio.run(Hosts(None)({"type": "websocket"}, None, send))
    assert messages == [{"type": "websocket.close", "code": 1008}]


def test_a_real_server(address, encoded):
    """DNS rebinding: the name of the page is evil.example, which is said to be here."""
    with httpx.Client(base_url=address) as client:
        for path in ("/detect", "/gradio_api/upload", "/gradio_api/queue/join"):
            answer = client.post(path, content=encoded(), headers={"host": "evil.example"})
            assert answer.status_code == 421
            assert answer.json()["detail"].startswith("'evil.example' is none of this server's names; --allowed-hosts")
        for path in ("/", "/config", "/health", "/docs"):
            assert client.get(path, headers={"host": "evil.example"}).status_code == 421
        answer = client.post("/detect", content=encoded(), headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
        assert client.post("/detect", content=encoded(), headers={"origin": address}).status_code == 200


def test_what_is_this_machine():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.168.1.5", "example.com", "")))
