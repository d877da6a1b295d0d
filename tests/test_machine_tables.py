"""The tables of machines that `benchmarks/machine.py` writes, and the page that shows them."""

import argparse
import importlib.util
import re
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).parents[1]
_RESULTS = sorted((_ROOT / "benchmarks/results").glob("*.md"))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")


@pytest.fixture(scope="module")
def machine() -> Iterator[ModuleType]:
    found = importlib.util.spec_from_file_location("machine", _ROOT / "benchmarks/machine.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    sys.modules["machine"] = module
    found.loader.exec_module(module)
    yield module
    del sys.modules["machine"]


def _kind(path: Path) -> str:
    return path.read_text(encoding="utf-8").removeprefix("# ").partition(":")[0]


def test_the_page_shows_the_newest_table_of_each_kind() -> None:
    newest: dict[str, Path] = {}
    for path in _RESULTS:
        known = newest.get(_kind(path))
        if known is None or _date(path) > _date(known):
            newest[_kind(path)] = path
    assert newest
    page = (_ROOT / "docs/speed.md").read_text(encoding="utf-8")
    assert set(re.findall(r"benchmarks/results/(\S+)\.md", page)) == {path.stem for path in newest.values()}


def _date(path: Path) -> str:
    found = _DATE.search(path.stem)
    assert found, path
    return found[0]


def test_rows_say_times_and_ratios_to_eager(machine: ModuleType) -> None:
    columns = {1: {"eager PyTorch fp32": 0.2, "ours": 0.05}, 8: {"eager PyTorch fp32": 1.0, "ours": 0.4}}
    assert machine.table(columns) == [
        "| form | batch of 1, ms | times eager | batch of 8, ms | times eager |",
        "|---|---|---|---|---|",
        "| eager PyTorch fp32 | 200.0 | 1.00 | 1000.0 | 1.00 |",
        "| ours | 50.0 | 4.00 | 400.0 | 2.50 |",
    ]


def test_the_kind_is_the_best_that_the_cpu_has(machine: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for has, kind in (
        (["avx2", "avx512f", "avx512_bf16", "amx_int8"], "AMX"),
        (["avx2", "avx512f", "avx512_bf16"], "AVX512-BF16"),
        (["avx2", "fma"], "AVX2"),
        ([], "CPU"),
    ):
        monkeypatch.setattr(machine, "features", lambda has=has: has)
        assert machine.kind(None) == kind
    assert machine.kind("avx2") == "AVX2"


def test_a_file_is_named_after_the_machine(machine: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo3.system.hardware.cpu_name", lambda: "Some(R) CPU @ 2.00GHz")
    options = argparse.Namespace(cap="avx2", model="yolov3")
    assert re.fullmatch(r"some-r-cpu-2-00ghz-capped-to-avx2-\d{4}-\d{2}-\d{2}", machine.file_name(options))


def test_each_form_runs(machine: ModuleType, tmp_path: Path) -> None:
    """A small network in every form that is installed here, in turns."""
    import torch

    from yolo3.darknet import Darknet, adapted_cfg

    torch.manual_seed(0)
    network = Darknet(adapted_cfg("yolov3-tiny.cfg", 2)).eval()
    files = machine.exported(network, tmp_path, 64)
    forms = machine.forms(network, torch.rand(2, 3, 64, 64), files, capped=False)
    assert {"eager PyTorch fp32", "Predictor fp32", "Predictor int8, onnxruntime", "onnxruntime fp32"} <= forms.keys()
    times = machine.medians(forms, 1, count().__next__)
    assert set(times.values()) == {1}
    assert not [
        name for name in machine.forms(network, torch.rand(1, 3, 64, 64), files, capped=True) if "onnxr" in name
    ]
