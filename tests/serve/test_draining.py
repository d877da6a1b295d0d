"""A server that is asked to end: what was accepted is answered, and it says that it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

_PROGRAM = Path(__file__).with_name("slow_server.py")


@contextmanager
def _server(*words: object) -> Iterator[tuple[subprocess.Popen, httpx.Client]]:
    command = [sys.executable, _PROGRAM, *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        port = process.stdout.readline().strip()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=httpx.Limits()) as client:
                yield process, client
        finally:
            process.kill()


def _together(client: httpx.Client, content: bytes, count: int, threads: ThreadPoolExecutor) -> list[Future]:
    return [threads.submit(client.post, "/detect", content=content) for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_was_accepted_is_answered(encoded, number):
    with _server(0.05, 20) as (process, client), ThreadPoolExecutor(40) as threads:
        assert client.get("/health").json()["status"] == "ok"
        asked = _together(client, encoded(), 40, threads)
        time.sleep(0.5)
        process.send_signal(number)
        time.sleep(0.2)
        late = client.post("/detect", content=encoded())
        assert (late.status_code, late.headers["retry-after"]) == (503, "1")
        assert late.json() == {"detail": "the server is shutting down; try again in a few seconds"}
        health = client.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "draining")
        statuses = [future.result().status_code for future in asked]
        assert statuses == [200] * 40
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == ""


def test_what_is_not_done_in_time_is_told_to_come_again(encoded):
    with _server(0.25, 1) as (process, client), ThreadPoolExecutor(40) as threads:
        asked = _together(client, encoded(), 40, threads)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        answers = [future.result() for future in asked]
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 503}
        assert 3 <= statuses.count(200) < 30
        assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503)
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - began < 12
        assert process.stderr.read() == ""


def test_a_second_signal_ends_it_in_any_case(encoded):
    with _server(1, 90) as (process, client), ThreadPoolExecutor(30) as threads:
        asked = _together(client, encoded(), 30, threads)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        assert time.monotonic() - began < 25
        for future in asked:
            assert future.exception() or future.result().status_code in (200, 500)


def test_an_application_made_before_a_fork_answers(encoded):
    """As behind servers that load it once and fork: its threads are not in the child."""
    with _server(0, 30, "fork") as (process, client):
        answer = client.post("/detect", content=encoded(size=(900, 900)))
        assert [item["name"] for item in answer.json()["detections"]] == ["thing"]
        assert client.get("/health").json()["status"] == "ok"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - began < 15  # it is idle: there is nothing to drain
