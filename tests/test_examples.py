"""The examples, run as written."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

_EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("notebook", sorted(path.name for path in _EXAMPLES.glob("*.ipynb")))
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")  # of the notebook machinery
def test_notebook_runs(notebook: str, tmp_path: Path) -> None:
    book = nbformat.read(_EXAMPLES / notebook, as_version=4)
    if not notebook.startswith("learn_"):
        assert not any(cell.get("outputs") for cell in book.cells), (
            "clear the outputs: they belong to a machine and a day"
        )
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()


@pytest.mark.parametrize("notebook", sorted(_EXAMPLES.glob("learn_*.ipynb")), ids=lambda path: path.stem)
def test_notebook_of_the_course_shows_its_results(notebook: Path) -> None:
    """Whoever reads it on a code host sees what comes out, and each claim in it is an assertion."""
    book = nbformat.read(notebook, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert notebook.stat().st_size < 250_000
    assert "find_spec" in code[0].source, "the first code cell installs the library where it is absent"
    assert sum(bool(cell.outputs) for cell in code) >= 5
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert sum(line.startswith("assert ") for cell in code for line in cell.source.splitlines()) >= 3
