import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from yolo3 import Darknet53, YOLOv3, save_checkpoint, save_darknet_weights
from yolo3.boxes import InputFormat
from yolo3.checkpoint import ModelCard
from yolo3.data import ImageCache, open_dataset, write_shapes
from yolo3.system.files import new_file, whole_file
from yolo3.training.journal import Journal
from yolo3.training.resuming import RESUME_FILE, save_resumable


class _Trainer:
    """As much of Lightning's as `save_resumable` needs."""

    is_global_zero = True
    strategy = SimpleNamespace(barrier=lambda name: None)

    def save_checkpoint(self, path: Path) -> None:
        torch.save({"epoch": 1}, path)


def _weights(path: Path) -> None:
    save_darknet_weights(Darknet53(width=0.1), path)


def _card(path: Path) -> None:
    assert path.name == "model.json"
    save_checkpoint(path.parent, YOLOv3(2, width=0.1), ModelCard())


def _export(path: Path) -> None:
    with new_file(path) as partial:
        partial.write_bytes(b"onnx")


def _journal(path: Path) -> None:
    assert path.name == "results.csv"
    journal = Journal(path.parent)
    journal.rows.append({"epoch": 1})
    journal._write()


def _resumable(path: Path) -> None:
    assert path.name == RESUME_FILE
    save_resumable(_Trainer(), path.parent)  # type: ignore[arg-type]


def _plain(path: Path) -> None:
    with whole_file(path) as partial:
        partial.write_bytes(b"new")


WRITERS = pytest.mark.parametrize(
    ("write", "name"),
    [
        (_plain, "file"),
        (_weights, "yolo.weights"),
        (_card, "model.json"),
        (_export, "model.onnx"),
        (_journal, "results.csv"),
        (_resumable, RESUME_FILE),
    ],
)


@WRITERS
def test_a_link_stays_and_the_file_behind_it_is_replaced(
    write: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    real = tmp_path / "elsewhere" / f"real-{name}"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link = tmp_path / "run" / name
    link.parent.mkdir()
    link.symlink_to(Path("..") / "elsewhere" / f"real-{name}")
    write(link)
    assert link.is_symlink()
    assert not real.is_symlink()
    assert real.read_bytes() != b"old"
    assert [path.name for path in real.parent.iterdir()] == [real.name]


@WRITERS
def test_the_contents_reach_the_disk_before_the_name_and_the_name_before_the_return(
    write: Callable[[Path], None], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the first flush a power failure leaves an empty file under the name, without the second the old name."""
    done: list[str] = []
    replace = os.replace

    def renamed(old: Path, new: Path) -> None:
        done.append(f"rename {Path(old).name} {Path(new).name}")
        replace(old, new)

    monkeypatch.setattr("yolo3.system.files._flush", lambda path: done.append(f"flush {path.name}"))
    monkeypatch.setattr(os, "replace", renamed)
    write(tmp_path / name)
    flush_file, rename, flush_folder = done[-3:]
    assert rename.endswith(f" {name}")
    assert flush_file == f"flush {rename.split()[1]}"
    assert flush_folder == f"flush {tmp_path.name}"


def test_a_image_cache_is_flushed_before_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shapes(tmp_path / "shapes", num_train=1, num_test=1, image_size=(64, 64))
    flushed: list[str] = []
    monkeypatch.setattr("yolo3.system.files._flush", lambda path: flushed.append(path.name))
    ImageCache.of(open_dataset(tmp_path / "shapes"), InputFormat((64, 64)), folder=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    assert flushed == [f"{file.stem}.{os.getpid()}", "cache"]


@WRITERS
def test_an_error_leaves_the_old_file_and_nothing_else(
    write: Callable[[Path], None], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(b"old")

    def no_room(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="no space left"):
        write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_to_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    _plain(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_what_is_written_through_links_reads_back(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    for name in ("model.json", "results.csv"):
        (tmp_path / name).symlink_to(tmp_path / "real" / name)
    _card(tmp_path / "model.json")
    _journal(tmp_path / "results.csv")
    assert json.loads((tmp_path / "real" / "model.json").read_text())["weights"].endswith(".safetensors")
    with (tmp_path / "real" / "results.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{"epoch": "1"}]
