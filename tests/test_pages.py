"""Pages for those who come from elsewhere: every name and command of ours on them is there."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from yolo3.cli import COMMANDS
from yolo3.cli.options import defaults

_DOCS = Path(__file__).parents[1] / "docs"
_PAGES = sorted([*_DOCS.glob("from_*.md"), _DOCS / "hub.md"])


def _code(page: Path) -> list[str]:
    """What stands between backticks outside of code blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.stem)
def test_names_of_ours_can_be_imported(page: Path) -> None:
    names = {code for code in _code(page) if re.fullmatch(r"yolo3(\.\w+)+", code)}
    for name in sorted(names):
        home, attributes = name, []
        while True:  # the longest part that is a module
            try:
                found = import_module(home)
                break
            except ModuleNotFoundError:
                home, _, last = home.rpartition(".")
                attributes.insert(0, last)
        for attribute in attributes:
            found = getattr(found, attribute)


def test_the_table_of_old_names_is_long() -> None:
    page = _DOCS / "from_your_code.md"
    assert len({code for code in _code(page) if code.startswith("yolo3.")}) > 40
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) > 45
    assert all(line.count("|") == 4 for line in rows)


def _commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"^\$ (yolo3 .*)$", text, re.MULTILINE)
    return lines + [code for code in re.findall(r"`([^`\n]+)`", text) if code.startswith("yolo3 ")]


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.stem)
def test_commands_and_their_options_exist(page: Path) -> None:
    for line in _commands(page):
        command = line.split()[1]
        assert command in dict(COMMANDS), line
        name = command.replace("-", "_")
        known = defaults(getattr(import_module(f"yolo3.cli.{name}"), name))
        for option in re.findall(r"--([a-z-]+)", line):
            assert option.replace("-", "_").removeprefix("no_") in {*known, "config"}, line


def test_options_beside_those_of_others_exist() -> None:
    every = {"config"}
    for command, _ in COMMANDS:
        name = command.replace("-", "_")
        every |= defaults(getattr(import_module(f"yolo3.cli.{name}"), name)).keys()
    for page in _PAGES:
        for option in re.findall(r"(?<=`)--([a-z-]+)", page.read_text(encoding="utf-8")):
            assert option.replace("-", "_").removeprefix("no_") in every, (page.name, option)
