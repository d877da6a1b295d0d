import sys

import pytest
import yaml

from yolo3.cli.output import new_folder, write_configuration
from yolo3.cli.progress import progress


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with new_folder(tmp_path / "runs" / "one") as folder:
        (folder / "file").write_text("x")
        assert not (tmp_path / "runs/one").exists()
    assert (tmp_path / "runs/one/file").read_text() == "x"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["one"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_old_folder_stays(tmp_path, error):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/old").write_text("x")
    for name in ("one", "far/away/two"):
        with pytest.raises(error):
            _fail_while_writing(tmp_path / name, error)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["one", "one/old"]


def _fail_while_writing(folder, error):
    with new_folder(folder, overwrite=True) as partial:
        (partial / "new").write_text("y")
        raise error


def test_an_error_is_told_though_another_run_began_beside_it(tmp_path):
    def begin_another_and_fail():
        with new_folder(tmp_path / "runs/one"):
            (tmp_path / "runs/two").mkdir()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        begin_another_and_fail()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["two"]


def test_a_configuration_is_plain_yaml(tmp_path):
    arguments = {"source": [tmp_path / "a.jpg", "b.jpg"], "output": tmp_path, "image_size": (320, 416), "fast": None}
    write_configuration(tmp_path, arguments)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {
        "source": [str(tmp_path / "a.jpg"), "b.jpg"],
        "output": str(tmp_path),
        "image_size": [320, 416],
        "fast": None,
    }


@pytest.mark.parametrize("rich_is_there", [True, False])
def test_progress_is_shown_to_a_terminal_only(capsys, monkeypatch, rich_is_there):
    assert list(progress("abc", 3, "counting")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    if not rich_is_there:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    assert list(progress("abc", 3, "counting")) == ["a", "b", "c"]
    shown = capsys.readouterr().err
    assert "counting" in shown
    assert "3/3" in shown


@pytest.mark.parametrize("rich_is_there", [True, False])
def test_progress_without_an_end(capsys, monkeypatch, rich_is_there):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    if not rich_is_there:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    assert list(progress((letter for letter in "abc"), None, "counting")) == ["a", "b", "c"]
    shown = capsys.readouterr().err
    assert "3/?" in shown if rich_is_there else shown.endswith("counting 3\n")
