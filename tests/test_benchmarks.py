"""The programs in `benchmarks`: what they import is there. What they measure is for those who run them."""

import subprocess
import sys
from pathlib import Path

_BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
_LOAD = "import runpy, sys; [runpy.run_path(path, run_name='benchmark')['main'] for path in sys.argv[1:]]"


def test_benchmarks_find_what_they_import() -> None:
    programs = sorted(str(path) for path in _BENCHMARKS.glob("*.py"))
    assert programs
    loaded = subprocess.run([sys.executable, "-c", _LOAD, *programs], capture_output=True, text=True, timeout=300)
    assert loaded.returncode == 0, loaded.stderr
