"""The programs in `benchmarks`: what they import is there. What they measure is for those who run them."""

import subprocess
import sys
from pathlib import Path

_BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
_LOAD = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"


def test_benchmarks_find_what_they_import() -> None:
    programs = sorted(path.stem for path in _BENCHMARKS.glob("*.py"))
    assert "machine" in programs
    command = [sys.executable, "-c", _LOAD, *programs]
    loaded = subprocess.run(command, cwd=_BENCHMARKS, capture_output=True, text=True, timeout=300)
    assert loaded.returncode == 0, loaded.stderr
