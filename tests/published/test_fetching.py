"""Fetching: every way in which a server fails, two processes at once, a cache that cannot be written."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch.hub

import yolo3
from yolo3.published import FetchError, Published, cached_path, fetch
from yolo3.published.download import Patience
from yolo3.published.fetching import fetch_file

At = Callable[..., Published]
QUICK = Patience(timeout=1, window=0.2, slowest=50_000)


def test_fetched_once(server, published_at: At, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = published_at("whole")
    assert fetch_file(file) == cache / "the.weights" == Path(torch.hub.get_dir()) / "checkpoints/the.weights"
    assert (cache / "the.weights").read_bytes() == server.content
    assert "fetching the.weights (0 MB) from 127.0.0.1" in capsys.readouterr().err
    fetch_file(file)
    assert capsys.readouterr().err == ""
    ((path, asked, agent),) = server.requests
    assert path == "/whole/the.weights"
    assert asked == ""
    assert agent.startswith(f"yolo3/{yolo3.__version__} ")
    assert [path.name for path in cache.iterdir() if not path.name.startswith(".")] == ["the.weights"]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("403", "HTTP 403 Forbidden"),
        ("404", "HTTP 404 Not Found"),
        ("page", "a web page in place of the file"),
        ("disguised_page", "a web page in place of the file"),
        ("shorter", "a file of 150,000 bytes in place of 300,000"),
        ("longer", "more than 300,000 bytes"),
        ("changed", "its SHA-256 is "),
        ("nothing", "the connection broke off after 0 of 300,000 bytes"),
        ("trickle", "bytes per second"),
    ],
)
def test_the_next_address_is_tried(server, published_at: At, cache: Path, manner: str, reason: str) -> None:
    with pytest.raises(FetchError) as failed:
        fetch_file(published_at(manner), QUICK)
    message = str(failed.value)
    assert message.startswith(f"the.weights cannot be fetched (127.0.0.1:{server.port}/{manner}/the.weights: ")
    assert reason in message
    digest = hashlib.sha256(server.content).hexdigest()
    assert f"put the file of 300,000 bytes and SHA-256 {digest} at {cache / 'the.weights'}, from http://" in message
    assert not (cache / "the.weights").exists()
    assert fetch_file(published_at(manner, "whole"), QUICK).read_bytes() == server.content
    assert server.manners()[-2:] == [manner, "whole"]


def test_a_connection_that_breaks_off_is_resumed(server, published_at: At) -> None:
    assert fetch_file(published_at("cut_once")).read_bytes() == server.content
    assert [asked for _, asked, _ in server.requests] == ["", "bytes=150000-"]


def test_a_server_that_cannot_resume_begins_anew(server, published_at: At) -> None:
    assert fetch_file(published_at("cut_without_ranges")).read_bytes() == server.content
    assert server.manners() == ["cut_without_ranges"] * 2


def test_what_is_left_is_resumed_by_the_next_call(server, published_at: At, cache: Path) -> None:
    with pytest.raises(FetchError, match=r"290,625 bytes are kept, and the next attempt resumes there") as failed:
        fetch_file(published_at("cut"))
    assert "broke off after 290,625 of 300,000 bytes" in str(failed.value)  # half of what was missing, five times
    assert (cache / "the.weights.partial").stat().st_size == 290_625
    assert fetch_file(published_at("404", "page", "416", "whole")).read_bytes() == server.content
    assert server.requests[-1][1] == "bytes=290625-"


def test_another_part_than_was_asked_for(server, published_at: At, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "the.weights.partial").write_bytes(server.content[:150_000])
    with pytest.raises(FetchError, match="another part of the file than was asked for"):
        fetch_file(published_at("other_part"))


@pytest.mark.parametrize("left", [b"other" * 60_000, b"x" * 300_001, b"x" * 1000])
def test_what_is_left_of_something_else_does_no_harm(server, published_at: At, cache: Path, left: bytes) -> None:
    cache.mkdir(parents=True)
    (cache / "the.weights.partial").write_bytes(left)
    assert fetch_file(published_at("whole", "whole")).read_bytes() == server.content


def test_redirections_are_followed(server, published_at: At) -> None:
    assert fetch_file(published_at("redirected")).read_bytes() == server.content


def test_without_a_digest_two_servers_are_not_mixed(server, published_at: At, cache: Path) -> None:
    file = published_at("cut", "whole", verified=False)
    assert fetch_file(file).read_bytes() == server.content
    assert server.requests[-1][:2] == ("/whole/the.weights", "")
    (cache / "the.weights").unlink()
    assert fetch_file(published_at("changed", verified=False)).stat().st_size == 300_000  # size is all that is known
    (cache / "the.weights").unlink()
    with pytest.raises(FetchError, match=r"put the file of 300,000 bytes at .*the\.weights, from"):
        fetch_file(published_at("404", verified=False))


def test_a_file_put_there_by_hand_is_checked(server, published_at: At, cache: Path) -> None:
    cache.mkdir(parents=True)
    path = cache / "the.weights"
    path.write_bytes(server.content)
    assert fetch_file(published_at("404")) == path
    path.write_bytes(server.content[1:] + b"\0")
    with pytest.raises(FetchError, match=rf"{path} is not the published file: its SHA-256 is .*; delete it to fetch"):
        fetch_file(published_at("whole"))
    path.write_bytes(b"short")
    with pytest.raises(FetchError, match="it has 5 bytes in place of 300,000"):
        fetch_file(published_at("whole"))
    assert server.requests == []


@pytest.mark.parametrize("value", ["1", "true", "0", ""])
def test_offline(server, published_at: At, cache: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("YOLO3_OFFLINE", value)
    if value in ("0", ""):
        fetch_file(published_at("whole"))
        return
    with pytest.raises(FetchError, match=rf"the\.weights is not here, and YOLO3_OFFLINE forbids .* at {cache}"):
        fetch_file(published_at("whole"))
    assert server.requests == []
    assert not cache.exists()


def test_a_machine_without_network(published_at: At) -> None:
    file = replace(published_at("whole"), urls=("http://127.0.0.1:9/a.weights",))  # the port of discard: nobody listens
    with pytest.raises(FetchError, match=r"cannot be fetched \(127\.0\.0\.1:9/a\.weights: .*refused\)"):
        fetch_file(file)


def test_a_cache_that_cannot_be_written(published_at: At, cache: Path, server) -> None:
    cache.parent.parent.mkdir()
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(FetchError, match=rf"{cache} cannot be written \(.*\); set TORCH_HOME to a folder that can, or"):
        fetch_file(published_at("whole"))
    assert server.requests == []


@contextmanager
def _without_rights() -> Iterator[None]:
    """The rights of a user whom no file belongs to: root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="the rights of POSIX")
@pytest.mark.parametrize("is_there", [False, True])
def test_a_read_only_cache(published_at: At, server, monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    """A file in a cache of somebody else is used; where it is missing, the message says what can be done."""
    with TemporaryDirectory() as home:  # that of pytest is closed to other users
        monkeypatch.setenv("TORCH_HOME", home)
        file = published_at("whole")
        cache = cached_path(file).parent
        cache.mkdir(parents=True)
        if is_there:
            cached_path(file).write_bytes(server.content)
        Path(home).chmod(0o755)
        cache.chmod(0o555)
        with _without_rights():
            if is_there:
                assert fetch_file(file) == cached_path(file)
            else:
                message = (
                    rf"{cache} cannot be written \(Permission denied\); set TORCH_HOME to a folder that can, or put"
                )
                with pytest.raises(FetchError, match=message):
                    fetch_file(file)
        cache.chmod(0o755)
    assert server.requests == []


def test_a_full_disk(published_at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("yolo3.published.fetching.replace_durably", full)
    with pytest.raises(FetchError, match="cannot be written \\(No space left on device\\)"):
        fetch_file(published_at("whole"))


_PROGRAM = """
import sys
from yolo3.published.table import Published
from yolo3.published.fetching import fetch_file
print(fetch_file(Published("the", "the.weights", int(sys.argv[1]), sys.argv[2], (sys.argv[3],))))
"""


def test_two_processes_at_once(server, published_at: At, cache: Path) -> None:
    file = published_at("slow")
    words = [sys.executable, "-c", _PROGRAM, str(file.size), str(file.sha256), file.urls[0]]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    assert [out.strip() for out, _ in ended] == [str(cache / "the.weights")] * 2
    assert (cache / "the.weights").read_bytes() == server.content
    assert server.manners() == ["slow"]
    assert sum(err.startswith("fetching the.weights") for _, err in ended) == 1


def test_who_waits_is_told(server, published_at: At, capsys: pytest.CaptureFixture[str]) -> None:
    file = published_at("slow")
    threads = [threading.Thread(target=fetch_file, args=(file,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "waiting for another process that is fetching the.weights" in capsys.readouterr().err
    assert server.manners() == ["slow"]


def test_the_published_file(tiny_server, tiny_at: Callable[..., None], cache: Path) -> None:
    """The real file of 35,434,956 bytes, from the fourth address, in two parts."""
    tiny_at("403", "page", "shorter", "cut_once")
    assert fetch("yolov3-tiny").stat().st_size == 35_434_956
    assert tiny_server.manners() == ["403", "page", "shorter", "cut_once", "cut_once"]
    assert fetch("yolov3-tiny.weights") == fetch("yolov3_tiny") == cache / "yolov3-tiny.weights"
    assert len(tiny_server.requests) == 5


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"no published weights 'yolov9'; there are yolov3, yolov3-tiny, "):
        fetch("yolov9")


def test_a_bar_on_a_terminal(server, published_at: At, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fetch_file(published_at("whole"))
    assert f"\r[{'#' * 30}] 0.3 of 0.3 MB\n" in capsys.readouterr().err


def test_where_it_is_kept(published_at: At, cache: Path) -> None:
    assert cached_path(published_at("whole")) == cache / "the.weights"
