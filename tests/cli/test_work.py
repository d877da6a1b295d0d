"""Work on many files: the same results on all cores, with a bar."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from yolo3.cli import work
from yolo3.cli.work import OnAllCores
from yolo3.data import DataSource, dataset_splits, open_dataset, write_shapes
from yolo3.data.doctor import examine
from yolo3.data.formats import write_dataset
from yolo3.data.listing import _scan


def _pid_and_square(number: int) -> tuple[int, int]:
    return os.getpid(), number * number


def test_many_items_are_shared_by_processes_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(work, "_MANY", 100)
    monkeypatch.setattr(work, "_AT_ONCE", 10)
    monkeypatch.setattr(work, "_cores", lambda: 2)
    found = list(OnAllCores().each(_pid_and_square, range(200), "squaring"))
    assert [square for _, square in found] == [number * number for number in range(200)]
    assert os.getpid() not in {pid for pid, _ in found}
    assert "squaring" in capsys.readouterr().err
    few = list(OnAllCores().each(_pid_and_square, range(99), "squaring"))
    assert {pid for pid, _ in few} == {os.getpid()}
    monkeypatch.setattr(work, "_cores", lambda: 1)
    assert {pid for pid, _ in OnAllCores().each(_pid_and_square, range(200), "squaring")} == {os.getpid()}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes") / "set"
    write_shapes(folder, num_train=20, num_test=4, image_size=(64, 64))
    (folder / "Annotations" / "train_0003.xml").exists()
    return folder


@pytest.mark.parametrize("format", ["voc", "yolo", "labelme", "csv", "coco"])
@pytest.mark.parametrize("has_own_folders", [True, False])
def test_a_data_set_is_the_same(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, has_own_folders: bool
) -> None:
    """Faults too, and in the same order."""
    folder = tmp_path / "set"
    splits = {split: open_dataset(shapes, split) for split in dataset_splits(shapes)}
    write_dataset(splits, folder, format)
    if not has_own_folders:
        (folder / "Annotations").rename(folder / "my xml") if format == "voc" else None
        (folder / "data.yaml").unlink() if format == "yolo" else None
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
    listed: list[str] = []

    def counted(folder: str) -> Iterable["os.DirEntry[str]"]:
        listed.append(folder)
        return _scan(folder)

    monkeypatch.setattr("yolo3.data.listing._scan", counted)
    source = DataSource.of(tmp_path)
    assert dataset_splits(source) == ()
    assert len(open_dataset(source)) == 6
    assert [listed.count(f"{tmp_path}/{folder}/sub") for folder in ("images", "labels")] == [1, 1]
