"""Images in the rows of Parquet files, read as if they were files."""

import multiprocessing
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from yolo3.images import ImageError, changed_at, file_facts, image_content, is_there, read_pixels
from yolo3.images.rows import in_table, row_of, row_place
from yolo3.images.tables import row_names


def _png(grey: int, width: int = 4) -> bytes:
    content = BytesIO()
    Image.new("RGB", (width, 3), (grey, grey, grey)).save(content, format="PNG")
    return content.getvalue()


def _table(path: Path, images: list[object], group: int = 2) -> Path:
    parquet.write_table(
        pyarrow.table({"number": list(range(len(images))), "image": images}), path, row_group_size=group
    )
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Five images in three row groups; the names of two are the same, one has none."""
    names = ["a.png", "x/b.png", "same.png", None, "same.png"]
    images = [{"bytes": _png(10 * number, 4 + number), "path": name} for number, name in enumerate(names)]
    return _table(tmp_path / "train.parquet", images)


_NAMES = ["a.png", "x/b.png", "row 00000002/same.png", "row 00000003", "row 00000004/same.png"]


def test_an_address_is_read_like_a_file(table: Path) -> None:
    for number, name in enumerate(_NAMES):
        address = table / name
        pixels, size = read_pixels(address)
        assert (int(pixels[0, 0, 0]), size) == (10 * number, (3, 4 + number))
        assert file_facts(str(address)).size == (3, 4 + number)
        assert image_content(address) == _png(10 * number, 4 + number)
        assert row_of(address) == number
        assert is_there(address)
        assert changed_at(address) == changed_at(table)
        assert row_place(address) == f"{table}: row {number}"


def test_names_stay_below_the_table_and_are_all_different() -> None:
    paths = ["../../a.png", "/etc/b.png", "c\\d.png", "//", None, "e.png", "e.png", "./f.png"]
    names = ["a.png", "etc/b.png", "c/d.png", "row 00000004", "row 00000005"]
    assert row_names(paths)[:4] == [*names[:3], "row 00000003"]
    assert row_names(paths)[4:] == ["row 00000004", "row 00000005/e.png", "row 00000006/e.png", "f.png"]


def test_what_is_not_there(table: Path, tmp_path: Path) -> None:
    for address, text in (
        (table / "z.png", r"no image 'z.png' in .*train\.parquet"),
        (tmp_path / "none.parquet/a.png", "no such image"),
        (tmp_path / "a.png", "no such image"),
    ):
        assert not is_there(address)
        assert row_of(address) is None
        with pytest.raises(ImageError, match=text):
            read_pixels(address)
    (tmp_path / "a.txt").write_text("")
    assert in_table(tmp_path / "a.txt/b.png") is None
    assert changed_at(tmp_path / "a.txt/b.png") is None
    with pytest.raises(NotADirectoryError):
        image_content(tmp_path / "a.txt/b.png")


def test_a_row_without_image_and_a_damaged_table(tmp_path: Path) -> None:
    empty = _table(tmp_path / "empty.parquet", [{"bytes": None, "path": "a.png"}, {"bytes": _png(1), "path": "b.png"}])
    with pytest.raises(ImageError, match="no image in the row"):
        read_pixels(empty / "a.png")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nonsense PAR1")
    assert is_there(tmp_path / "bad.parquet/a.png")  # reading tells what is wrong
    with pytest.raises(ImageError, match="not a Parquet file of images that can be read"):
        read_pixels(tmp_path / "bad.parquet/a.png")
    column = parquet.read_metadata(empty).row_group(0).column(1)
    assert column.path_in_schema == "image.bytes"
    content = bytearray(empty.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    (tmp_path / "hurt.parquet").write_bytes(content)
    with pytest.raises(ImageError, match="row group 0 is damaged"):
        read_pixels(tmp_path / "hurt.parquet/b.png")


def test_a_row_group_is_read_once_and_only_when_it_is_needed(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = parquet.ParquetFile.read_row_group

    def counted(self: parquet.ParquetFile, group: int, *args: object, **kwargs: object) -> pyarrow.Table:
        read.append(group)
        return original(self, group, *args, **kwargs)

    monkeypatch.setattr(parquet.ParquetFile, "read_row_group", counted)
    for name in (_NAMES[4], _NAMES[0], _NAMES[1], _NAMES[0]):
        read_pixels(table / name)
    assert read == [2, 0]


def test_a_table_that_was_written_again_is_read_again(table: Path) -> None:
    assert read_pixels(table / "a.png")[0][0, 0, 0] == 0
    _table(table, [{"bytes": _png(200), "path": "a.png"}])
    os.utime(table, ns=(0, 0))
    assert read_pixels(table / "a.png")[0][0, 0, 0] == 200


def test_little_memory_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yolo3.images import rows

    noise = np.random.default_rng(0).integers(0, 255, (6, 40, 40, 3), dtype=np.uint8)
    images = []
    for pixels in noise:
        content = BytesIO()
        Image.fromarray(pixels).save(content, format="PNG")
        images.append({"bytes": content.getvalue(), "path": f"{len(images)}.png"})
    table = _table(tmp_path / "noise.parquet", images, group=1)
    held = rows._Held(12_000)  # two of them
    monkeypatch.setattr(rows, "_HELD", held)
    for number in range(6):
        assert read_pixels(table / f"{number}.png")[0].tolist() == noise[number].tolist()
        assert sum(group.nbytes for group in held._groups.values()) <= 12_000
    assert len(held._groups) == 2


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_the_same_table(table: Path, method: str) -> None:
    addresses = [str(table / name) for name in _NAMES]
    contents = list(map(image_content, addresses))  # opened before the fork
    assert contents == [_png(10 * number, 4 + number) for number in range(5)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(image_content, addresses * 4) == contents * 4
