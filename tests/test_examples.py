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
    assert not any(cell.get("outputs") for cell in book.cells), "clear the outputs: they belong to a machine and a day"
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
