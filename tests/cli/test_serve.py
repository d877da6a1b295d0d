import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.cli import main
from yolo3.models import YOLOv3


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "run-1.2", YOLOv3(2, width=0.1), ModelCard(("cat", "dog"), image_size=(64, 64)))
    return tmp_path / "run-1.2"


def test_serve_answers_until_ctrl_c_and_ends_quietly(run, tmp_path):
    Image.effect_noise((80, 60), 50).convert("RGB").save(tmp_path / "noise.png")
    command = [sys.executable, "-m", "yolo3", "serve", str(run), "--port", "0", "--min-score", "0.5"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"},
    ) as process:
        try:
            line = process.stdout.readline()
            address = re.fullmatch(rf"{run}: (http://127\.0\.0\.1:\d+) \(page\), .*; Ctrl-C ends it\n", line)[1]
            with httpx.Client(base_url=address, timeout=60) as client:
                assert client.get("/health").json()["model"] == "run-1.2"
                answer = client.post("/detect?min_score=0", content=(tmp_path / "noise.png").read_bytes()).json()
                assert {item["name"] for item in answer["detections"]} == {"cat", "dog"}
                with client.stream("GET", "/gradio_api/heartbeat/visitor"):  # an open page
                    process.send_signal(signal.SIGINT)
                    output, errors = process.communicate(timeout=60)
            assert (process.returncode, output, errors) == (0, "", "")
        finally:
            process.kill()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch.compile's own
def test_what_is_served_is_a_predictor_like_any(run, monkeypatch):
    served = []
    monkeypatch.setattr("yolo3.serve.create_app", lambda predictor, *_: served.append(predictor))
    monkeypatch.setattr("yolo3.serve.run", lambda *_: None)
    words = ["--port", "0", "--classes", "dog", "--batch-size", "3"]
    assert main(["serve", str(run), *words, "--backend", "onnxruntime"]) == 0
    assert main(["serve", str(run), *words, "--compile"]) == 0
    exported, compiled = served
    assert exported.suppression.min_score.isinf().tolist() == [True, False]
    assert (exported.runtime.module.engine.backend, exported.batch_size) == ("onnxruntime", 3)
    assert compiled.runtime._compiled is not None


def test_who_may_ask(run, monkeypatch):
    """At a loopback address this machine alone; elsewhere anyone, unless names are given."""
    given = []
    monkeypatch.setattr("yolo3.serve.create_app", lambda *arguments: given.append(arguments[-1]))
    monkeypatch.setattr("yolo3.serve.run", lambda *_: None)
    for words in (
        [],
        ["--host", "localhost"],
        ["--host", "0.0.0.0"],
        ["--host", "0.0.0.0", "--allowed-hosts", "a.example,b"],
        ["--allowed-hosts", "a.example"],
    ):
        assert main(["serve", str(run), "--port", "0", *words]) == 0
    assert given == [None, None, ["*"], ["a.example", "b"], ["a.example"]]


def test_the_score_of_an_evaluation_is_served(run, monkeypatch):
    served = []
    monkeypatch.setattr("yolo3.serve.create_app", lambda predictor, *_: served.append(predictor))
    monkeypatch.setattr("yolo3.serve.run", lambda *_: None)
    (run / "evaluation").mkdir()
    (run / "evaluation/metrics.json").write_text('{"best": {"score": 0.37, "f1": 0.8}}')
    assert main(["serve", str(run), "--port", "0", "--min-score", "best"]) == 0
    assert served[0].min_score == 0.37


def test_mistakes_are_one_line(run, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, message in (
            (
                ["--port", str(port)],
                f"cannot listen at 127.0.0.1, port {port} (Address already in use); choose another",
            ),
            (["--port", "70000"], "port is 70000; it must lie in 0..65535"),
            (["--port", "0", "--host", "192.0.2.1"], "cannot listen at 192.0.2.1, port 0 (Cannot assign requested"),
            (["--port", "0", "--batch-size", "0"], "batch_size is 0; it must be at least 1"),
            (["--max-megabytes", "0"], "limit megabytes is 0.0; it must be above 0"),
            (["--max-upload-megabytes", "0"], "limit uploads is 0.0; it must be above 0"),
            (["--port", "0", "--drain-seconds", "-1"], "drain_seconds is -1.0; it must be at least 0"),
            (["--port", "0", "--min-score", "best"], "--min-score best is what an evaluation found, and "),
            (["--port", "0", "--classes", "cow"], "no class is called 'cow'; there are cat, dog"),
            (["--port", "0", "--compile", "--backend", "openvino"], "compile goes with backend torch"),
            (["--port", "0", "--min-score", "2"], "min_score is 2.0; it must lie in [0, 1]"),
        ):
            assert main(["serve", str(run), *words]) == 2
            error = capsys.readouterr().err
            assert error.startswith(f"yolo3 serve: error: {message}")
            assert error.count("\n") == 1
    assert main(["serve", str(run / "nowhere"), "--port", "0"]) == 2
    assert "nowhere" in capsys.readouterr().err
    (run / "net.cfg").touch()
    assert main(["serve", str(run / "net.cfg")]) == 2
    assert "net.cfg is a network without its weights; add --weights FILE" in capsys.readouterr().err


def test_without_the_extra(run, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("yolo3.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["serve", str(run)]) == 2
    assert capsys.readouterr().err == 'yolo3 serve: error: serving needs gradio: pip install "yolo3-torch[serve]"\n'
