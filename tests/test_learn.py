"""The course: its code gives the output that the pages show, and its figures are drawn."""

import contextlib
import io
import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

_DOCS = Path(__file__).parents[1] / "docs"
_PAGES = sorted((_DOCS / "learn").glob("*.md"))
_CHAPTERS = [page for page in _PAGES if page.stem != "index"]
_STYLE = (_DOCS / "static/figures.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Block:
    language: str
    line: int
    text: str


def _blocks(page: Path) -> list[_Block]:
    """The fenced blocks of a page in order."""
    found, lines = [], page.read_text(encoding="utf-8").splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        if line.startswith("```"):
            if start is None:
                start = number
            else:
                body = "\n".join(lines[start + 1 : number])
                found.append(_Block(lines[start].removeprefix("```"), start + 1, body))
                start = None
    return found


def _drawings(page: Path) -> list[str]:
    return [block.language.split()[1] for block in _blocks(page) if block.language.startswith("{drawing}")]


@pytest.mark.parametrize(
    "page", [page for page in _PAGES if "```python" in page.read_text()], ids=lambda page: page.stem
)
def test_code_prints_what_the_page_shows(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "page"}
    blocks = _blocks(page)
    for block, following in zip(blocks, [*blocks[1:], _Block("", 0, "")], strict=True):
        if block.language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)
        shown = following.text if following.language == "text" else ""
        assert printed.getvalue().rstrip() == shown.rstrip(), f"{page.name}, line {following.line}"


@pytest.mark.parametrize("page", _CHAPTERS, ids=lambda page: page.stem)
def test_a_chapter_has_its_parts(page: Path) -> None:
    """The problem first, a figure, the file to read, and two questions that are there."""
    text = page.read_text(encoding="utf-8")
    assert "**The problem.**" in text.split("\n## ")[0]
    assert _drawings(page)
    files = re.findall(r"`((?:src|examples)/[\w/.]+)`", text.split("**In the code.**")[1])
    assert files
    assert all((_DOCS.parent / file).exists() for file in files)
    questions = re.findall(r"questions\.md#(question-\d+)\)", text.split("**Questions.**")[1])
    assert len(questions) == 2
    asked = (_DOCS / "questions.md").read_text(encoding="utf-8")
    assert all(f"({question})=" in asked for question in questions)


def test_every_question_belongs_to_a_chapter() -> None:
    """So that whoever cannot answer one finds where to read."""
    asked = {int(number) for page in _CHAPTERS for number in re.findall(r"#question-(\d+)", page.read_text())}
    assert asked == set(range(1, 11))


def test_the_course_lists_every_chapter_in_order() -> None:
    index = (_DOCS / "learn/index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^(\w+)$", index.split("```{toctree}")[1], flags=re.MULTILINE)
    assert sorted(listed) == [page.stem for page in _CHAPTERS]
    for number, stem in enumerate(listed, start=1):
        assert (_DOCS / f"learn/{stem}.md").read_text(encoding="utf-8").startswith(f"# {number}. ")


def test_figures_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is sound XML that says in words what it shows, in colours of the style sheet, and stays inside its panel."""
    monkeypatch.syspath_prepend(str(_DOCS))
    from figures.directive import panels_of

    names = [name for page in [*_PAGES, _DOCS / "questions.md"] for name in _drawings(page)]
    assert names
    for name in names:
        for panel in panels_of(name):
            drawing = ElementTree.fromstring(panel.svg())
            assert (drawing.findtext("title") or "").strip(), name
            assert panel.width <= 500, f"{name} is wider than a narrow page can show"
            for text in drawing.iter("text"):
                assert -1 <= _left(text) <= _right(text) <= panel.width + 1, (name, text.text)
            colours = set(re.findall(r"var\((--[\w-]+)\)", panel.svg()))
            assert all(_STYLE.count(f"{colour}:") == 3 for colour in colours), name  # light, dark, dark by preference
    del sys.modules["figures"]


@pytest.mark.parametrize(
    "notebook", sorted((_DOCS.parent / "examples").glob("learn_*.ipynb")), ids=lambda path: path.stem
)
def test_notebook_shows_its_results(notebook: Path) -> None:
    """Whoever reads it on a code host sees what comes out, and each claim in it is an assertion."""
    book = nbformat.read(notebook, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert notebook.stat().st_size < 250_000
    assert "find_spec" in code[0].source, "the first code cell installs the library where it is absent"
    assert sum(bool(cell.outputs) for cell in code) >= 4
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert sum(line.startswith("assert ") for cell in code for line in cell.source.splitlines()) >= 3


def _width(text: ElementTree.Element) -> float:
    """About the width of a line, in a font of average width."""
    return len(text.text or "") * float(text.get("font-size", 13)) * 0.53


def _left(text: ElementTree.Element) -> float:
    share = {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")]
    return float(text.get("x", 0)) - share * _width(text)


def _right(text: ElementTree.Element) -> float:
    return _left(text) + _width(text)
