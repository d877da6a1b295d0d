"""Mounted in another application, or behind a proxy that takes a part of the path away."""

import json
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from yolo3.serve import Limits, create_app

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),  # Gradio sets it, pandas deprecates it
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),  # likewise
]


def _mounted(predictor) -> FastAPI:
    outer = FastAPI()
    outer.mount("/yolo", create_app(predictor, "patches", Limits(megabytes=1)))
    return outer


@pytest.fixture(params=["mounted", "root_path"])
def client(request, predictor, served) -> Iterator[tuple[httpx.Client, Callable[[str], str]]]:
    """A client, and the path that it asks for."""
    if request.param == "mounted":
        with served(_mounted(predictor)) as address, httpx.Client(base_url=address) as client:
            yield client, lambda path: f"/yolo{path}"
    else:
        app = create_app(predictor, "patches", Limits(megabytes=1))
        with served(app, root_path="/yolo") as address, httpx.Client(base_url=address) as client:
            yield client, lambda path: path  # what the proxy leaves of it


def test_it_works_as_anywhere(client, encoded):
    client, at = client
    assert client.get(at("/health")).json()["status"] == "ok"
    answer = client.post(at("/detect"), content=encoded())
    assert [item["name"] for item in answer.json()["detections"]] == ["red", "red", "blue"]
    assert client.get(at("/docs")).status_code == 200
    assert "/yolo/openapi.json" in client.get(at("/docs")).text
    assert client.get(at("/")).status_code == 200
    look = client.get(at("/config")).json()["dependencies"][0]["id"]
    (upload,) = client.post(at("/gradio_api/upload"), files={"files": ("a.png", encoded())}).json()
    event = {"data": [{"path": upload}, 0.25, 0.45], "fn_index": look, "session_hash": "someone"}
    assert client.post(at("/gradio_api/queue/join"), json=event).status_code == 200
    with client.stream("GET", at("/gradio_api/queue/data?session_hash=someone")) as answers:
        told = [json.loads(line[5:]) for line in answers.iter_lines() if line.startswith("data:")]
    (done,) = [message for message in told if message["msg"] == "process_completed"]
    assert done["output"]["data"][2] == "**2 × red, 1 × blue**"


def test_its_doors_are_as_closed_as_anywhere(client):
    client, at = client
    for path in ("/gradio_api/file=http://localhost/", "/gradio_api/call/look", "/nowhere", "//gradio_api/queue/join"):
        assert client.get(at(path)).status_code == 404
    look = client.get(at("/config")).json()["dependencies"][0]["id"]
    for data in ([{"path": "/etc/passwd"}, 0.25, 0.45], [{"path": "/etc/passwd"}]):
        event = {"data": data, "fn_index": look, "session_hash": "stranger"}
        answer = client.post(at("/gradio_api/queue/join"), json=event)
        assert (answer.status_code, answer.json()) == (403, {"detail": "only uploads are opened"})
    assert client.post(at("/detect"), content=b"\0" * 1_100_000).status_code == 413
    assert client.get(at("/health"), headers={"host": "evil.example"}).status_code == 421


def test_the_application_around_it_stays_its_own(predictor):
    outer = _mounted(predictor)
    outer.get("/gradio_api/call/look")(lambda: "mine")
    with TestClient(outer) as client:
        assert client.get("/gradio_api/call/look").json() == "mine"
        assert client.get("/yolo").url.path == "/yolo/"
        assert client.get("/yolo/health").status_code == 200


def test_its_thread_ends_with_the_server(predictor, served, encoded):
    def batchers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "batcher"]

    others = batchers()
    with served(_mounted(predictor)) as address:
        assert httpx.post(f"{address}/yolo/detect", content=encoded()).status_code == 200
        assert len(batchers()) == len(others) + 1
    assert batchers() == others


def test_a_prefix_is_no_way_in(predictor):
    """What stands before the path is taken away as often as the routes do it: once."""
    with TestClient(_mounted(predictor)) as client:
        for path in ("/yolo/yolo/health", "/yolo/yolo/gradio_api/queue/join", "/yolofoo/health", "/health"):
            assert client.get(path).status_code == 404
