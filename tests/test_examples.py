"""The examples, run as written."""

import gc
import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from yolo3 import open_dataset
from yolo3.data.shapes import write_shapes
from yolo3.training import DetectionTask

_EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("notebook", sorted(path.name for path in _EXAMPLES.glob("*.ipynb")))
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")  # of the notebook machinery
def test_notebook_runs(notebook: str, tmp_path: Path) -> None:
    book = nbformat.read(_EXAMPLES / notebook, as_version=4)
    if not notebook.startswith("learn_"):  # those show their results, see test_learn.py
        assert not any(cell.get("outputs") for cell in book.cells), "clear the outputs: they belong to a machine"
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()


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
