import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo3.data import dataset_splits, open_dataset, write_dataset, write_shapes
from yolo3.data.doctor import examine
from yolo3.data.listing import Listing, _fits, files_below, files_like, matching_files
from yolo3.data.source import DataSource


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _below(folder: Path) -> list[str]:
    return sorted(os.path.relpath(path, folder) for path in files_below(folder))


def test_linked_folders_are_walked_too(tmp_path: Path) -> None:
    """Of 6 images 3 lie behind a link."""
    _touch(*(tmp_path / f"set/a/{number}.png" for number in range(3)))
    _touch(*(tmp_path / f"elsewhere/{number}.png" for number in range(3)))
    (tmp_path / "set/b").symlink_to(tmp_path / "elsewhere")
    assert len(files_like(tmp_path / "set", {".png"})) == 6
    assert _below(tmp_path / "set")[3:] == ["b/0.png", "b/1.png", "b/2.png"]


def test_circles_end(tmp_path: Path) -> None:
    _touch(tmp_path / "set/a/0.png", tmp_path / "set/b/1.png")
    for name in ("x", "y", "z"):  # each level would have three times as many paths
        for folder in ("set", "set/a", "set/b"):
            (tmp_path / folder / name).symlink_to(tmp_path / "set")
    (tmp_path / "set/up").symlink_to(tmp_path)
    (tmp_path / "set/everything").symlink_to("/")
    (tmp_path / "set/itself").symlink_to("itself")
    (tmp_path / "set/twin").symlink_to(tmp_path / "set/a")
    assert _below(tmp_path / "set") == ["a/0.png", "b/1.png"]  # by their own paths
    assert matching_files(f"{tmp_path}/set/**/*.png") == [f"{tmp_path}/set/a/0.png", f"{tmp_path}/set/b/1.png"]
    assert matching_files(f"{tmp_path}/set/" + "*/" * 30 + "*.png") == []


def test_what_is_no_file_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to("nowhere")
    _touch(tmp_path / "a.PNG")
    assert files_like(tmp_path, {".png"}) == [tmp_path / "a.PNG"]
    listing = Listing()
    kinds = [listing.kind(f"{tmp_path}/{name}") for name in ("pipe.png", "folder.png", "gone.png", "a.PNG", "b.png")]
    assert kinds == [None, "folder", None, "file", None]
    assert listing.kind(str(tmp_path) + "/") == listing.kind(f"{tmp_path}/..") == "folder"
    assert listing.kind(f"{tmp_path}/{'x' * 5000}/y") is None
    assert listing.kind(f"{tmp_path}/\0/y") is None


def test_a_folder_is_listed_once(tmp_path: Path) -> None:
    _touch(tmp_path / "a.png")
    listing = Listing()
    assert listing.is_file(tmp_path / "a.png")
    _touch(tmp_path / "b.png")
    assert not listing.is_file(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["a.png"]),
        ("**/*.png", ["a.png", "x/b.png", "x/y/c.png"]),
        ("x/**/*.png", ["x/b.png", "x/y/c.png"]),
        ("x/**", ["x/b.png", "x/y/c.png"]),
        ("**/y/**/c.*", ["x/y/c.png"]),
        ("*/*.png", ["x/b.png"]),
        ("[x]/?.png", ["x/b.png"]),
        ("**/.hidden/*.png", [".hidden/d.png"]),
        ("a.png", ["a.png"]),
        ("none/*.png", []),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, found: list[str]) -> None:
    _touch(*(tmp_path / name for name in ("a.png", "x/b.png", "x/y/c.png", ".hidden/d.png", "x/y.png/e")))
    (tmp_path / "x/y.png/e").unlink()
    assert matching_files(f"{tmp_path}/{pattern}") == [f"{tmp_path}/{name}" for name in found]


_PARTS = st.lists(st.sampled_from(["**", "*", "a", "b*", "?"]), min_size=1, max_size=5)


@given(st.lists(st.sampled_from(["a", "b", "bc"]), min_size=1, max_size=5), _PARTS)
def test_names_fit_a_pattern_as_a_slow_search_says(names: list[str], parts: list[str]) -> None:
    def slow(names: list[str], parts: list[str]) -> bool:
        if not parts:
            return not names
        if parts[0] == "**":
            return any(slow(names[skipped:], parts[1:]) for skipped in range(len(names) + 1))
        known = {"*": {"a", "b", "bc"}, "a": {"a"}, "b*": {"b", "bc"}, "?": {"a", "b"}}
        return bool(names) and names[0] in known[parts[0]] and slow(names[1:], parts[1:])

    assert _fits(names, parts) == slow(names, parts)


@pytest.mark.parametrize("format", ["voc", "coco", "yolo", "labelme", "csv", "parquet"])
def test_opening_and_checking_a_data_set_read_each_folder_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
    write_shapes(tmp_path / "shapes", 4, 2, (64, 64))
    data = tmp_path / "data"
    write_dataset({split: open_dataset(tmp_path / "shapes", split) for split in ("train", "test")}, data, format)
    read: list[str] = []
    scandir = os.scandir

    def counted(folder: str) -> object:
        read.append(os.path.realpath(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    monkeypatch.setattr(os, "listdir", lambda folder: pytest.fail(f"{folder} is listed in another way"))
    source = DataSource(data)
    for split in dataset_splits(source):
        open_dataset(source, split)
    assert len(read) == len(set(read)) > 0
    read.clear()

    assert not examine(data).has_errors

    assert len(read) == len(set(read)) > 0
