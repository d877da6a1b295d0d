"""The Dockerfile: linted, and made of files and options that there are. It is not built here."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from yolo3.cli.options import defaults
from yolo3.cli.serve import serve

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_linter_has_nothing_to_say() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint has no wheel for this system")
    ran = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_what_is_copied_is_there_and_not_ignored() -> None:
    taken = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", TEXT, re.MULTILINE) for name in line.split()]
    assert set(copied) == {"constraints.txt", "pyproject.toml", "README.md", "LICENSE", "src"}
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in taken


def test_it_runs_as_nobody_special_and_is_asked_for_its_health() -> None:
    assert TEXT.index("\nUSER 10001") > TEXT.index("pip install")
    assert "urlopen('http://127.0.0.1:8000/health'" in TEXT
    assert defaults(serve)["port"] == 8000


def test_the_command_has_the_options_that_it_is_given() -> None:
    words = json.loads(re.search(r"^ENTRYPOINT (.*)$", TEXT, re.MULTILINE)[1])
    assert words[:2] == ["yolo3", "serve"]
    options = [word.removeprefix("--").replace("-", "_") for word in words if word.startswith("--")]
    assert options == ["host", "log"]
    assert set(options) <= defaults(serve).keys()
