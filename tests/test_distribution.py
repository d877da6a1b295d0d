"""The name and version of the distribution, wherever they are told."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import yolo3
from yolo3.cli import main
from yolo3.system.extras import not_installed

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

OLD_ADVICE = re.compile(r"""\byolo3\[|pip install[^\n]*["'\s]yolo3(?![-\w./\\])|\bversion\(["']yolo3["']\)""")
"""What names the package ``yolo3`` of PyPI, which is somebody else's."""


@pytest.mark.parametrize(
    ("text", "is_old"),
    [
        ('pip install "yolo3[train]"', True),
        ("pip install yolo3", True),
        ("pip install -U yolo3 and then", True),
        ('version("yolo3")', True),
        ('pip install "yolo3-torch[train]"', False),
        ("pip install yolo3-torch", False),
        ('pip install -e ".[train]" and then yolo3.cli', False),
    ],
)
def test_the_search_knows_the_old_name(text: str, is_old: bool) -> None:
    assert bool(OLD_ADVICE.search(text)) is is_old


def test_nothing_advises_the_package_of_somebody_else() -> None:
    folders = ("src", "docs", "examples", "scripts", "benchmarks")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.txt"), *ROOT.glob("*.cff")]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in files}
    assert len(texts) > 100
    found = {
        str(path.relative_to(ROOT)): match[0] for path, text in texts.items() if (match := OLD_ADVICE.search(text))
    }
    assert found == {}


def test_one_name() -> None:
    assert PROJECT["name"] == "yolo3-torch"
    assert PROJECT["scripts"] == {"yolo3": "yolo3.cli:main"}
    assert str(not_installed("charts need", "matplotlib", "train")).endswith('pip install "yolo3-torch[train]"')


def test_one_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"yolo3 {yolo3.__version__}\n"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == yolo3.__version__
    assert citation["license"] == PROJECT["license"]
