import re
import sys
import threading
from pathlib import Path

import pytest
import yaml

from yolo3.cli.output import check_new, live_folder, new_folder, write_configuration
from yolo3.cli.progress import progress


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.touch(), "output {path} is a file; name a folder"),
        (lambda path: path.symlink_to("nowhere"), "output folder {path} is a link to nowhere, which does not exist"),
        (lambda path: (path / "x").mkdir(parents=True), "output folder {path} exists; name another with --output"),
    ],
)
def test_a_folder_in_the_way_is_told_before_any_work(tmp_path, make, message):
    make(tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))
    for check in (check_new, _enter):
        with pytest.raises(ValueError, match=re.escape(message.format(path=tmp_path / "out"))):
            check(tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


def _enter(folder):
    with new_folder(folder):
        pytest.fail("it began")


def test_a_folder_that_cannot_be_made_or_written(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=rf"cannot be made: {tmp_path / 'file'} is a file; name another"):
        check_new(tmp_path / "file" / "out")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    for output in (tmp_path, tmp_path / "far/away"):
        with pytest.raises(ValueError, match=rf"{output} cannot be written: {tmp_path} is read-only or not yours"):
            check_new(output)


def test_each_run_of_a_default_has_its_own_number(tmp_path):
    places = []
    for _ in range(2):
        with new_folder(tmp_path / "runs/detect", numbered=True) as making:
            (making.path / "file").touch()
            places.append(making.place.name)
            with live_folder(tmp_path / "runs/detect", lambda _: True, numbered=True) as live:
                (live / "file").touch()
                places.append(live.name)
    assert places == ["detect", "detect-2", "detect-3", "detect-4"]
    with new_folder(tmp_path / "runs/detect", overwrite=True, numbered=True) as making:
        pass
    assert making.place == tmp_path / "runs/detect"
    assert not list(making.place.iterdir())


def test_a_run_that_fails_takes_its_number_away_again(tmp_path):
    def fail(open_folder):
        with open_folder:
            raise ValueError("mine")

    for open_folder in (
        new_folder(tmp_path / "runs/detect", numbered=True),
        live_folder(tmp_path / "runs/detect", lambda _: False, numbered=True),
    ):
        with pytest.raises(ValueError, match="mine"):
            fail(open_folder)
        assert not (tmp_path / "runs").exists()


def test_another_thread_makes_folders_too(tmp_path):
    thread = threading.Thread(target=lambda: _filled(tmp_path / "out"))
    thread.start()
    thread.join()
    assert (tmp_path / "out/file").exists()


def _filled(folder):
    with new_folder(folder) as making:
        (making.path / "file").touch()


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
