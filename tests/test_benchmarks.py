"""The programs in `benchmarks`: what they import is there. What they measure is for those who run them."""

import runpy
from pathlib import Path

import pytest

_PROGRAMS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("program", _PROGRAMS, ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_imports(program: Path) -> None:
    assert callable(runpy.run_path(str(program), run_name="benchmark")["main"])
