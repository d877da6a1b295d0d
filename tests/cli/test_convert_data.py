from pathlib import Path

import pytest

from yolo3.cli import main
from yolo3.data import open_dataset


def test_every_split_in_every_format(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bccd = shared / "data" / "bccd"
    assert main(["convert-data", str(bccd), str(tmp_path / "coco"), "--to", "coco", "--placement", "link"]) == 0
    assert (
        main(["convert-data", str(tmp_path / "coco"), str(tmp_path / "yolo"), "--to", "yolo", "--placement", "link"])
        == 0
    )
    for split in ("train", "val", "test"):
        before, after = open_dataset(bccd, split), open_dataset(tmp_path / "yolo", split)
        assert after.names == before.names
        assert after.counts.tolist() == before.counts.tolist()
    assert "has no area" in capsys.readouterr().out


def test_refuses_in_one_line(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bccd = str(shared / "data" / "bccd")
    (tmp_path / "mine").mkdir()
    assert main(["convert-data", bccd, str(tmp_path), "--to", "coco"]) == 2
    assert capsys.readouterr().err.endswith("exists; name another\n")
    assert main(["convert-data", bccd, str(tmp_path / "new"), "--to", "tfrecord"]) == 2
    assert "tfrecord" in capsys.readouterr().err
    assert main(["convert-data", "nowhere", str(tmp_path / "new"), "--to", "coco"]) == 2
    assert "nowhere: no such data set" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_older_word_for_links_leads_to_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert-data", str(tmp_path), str(tmp_path / "new"), "--to", "coco", "--images", "link"]) == 2
    assert "--placement link says how they get there" in capsys.readouterr().err
