"""``backend="auto"``: torch, or OpenVINO where it is installed and faster; what was found is remembered."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.runtime.conftest import SmallDetector

from yolo3 import Predictor
from yolo3.checkpoint import ModelCard
from yolo3.export import export_onnx
from yolo3.runtime import ExportedDetector, fastest, trials
from yolo3.runtime.trials import Trial, TrialPlace, compare

_SIZE = (64, 96)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """The folder of trials, empty."""
    pytest.importorskip("openvino")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch/hub/yolo3-trials"


@pytest.fixture
def timed(monkeypatch) -> list[Trial]:
    """Results of the next trials, in place of those that a clock gives; each is taken once."""
    results: list[Trial] = []
    monkeypatch.setattr(fastest, "compare", lambda *_: results.pop(0))
    return results


def _auto(detector, **settings) -> Predictor:
    usual = {"image_size": _SIZE, "precision": "fp32", "backend": "auto", "batch_size": 2}
    return Predictor(detector, **usual | settings)


def _backend(predictor: Predictor) -> str:
    module = predictor.runtime.module
    return module.engine.backend if isinstance(module, ExportedDetector) else "torch"


def test_a_trial_by_the_clock(small, images, capsys):
    predictor = _auto(small)
    said = capsys.readouterr().err
    assert f"backend auto: {_backend(predictor)}; torch " in said
    _same_detections(predictor, small, images)


def _same_detections(predictor: Predictor, detector, images) -> None:
    plain = Predictor(detector, image_size=_SIZE, precision="fp32", backend="torch")
    prepared = [predictor.prepare(image) for image in images]
    for found, expected in zip(predictor.candidates(prepared), plain.candidates(prepared), strict=True):
        torch.testing.assert_close(found.scores, expected.scores, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(found.boxes, expected.boxes, atol=1e-3, rtol=1e-4)


def test_the_faster_one_is_remembered(small, images, cache, timed, capsys):
    timed.append(Trial(10.0, 8.0))
    predictor = _auto(small)
    assert _backend(predictor) == "openvino"
    _same_detections(predictor, small, images)
    first = capsys.readouterr().err.splitlines()
    assert "trying torch and openvino, once" in first[0]
    assert "openvino; torch 10.0 ms per image, openvino 8.0 (remembered in" in first[1]
    assert _backend(_auto(small)) == "openvino"  # without a second trial
    assert "openvino 8.0 (remembered)\n" in capsys.readouterr().err
    (exported,) = cache.glob("*/network.onnx")
    exported.unlink()
    assert _backend(_auto(small)) == "openvino"
    assert exported.is_file()


def test_torch_is_remembered_without_a_file(small, cache, timed):
    timed.append(Trial(10.0, 9.9))
    assert _backend(_auto(small)) == "torch"
    assert _backend(_auto(small)) == "torch"
    assert not list(cache.glob("*/network.onnx"))
    timed.append(Trial(10.0, 5.0))
    assert _backend(_auto(small, batch_size=1)) == "openvino"  # another batch is another trial
    timed.append(Trial(10.0, 20.0))
    assert _backend(_auto(small, batch_size=3)) == "torch"
    assert len(list(cache.glob("*/network.onnx"))) == 1  # that of the batch of one


def test_another_network_size_or_number_of_threads_is_another_trial(small, timed, monkeypatch):
    torch.manual_seed(1)
    other = SmallDetector().eval()
    timed += [Trial(10.0, 20.0)] * 4
    _auto(small)
    _auto(other)
    _auto(small, image_size=(96, 64))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    _auto(small)
    assert not timed


def test_addresses_of_a_process_are_no_part_of_a_network(small, monkeypatch):
    places = []
    for address in ("0x7f00", "0x7fab"):
        monkeypatch.setattr(SmallDetector, "extra_repr", lambda _, address=address: f"<function f at {address}>")
        places.append(TrialPlace.of(small, _SIZE, 1))
    assert places[0] == places[1]
    monkeypatch.setattr(SmallDetector, "extra_repr", lambda _: "<function g at 0x7f00>")
    assert TrialPlace.of(small, _SIZE, 1).folder != places[0].folder


@pytest.mark.parametrize("content", ["", "{", "[]", '{"torch_ms": 1}', '{"torch_ms": "a", "openvino_ms": "b"}'])
def test_a_broken_record_is_made_anew(small, cache, timed, content):
    timed += [Trial(10.0, 20.0), Trial(10.0, 5.0)]
    _auto(small)
    (record,) = cache.glob("*/trial-*.json")
    record.write_text(content)
    assert _backend(_auto(small)) == "openvino"
    assert json.loads(record.read_text())["openvino_ms"] == 5.0
    assert not timed


@pytest.mark.parametrize("damage", ["cut off", "another network"])
def test_a_file_that_is_not_the_networks_is_made_anew(small, images, cache, timed, damage):
    timed.append(Trial(10.0, 5.0))
    _auto(small)
    (exported,) = cache.glob("*/network.onnx")
    if damage == "cut off":
        exported.write_bytes(exported.read_bytes()[:1000])
    else:
        torch.manual_seed(2)
        export_onnx(SmallDetector().eval(), exported, ModelCard(image_size=_SIZE), "decoded", dynamic_size=False)
    predictor = _auto(small)
    assert _backend(predictor) == "openvino"
    _same_detections(predictor, small, images)


class Capricious(SmallDetector):
    """Cannot be traced: what it does depends on the values."""

    def forward(self, images):
        return super().forward(images if images.mean() > 0.5 else images * 2)


def test_a_network_that_cannot_be_exported_runs_on_torch(cache, timed, capsys):
    torch.manual_seed(0)
    network = Capricious().eval()
    assert _backend(_auto(network)) == "torch"
    assert "torch; openvino cannot run this network: " in capsys.readouterr().err
    assert _backend(_auto(network)) == "torch"
    said = capsys.readouterr().err
    assert "cannot run this network" in said
    assert "trying" not in said  # remembered


def test_other_numbers_are_refused(small, timed, monkeypatch, capsys):
    """A backend that computes something else, here the network of other weights, is not used however fast it is."""
    torch.manual_seed(2)
    other = SmallDetector().eval()
    monkeypatch.setattr(
        fastest, "export_onnx", lambda _, path, *rest, **options: export_onnx(other, path, *rest, **options)
    )
    assert _backend(_auto(small)) == "torch"
    assert "detector's differ by" in capsys.readouterr().err


def test_where_openvino_takes_no_part(small, cache, monkeypatch, capsys):
    assert _backend(_auto(small, precision="bf16")) == "torch"
    assert "torch; openvino takes part in float32 only" in capsys.readouterr().err
    for package in ("onnxscript", "openvino"):
        monkeypatch.setitem(sys.modules, package, None)
        assert _backend(_auto(small)) == "torch"
        assert f"torch; {package} is not installed" in capsys.readouterr().err
    assert not cache.exists()


def test_a_folder_that_cannot_be_written(small, tmp_path, capsys):
    (tmp_path / "torch").write_text("in the way")
    assert _backend(_auto(small)) == "torch"
    assert "set TORCH_HOME to a folder that can" in capsys.readouterr().err


def test_an_exported_file_keeps_its_own(exported, cache):
    assert _backend(Predictor.from_exported(exported / "decoded.onnx", backend="auto")) == "onnxruntime"
    assert not cache.exists()


def test_settings_that_do_not_go_together(small):
    with pytest.raises(ValueError, match="compile goes with backend torch"):
        _auto(small, compile=True)
    with pytest.raises(ValueError, match="precision int8 is for exported networks: choose backend onnxruntime"):
        _auto(small, precision="int8", calibrate=[])


_PROCESS = """
import sys
import torch
from tests.runtime.conftest import SmallDetector
from yolo3 import Predictor

torch.manual_seed(0)
predictor = Predictor(SmallDetector().eval(), image_size=(64, 96), precision="fp32", backend="auto")
"""


def test_two_processes_at_once_make_one_trial(cache):
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS], stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in begun]
    assert [process.returncode for process in begun] == [0, 0], said
    assert sum("trying torch and openvino" in each for each in said) == 1
    assert sum("(remembered)" in each for each in said) == 1
    assert len(list(cache.glob("*/trial-*.json"))) == 1


def test_the_winner_must_be_clearly_faster():
    assert Trial(100.0, 97.0).winner == "openvino"
    assert Trial(100.0, 97.1).winner == "torch"
    assert Trial(None, None, "no").winner == "torch"


def test_both_take_turns_and_count_per_image(monkeypatch):
    clock = [0.0]
    called = []

    def taking(name: str, seconds: float):
        def run() -> None:
            called.append(name)
            clock[0] += seconds

        return run

    monkeypatch.setattr(trials, "perf_counter", lambda: clock[0])
    trial = compare(taking("torch", 2.0), taking("openvino", 1.0), 4)
    assert (trial.torch_ms, trial.openvino_ms) == (500.0, 250.0)
    assert called == ["torch", "openvino"] * 5  # one to warm up, then until ten seconds are over
    called.clear()
    compare(taking("torch", 30.0), taking("openvino", 30.0), 1)
    assert len(called) == 2 * 3  # two at least
    called.clear()
    compare(taking("torch", 0.001), taking("openvino", 0.001), 1)
    assert len(called) == 2 * 8  # and seven at most
