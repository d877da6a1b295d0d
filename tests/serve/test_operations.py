"""What operators need: readiness, metrics, a log in lines, a path of a proxy, and a stop under load."""

import asyncio
import importlib.util
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from yolo3 import __version__
from yolo3.cli import main
from yolo3.serve import Limits, create_app
from yolo3.serve.logs import JsonLines
from yolo3.serve.metrics import Measured, route_of

_FOLDER = Path(__file__).parent


def _load_class() -> type:
    spec = importlib.util.spec_from_file_location("serving_load", _FOLDER / "load.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["serving_load"] = module  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module.Load


@pytest.fixture
def fresh(predictor) -> Callable[..., TestClient]:
    """Makes a client of an application that nobody has asked yet."""

    def make(**limits) -> TestClient:
        return TestClient(create_app(predictor, "patches", Limits(**limits)), raise_server_exceptions=False)

    return make


def _values(client: TestClient) -> dict[tuple[str, ...], float]:
    """Every sample by its name and labels, as Prometheus reads them."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_count_requests_batches_and_failures(fresh, encoded):
    with fresh() as client:
        before = _values(client)
        assert before["yolo3_works",] == 0  # the network has not run yet
        assert client.post("/detect", content=encoded()).status_code == 200
        assert client.post("/detect", content=b"words").status_code == 415
        client.get("/health")
        client.get("/nowhere")
        values = _values(client)
    assert values["yolo3_requests_total", "/detect", "200"] == 1
    assert values["yolo3_requests_total", "/detect", "415"] == 1
    assert values["yolo3_requests_total", "/health", "200"] == 1
    assert values["yolo3_requests_total", "page", "404"] == 1
    assert values["yolo3_request_seconds_count", "/detect"] == 2
    assert 0 < values["yolo3_request_seconds_sum", "/detect"] < 60
    assert values["yolo3_batch_images_count",] == values["yolo3_batch_images_sum",] == 1
    assert values["yolo3_network_seconds_count",] == 1
    assert values["yolo3_network_failures_total",] == 0
    assert values["yolo3_works",] == 1
    assert (values["yolo3_requests_in_progress",], values["yolo3_queue_images",]) == (0, 0)
    assert [set(key[1:]) for key in values if key[0] == "yolo3_info"] == [{__version__, "patches"}]


def test_a_failing_network_shows(fresh, encoded):
    file = BytesIO()
    Image.new("RGB", (96, 64), (0, 255, 0)).save(file, "PNG")  # green is beyond the detector
    with fresh() as client:
        assert client.post("/detect", content=file.getvalue()).status_code == 500
        values = _values(client)
        assert values["yolo3_network_failures_total",] == 1
        assert values["yolo3_works",] == 0
        assert values["yolo3_requests_total", "/detect", "500"] == 1


def test_ready_tells_whether_a_request_would_be_answered(fresh, encoded):
    with fresh(requests=2) as client:
        service = client.app.state.service
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

        async def while_full() -> tuple[str, str]:
            async def hold() -> None:
                with service.admission():
                    await asyncio.sleep(0.2)

            holders = [asyncio.create_task(hold()) for _ in range(2)]
            await asyncio.sleep(0.05)
            told = (await service.readiness(), await service.state())
            await asyncio.gather(*holders)
            return told

        assert asyncio.run(while_full()) == ("full", "ok")  # alive, and not ready
        service._draining = True
        answer = client.get("/ready")
        assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, {"status": "draining"}, "1")
        assert client.head("/ready").status_code == 503


def test_routes_are_few_whatever_is_asked_for():
    assert route_of({"path": "/detect"}) == "/detect"
    assert route_of({"path": "/yolo/detect", "root_path": "/yolo"}) == "/detect"
    for path in ("/", "/assets/a.js", "/detect/1", "/" + "x" * 5000):
        assert route_of({"path": path}) == "page"


def test_a_client_that_leaves_is_counted_as_such():
    ended = []

    async def application(scope, receive, send):
        assert (await receive())["type"] == "http.disconnect"

    async def receive():
        return {"type": "http.disconnect"}

    scope = {"type": "http", "path": "/detect", "method": "POST"}
    asyncio.run(Measured(application, lambda _, *rest: ended.append(rest))(scope, receive, None))
    assert [rest[:2] for rest in ended] == [("/detect", 499)]


def test_a_record_is_one_line_of_json():
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        record = logging.LogRecord("yolo3.serve", logging.ERROR, "", 0, "it %s", ("failed",), sys.exc_info())
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["message"]) == ("error", "it failed")
    assert told["exception"].endswith("RuntimeError: two\nlines")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", told["time"])


def test_the_log_is_json_and_knows_nothing_of_the_nonsense_of_clients(tmp_path, encoded):
    command = [sys.executable, _FOLDER / "slow_server.py", "0", "5", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/", timeout=30) as client:
                assert client.post("/detect", content=encoded()).status_code == 200
                assert client.post("/detect", content=b"words").status_code == 415
                assert client.get("/nowhere%0a").status_code == 404
                assert client.get("/health", headers={"host": "evil.example"}).status_code == 421
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
    lines = [json.loads(line) for line in errors.splitlines()]
    told = [(line["method"], line["route"], line["status"]) for line in lines]
    assert told == [("POST", "/detect", 200), ("POST", "/detect", 415), ("GET", "page", 404), ("GET", "/health", 421)]
    assert all(line["milliseconds"] > 0 and line["client"] == "127.0.0.1" for line in lines)
    assert "Traceback" not in errors


def test_below_the_path_of_a_proxy(served, predictor, encoded):
    with served(create_app(predictor, "patches"), root_path="/yolo") as address, httpx.Client() as client:
        for path in ("/ready", "/metrics", "/health"):  # the proxy has taken the prefix away
            assert client.get(address + path).status_code == 200
        assert 'route="/ready",status="200"' in client.get(f"{address}/metrics").text
        assert client.get(f"{address}/openapi.json").json()["servers"] == [{"url": "/yolo"}]


@pytest.mark.parametrize("wrong", ["yolo", "/yolo/", "/"])
def test_a_wrong_root_path(wrong: str, capsys):
    assert main(["serve", "yolov3-tiny.cfg", "--weights", __file__, "--root-path", wrong]) == 2
    assert f"root_path is '{wrong}'; write it as in /yolo" in capsys.readouterr().err


def test_a_stop_under_load(encoded):
    """Clients of which a fifth leaves midway; SIGTERM meanwhile: what was asked before is answered."""
    command = [sys.executable, _FOLDER / "slow_server.py", "0.02", "8"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            load = _load_class()(int(process.stdout.readline()), encoded())
            load.start(50)
            time.sleep(2)
            load.ending.set()  # no client begins another request
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            load.join()
            assert process.wait(timeout=30) == 0
            assert time.monotonic() - began < 10
            assert process.stderr.read() == ""
        finally:
            process.kill()
    assert load.lost == []
    assert set(load.statuses) <= {200, 503}
    assert load.statuses.count(200) > 40
    assert load.statuses.count(503) <= 50  # at most the last of each client, which came after the signal
    assert load.left > 5
