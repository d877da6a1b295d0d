"""The examples, run as written."""

import base64
import gc
import importlib.util
import io
import os
import runpy
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from yolo3 import open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.training import DetectionTask

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
    for cell in code:
        streams = [output.get("name") for output in cell.outputs]
        assert not [1 for one, other in pairwise(streams) if one and one == other]  # a piece per move of a progress bar
    assert (_EXAMPLES / notebook).stat().st_size < _LARGEST


def test_outputs_become_small_without_losing_what_they_say() -> None:
    """Pieces of one stream are joined, progress bars go, images are JPEG, and those on white paper are charts."""
    script = runpy.run_path(str(_EXAMPLES.parent / "scripts/notebooks.py"))
    stream = [
        nbformat.v4.new_output("stream", name="stdout", text=text)
        for text in ("epoch 1\n", "━━╸ 40%\n", "\n\n", "epoch 2\n")
    ]
    cells = [nbformat.v4.new_code_cell(outputs=stream)]
    for colour in ("white", "green"):
        file = io.BytesIO()
        Image.new("RGB", (1000, 500), colour).save(file, "PNG")
        picture = {"image/png": base64.b64encode(file.getvalue()).decode()}
        cells.append(nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data=picture)]))
    told, chart, photograph = script["small"](nbformat.v4.new_notebook(cells=cells)).cells
    assert [output.text for output in told.outputs] == ["epoch 1\nepoch 2\n"]
    assert chart.metadata == {"mystnb": {"image": {"classes": "chart"}}}
    assert photograph.metadata == {}
    with Image.open(io.BytesIO(base64.b64decode(photograph.outputs[0].data["image/jpeg"]))) as stored:
        assert stored.size == (720, 360)


def test_the_quickstart_finds_objects() -> None:
    """What a reader sees without running it."""
    book = nbformat.read(_EXAMPLES / "quickstart.ipynb", as_version=4)
    text = "\n".join(str(output) for cell in book.cells for output in cell.get("outputs", []))
    assert "image/jpeg" in text
    assert "'circle'" in text
    assert "assert len(found.boxes) == len(drawn.boxes) == 6" in "\n".join(cell.source for cell in book.cells)


def test_a_search_prunes_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six trials of two epochs each in one process; a trainer that stayed alive would keep its task."""
    optuna = pytest.importorskip("optuna", reason="optuna is not installed; pip install optuna")
    spec = importlib.util.spec_from_file_location("search_optuna", _EXAMPLES / "search_optuna.py")
    assert spec is not None
    assert spec.loader is not None
    search = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "search_optuna", search)
    spec.loader.exec_module(search)
    monkeypatch.chdir(tmp_path)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    write_shapes(tmp_path / "shapes", num_train=8, num_test=4, image_size=(64, 64))
    setting = search.Setting(
        open_dataset(tmp_path / "shapes", "train"),
        open_dataset(tmp_path / "shapes", "test"),
        width=0.125,
        image_size=64,
        epochs=2,
        validate_every=1,
    )
    pruner = optuna.pruners.ThresholdPruner(lower=2.0, n_warmup_steps=2)  # no AP is as high: all end at epoch 2
    study = optuna.create_study(direction="maximize", pruner=pruner, sampler=optuna.samplers.TPESampler(seed=0))

    study.optimize(lambda trial: search.train_once(trial, setting), n_trials=3)

    assert [trial.state.name for trial in study.trials] == ["PRUNED"] * 3
    assert all(list(trial.intermediate_values) == [1, 2] for trial in study.trials)
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is DetectionTask]
    free = optuna.create_study(direction="maximize")
    free.optimize(lambda trial: search.train_once(trial, setting), n_trials=1)
    assert 0 <= free.best_value <= 1
    assert {path.name for path in tmp_path.iterdir()} == {"shapes"}
