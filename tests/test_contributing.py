"""The table of where things go names what there is."""

import re
from importlib import import_module
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_TEXT = (_ROOT / "CONTRIBUTING.md").read_text()
_ROWS = [line.split("|")[1:-1] for line in _TEXT.splitlines() if line.startswith("| ")][1:]  # without the header


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row[0].strip())
def test_files_and_names_of_a_row_exist(row: list[str]) -> None:
    named = re.findall(r"`([^`]+)`", row[1] + row[3])
    paths = [name for name in named if "/" in name or name.endswith((".py", ".toml", ".md"))]
    missing = [path for path in paths if not any((root / path).exists() for root in (_ROOT, _ROOT / "src/yolo3"))]
    assert not missing
    files = [_ROOT / "src/yolo3" / path for path in paths if (_ROOT / "src/yolo3" / path).is_file()]
    files += [_ROOT / path for path in paths if path.startswith("tests/")]
    for name in set(named) - set(paths):
        module, _, own = name.rpartition(".")
        if module:
            assert hasattr(import_module(f"yolo3.{module}"), own), name
        elif re.fullmatch(r"_?[A-Z_]{4,}|slow_\w+|_recipe", name):
            assert any(re.search(rf"^(def )?{name}\b", file.read_text(), re.MULTILINE) for file in files), name


def test_the_table_is_found() -> None:
    assert len(_ROWS) > 15
