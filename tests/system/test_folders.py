import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from yolo3.system.folders import claim_number, delete_replaced, last_number, live_folder, new_folder, replaced


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, as a Docker volume is."""
    (tmp_path / "volume").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path / "volume"], capture_output=True).returncode:
        pytest.skip("this process may not mount a file system")
    yield tmp_path / "volume"
    subprocess.run(["umount", "-l", tmp_path / "volume"], check=True)


def _tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def _old(folder: Path) -> Path:
    """A folder with something in it."""
    (folder / "inside").mkdir(parents=True)
    (folder / "file").write_text("old")
    (folder / "inside" / "other").write_text("old")
    return folder


_OLD = {"file": "old", "inside/other": "old"}


def _fill(folder: Path, error: type[BaseException] | None = None, overwrite: bool = True) -> None:
    with new_folder(folder, overwrite) as making:
        (making.path / "inside").mkdir()
        (making.path / "inside" / "new").write_text("new")
        (making.path / "file").write_text("new")
        if error is not None:
            raise error
    assert making.place == folder


_NEW = {"file": "new", "inside/new": "new"}


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with new_folder(tmp_path / "runs" / "one") as making:
        (making.path / "file").write_text("x")
        assert not (tmp_path / "runs/one").exists()
    assert _tree(tmp_path) == {"runs/one/file": "x"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_everything_is_as_it_was(tmp_path, error):
    _old(tmp_path / "one")
    (tmp_path / "empty").mkdir()
    for name in ("one", "empty", "far/away/two"):
        with pytest.raises(error):
            _fill(tmp_path / name, error)
    assert _tree(tmp_path / "one") == _OLD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "one"]
    assert not list((tmp_path / "empty").iterdir())


def test_contents_are_replaced_and_not_the_folder(tmp_path):
    folder = _old(tmp_path / "one")
    folder.chmod(0o711)
    before = folder.stat()
    _fill(folder)
    assert _tree(folder) == _NEW
    assert (folder.stat().st_ino, folder.stat().st_mode) == (before.st_ino, before.st_mode)
    assert sorted(path.name for path in folder.iterdir()) == ["file", "inside"]


def test_a_link_stays_a_link(tmp_path):
    _old(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    _fill(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert _tree(tmp_path / "real") == _NEW


def test_a_mount_point_is_filled_and_filled_again(volume):
    for _ in range(2):
        _fill(volume)
        assert os.path.ismount(volume)
        assert _tree(volume) == _NEW


def test_the_root_of_a_disk_is_empty_but_for_what_its_file_system_keeps(tmp_path):
    (tmp_path / "disk/lost+found").mkdir(parents=True)
    _fill(tmp_path / "disk", overwrite=False)
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["file", "inside", "lost+found"]


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file that nobody can move or delete."""
    folder = _old(tmp_path / "one")
    if subprocess.run(["chattr", "+i", folder / "inside" / "other"], capture_output=True).returncode:
        pytest.skip("this process may not make a file immutable")
    subprocess.run(["chattr", "+i", folder / "file"], check=True)
    yield folder
    subprocess.run(["chattr", "-R", "-i", folder], check=True)


def test_what_cannot_be_moved_stays_and_the_new_is_not_lost(stuck):
    with pytest.raises(OSError, match=rf"cannot put the results into {stuck} \(Operation not .*file\); they are in"):
        _fill(stuck)
    (partial,) = stuck.glob("partial-*")
    assert _tree(partial) == _NEW
    assert {name: text for name, text in _tree(stuck).items() if not name.startswith("partial")} == _OLD
    assert not replaced(stuck)
    subprocess.run(["chattr", "-i", stuck / "file"], check=True)
    with pytest.raises(OSError, match="it is as it was"), live_folder(stuck / "inside", lambda: True, overwrite=True):
        pytest.fail("it began")
    assert _tree(stuck / "inside") == {"other": "old"}


def test_what_can_be_moved_but_not_deleted_is_told(stuck):
    subprocess.run(["chattr", "-i", stuck / "file"], check=True)
    with pytest.warns(UserWarning, match=rf"what was in {stuck} before is in .*it cannot be deleted"):
        _fill(stuck)
    assert (stuck / "file").read_text() == "new"
    (old,) = replaced(stuck)
    assert (old / "inside/other").read_text() == "old"


def test_a_mount_point_inside_stays_where_it_is(volume, tmp_path):
    (volume / "kept").write_text("old")
    with pytest.raises(OSError, match="cannot put the results into"):
        _fill(tmp_path)
    assert os.path.ismount(volume)
    assert (volume / "kept").exists()


def test_a_disk_that_is_read_only_by_then(volume):
    def fill():
        with new_folder(volume, overwrite=True) as making:
            (making.path / "file").write_text("new")
            subprocess.run(["mount", "-o", "remount,ro", volume], check=True)

    (volume / "file").write_text("old")
    try:
        with pytest.raises(OSError, match=r"\(Read-only file system: .*\); they are in .*partial-"):
            fill()
        (partial,) = volume.glob("partial-*")
        assert (_tree(volume)["file"], _tree(partial)) == ("old", {"file": "new"})
    finally:
        subprocess.run(["mount", "-o", "remount,rw", volume], check=True)


@pytest.mark.parametrize("is_there", [False, True])
def test_two_runs_of_one_name_both_keep_what_they_found(tmp_path, is_there):
    """The later one ends, and finds the earlier one's results."""
    folder = tmp_path / "so"
    if is_there:
        folder.mkdir()
    with pytest.raises(OSError, match="another run has put something there meanwhile") as raised:  # noqa: PT012
        with new_folder(folder) as later:
            (later.path / "file").write_text("later")
            with new_folder(folder) if not is_there else new_folder(tmp_path / "other") as earlier:
                (earlier.path / "file").write_text("earlier")
            if is_there:
                (tmp_path / "other/file").rename(folder / "file")
    assert (folder / "file").read_text() == "earlier"
    assert str(later.path) in str(raised.value)
    assert (later.path / "file").read_text() == "later"


def test_a_run_that_is_there_while_it_goes_on(tmp_path):
    folder = _old(tmp_path / "run")
    with live_folder(folder, lambda: False, overwrite=True):
        (folder / "file").write_text("new")
        (old,) = replaced(folder)
        assert _tree(old) == _OLD
    assert _tree(folder) == {"file": "new"}
    with live_folder(tmp_path / "far/away", lambda: False):
        (tmp_path / "far/away/file").write_text("new")
    assert _tree(tmp_path / "far") == {"away/file": "new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("keeps", [False, True])
def test_the_old_run_comes_back_unless_the_new_is_worth_more(tmp_path, error, keeps):
    def fail(folder):
        with live_folder(folder, lambda: keeps, overwrite=True):
            (folder / "file").write_text("new")
            (folder / "more").mkdir()
            (folder / "link").symlink_to(tmp_path)
            raise error

    folder = _old(tmp_path / "run")
    with pytest.raises(error):
        fail(folder)
    assert (folder / "file").read_text() == ("new" if keeps else "old")
    assert sorted(path.name for path in folder.iterdir()) == (["file", "link", "more"] if keeps else ["file", "inside"])
    if not keeps:
        with pytest.raises(error):
            fail(tmp_path / "far/away")
        assert not (tmp_path / "far").exists()


def test_a_live_folder_that_another_run_has_filled(tmp_path):
    _old(tmp_path / "run")
    with pytest.raises(FileExistsError, match="another run"), live_folder(tmp_path / "run", lambda: True):
        pytest.fail("it began")
    assert _tree(tmp_path / "run") == _OLD


def test_what_a_killed_run_was_to_replace(tmp_path):
    (_old(tmp_path / "run") / ".replaced-1").mkdir()
    delete_replaced(tmp_path / "run")
    assert replaced(tmp_path / "run") == []
    assert _tree(tmp_path / "run") == _OLD


def test_numbers_follow_the_highest(tmp_path):
    base = tmp_path / "runs" / "detect"
    assert last_number(base) == base
    assert claim_number(base) == base
    assert claim_number(base).name == "detect-2"
    for name in ("detect-7", "detect-09", "detect-x", "detection-8"):
        (tmp_path / "runs" / name).mkdir()
    assert claim_number(base).name == "detect-8"
    assert last_number(base).name == "detect-8"


def test_runs_that_begin_together_get_different_numbers(tmp_path):
    claimed = []
    threads = [
        threading.Thread(target=lambda: claimed.extend(claim_number(tmp_path / "run") for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(claimed)) == 80
