"""The examples, run as written."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

_EXAMPLES = Path(__file__).parents[1] / "examples"
_NOTEBOOKS = sorted(path.name for path in _EXAMPLES.glob("*.ipynb"))
_LARGEST = 300_000  # bytes of a stored notebook


@pytest.mark.parametrize("notebook", _NOTEBOOKS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")  # of the notebook machinery
def test_notebook_runs(notebook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own assertions hold, such as that objects are found."""
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    book = nbformat.read(_EXAMPLES / notebook, as_version=4)
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()


@pytest.mark.parametrize("notebook", _NOTEBOOKS)
def test_stored_outputs_are_there_and_small(notebook: str) -> None:
    """`python scripts/notebooks.py` stores them."""
    book = nbformat.read(_EXAMPLES / notebook, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert any(cell.outputs for cell in code)
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert (_EXAMPLES / notebook).stat().st_size < _LARGEST


def test_the_quickstart_finds_objects() -> None:
    """What a reader sees without running it."""
    book = nbformat.read(_EXAMPLES / "quickstart.ipynb", as_version=4)
    text = "\n".join(str(output) for cell in book.cells for output in cell.get("outputs", []))
    assert "image/jpeg" in text
    assert "'circle'" in text
    assert "assert len(found.boxes) == len(drawn.boxes) == 6" in "\n".join(cell.source for cell in book.cells)
