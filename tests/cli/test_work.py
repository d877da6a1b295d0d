"""Work on many files: the same results on all cores, with a bar."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from yolo3.cli import work
from yolo3.cli.work import OnAllCores
from yolo3.data import dataset_splits, open_dataset, write_shapes
from yolo3.data.doctor import examine
from yolo3.data.formats import write_dataset
from yolo3.data.listing import _scan
from yolo3.data.source import DataSource

_SQUARES = [f"(__import__('os').getpid(), {number} * {number})" for number in range(200)]
"""Expressions for `eval`, which other processes have too, unlike functions of tests."""


def test_many_items_are_shared_by_processes_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[tuple[int, str]] = []

    def watched(items: Iterable[object], total: int, what: str) -> Iterable[object]:
        bars.append((total, what))
        return items

    monkeypatch.setattr(work, "progress", watched)
    monkeypatch.setattr(work, "_MANY", 100)
    monkeypatch.setattr(work, "_AT_ONCE", 10)
    monkeypatch.setattr(work, "_cores", lambda: 2)
    found = list(OnAllCores().each(eval, _SQUARES, "squaring"))
    assert [square for _, square in found] == [number * number for number in range(200)]
    assert os.getpid() not in {pid for pid, _ in found}
    assert bars == [(200, "squaring")]
    few = list(OnAllCores().each(eval, _SQUARES[:99], "squaring"))
    assert {pid for pid, _ in few} == {os.getpid()}
    assert len(bars) == 1
    monkeypatch.setattr(work, "_cores", lambda: 1)
    assert {pid for pid, _ in OnAllCores().each(eval, _SQUARES, "squaring")} == {os.getpid()}


@pytest.mark.parametrize(
    ("format", "has_own_folders"),
    [("voc", True), ("voc", False), ("yolo", True), ("yolo", False), ("labelme", True), ("csv", False), ("coco", True)],
)
def test_a_data_set_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, has_own_folders: bool
) -> None:
    """Faults too, and in the same order."""
    folder = tmp_path / "set"
    shapes = tmp_path / "shapes"
    write_shapes(shapes, num_train=20, num_test=4, image_size=(64, 64))
    splits = {split: open_dataset(shapes, split) for split in dataset_splits(shapes)}
    write_dataset(splits, folder, format)
    if not has_own_folders:
        own = {"voc": "Annotations", "yolo": "data.yaml", "csv": "images"}[format]
        (folder / own).rename(folder / "other.md")
    for number, path in enumerate(sorted(folder.rglob("*.xml"))[::5]):
        path.write_text("<annotation>" if number % 2 else path.read_text().replace("<xmin>", "<xmin>x"))
    alone = examine(folder, image_size=64)
    monkeypatch.setattr(work, "_MANY", 5)
    monkeypatch.setattr(work, "_AT_ONCE", 3)
    monkeypatch.setattr(work, "_cores", lambda: 2)
    together = examine(DataSource.of(folder).done_by(OnAllCores()), image_size=64)
    assert together.findings == alone.findings
    assert together.counts == alone.counts
    assert bool(alone.findings) == (format == "voc")


_Scan = Callable[[str], Iterable["os.DirEntry[str]"]]


def test_a_large_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images/sub").mkdir(parents=True)
    (tmp_path / "labels/sub").mkdir(parents=True)
    write_shapes(tmp_path / "shapes", num_train=4, num_test=2, image_size=(64, 64))
    for path in sorted((tmp_path / "shapes/JPEGImages").iterdir()):
        path.rename(tmp_path / "images/sub" / path.name)
        (tmp_path / "labels/sub" / f"{path.stem}.txt").write_text("0 .5 .5 .5 .5\n")
    shutil.rmtree(tmp_path / "shapes")
    listed: list[str] = []

    def counted(folder: str) -> Iterable["os.DirEntry[str]"]:
        listed.append(folder)
        return _scan(folder)

    monkeypatch.setattr("yolo3.data.listing._scan", counted)
    source = DataSource.of(tmp_path)
    assert dataset_splits(source) == ()
    assert len(open_dataset(source)) == 6
    assert [listed.count(f"{tmp_path}/{folder}/sub") for folder in ("images", "labels")] == [1, 1]
