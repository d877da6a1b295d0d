"""Part files: whole or absent, resumed, shared."""

import json
from pathlib import Path

import pytest
import torch

from yolo3.bulk import COLUMNS, PartFolder, Row, RunRecord, Share, part_numbers, run_parts, wanted
from yolo3.bulk.formats import FORMATS, read_jsonl, read_parquet
from yolo3.sources import Frame, Unreadable
from yolo3.structures import Detections

_FOUND = Detections(torch.tensor([[1.5, 2, 3, 1 / 3]]), torch.tensor([0.7]), torch.tensor([1]), ("cat", "dog"))
_ROWS = [
    Row(
        "a.png",
        8,
        6,
        [[1.5, 2.0, 3.0, float(torch.tensor(1 / 3))]],
        [float(torch.tensor(0.7))],
        [1],
        ["dog"],
        None,
        "x",
    ),
    Row.failed("caf\udce9.png", "no such image", "x"),
]


def _frames(count: int) -> list[Frame]:
    frames = [Frame.unreadable(f"{number}.png", "") for number in range(count)]
    for frame in frames:
        frame._size = (6, 8)
    return frames


class _Looker:
    """Finds one object in every image; those of some names cannot be read."""

    def __init__(self, bad=()):
        self._bad = bad

    def outcomes(self, frames):
        for frame in frames:
            bad = frame.name in self._bad
            yield frame, Unreadable(frame.name, ValueError(f"{frame.name}: damaged")) if bad else _FOUND


@pytest.mark.parametrize("format", list(FORMATS))
def test_rows_come_back(tmp_path, format):
    FORMATS[format].check()
    path = tmp_path / f"part-000000.{format}"
    FORMATS[format].write(path, _ROWS)
    first, second = FORMATS[format].read(path)
    assert first == _ROWS[0]
    assert (second.error, second.boxes, second.width) == ("no such image", [], None)
    assert second.path.encode("utf-8", "backslashreplace") == b"caf\\udce9.png"


def test_the_columns_of_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    FORMATS["parquet"].write(tmp_path / "a.parquet", _ROWS)
    schema = parquet.read_schema(tmp_path / "a.parquet")
    assert tuple(schema.names) == COLUMNS
    assert str(schema.field("boxes").type) == "list<element: fixed_size_list<element: float>[4]>"


def test_a_row_of_a_frame():
    (frame,) = _frames(1)
    row = Row.of(frame, _FOUND, "x")
    assert (row.path, row.width, row.height, row.labels, row.names, row.error) == ("0.png", 8, 6, [1], ["dog"], None)
    assert Row.of(frame, Unreadable("0.png", ValueError("0.png: the file is empty")), "x").error == "the file is empty"
    assert Row.of(frame, Unreadable("0.png", KeyError("a")), "x").error == "KeyError: 'a'"


@pytest.mark.parametrize("reader", [read_jsonl, read_parquet])
def test_a_file_that_is_no_part(tmp_path, reader):
    path = tmp_path / "a"
    path.write_text('{"path": 1}\n')
    with pytest.raises(ValueError, match=r"a.*: not a "):
        list(reader(path))


@pytest.mark.parametrize(("count", "sizes"), [(7, [3, 3, 1]), (6, [3, 3]), (2, [2]), (0, [])])
def test_each_part_is_written_when_it_is_complete(count, sizes):
    written: list[tuple[int, list[str]]] = []

    def write(number, rows):
        written.append((number, [row.path for row in rows]))

    seen = []
    for row in run_parts(_Looker(), part_numbers(_frames(count), 3), 3, "x", "skip", write):
        seen.append(row.path)
        assert len(written) == len(seen) // 3
    assert [len(paths) for _, paths in written] == sizes
    assert [number for number, _ in written] == list(range(len(sizes)))
    assert [path for _, paths in written for path in paths] == seen == [f"{number}.png" for number in range(count)]


def test_stop_leaves_the_parts_before():
    written = []
    parts = run_parts(
        _Looker(["4.png"]), part_numbers(_frames(9), 3), 3, "x", "stop", lambda number, rows: written.append(number)
    )
    with pytest.raises(ValueError, match=r"4\.png: damaged"):
        list(parts)
    assert written == [0]


def test_only_what_is_missing_is_done(tmp_path):
    folder = PartFolder(tmp_path, ("jsonl",))
    for number in (0, 2):
        rows = [Row.failed(f"{3 * number + place}.png", "", "x") for place in range(3)]
        folder.write(number, rows)
    todo = [(number, frame.name) for number, frame in wanted(_frames(10), 3, Share(), folder)]
    assert todo == [(1, "3.png"), (1, "4.png"), (1, "5.png"), (3, "9.png")]


def test_a_source_that_has_changed_is_refused(tmp_path):
    """Part 2 had three images; now there are two."""
    folder = PartFolder(tmp_path, ("jsonl",))
    folder.write(2, [Row.failed(f"{number}.png", "", "x") for number in (6, 7, 8)])
    with pytest.raises(ValueError, match=r"part-000002\.jsonl is of other images than the source has there now"):
        list(wanted(_frames(8), 3, Share(), folder))


def test_a_source_that_has_lost_its_last_images_is_refused(tmp_path):
    """Part 2 is there; the source has images for parts 0 and 1."""
    folder = PartFolder(tmp_path, ("jsonl",))
    folder.write(2, [Row.failed("6.png", "", "x")])
    for share in (Share(1, 2), Share(3, 3)):
        with pytest.raises(ValueError, match="the source has changed"):
            list(wanted(_frames(6), 3, share, folder))
    assert len(list(wanted(_frames(6), 3, Share(2, 2), folder))) == 3  # of another shard


def test_a_part_is_finished_in_all_its_formats(tmp_path):
    pytest.importorskip("pyarrow")
    folder = PartFolder(tmp_path, ("jsonl", "parquet"))
    folder.write(0, _ROWS)
    folder.write(1, _ROWS)
    folder.file(1, "parquet").unlink()
    (tmp_path / ".part-000002.jsonl.unfinished-abcd").touch()
    (tmp_path / "part-x.jsonl").touch()
    assert folder.finished() == {0}


def test_a_part_that_cannot_be_written_is_absent(tmp_path, monkeypatch):
    folder = PartFolder(tmp_path, ("jsonl",))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"part-000000\.jsonl cannot be written \(No space left on device\)"):
        folder.write(0, _ROWS)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_from_its_own_share(tmp_path):
    for number in range(3):
        (tmp_path / f".part-00000{number}.jsonl.unfinished-abcd").touch()
    PartFolder(tmp_path).remove_unfinished(Share(2, 3))
    assert sorted(path.name[:12] for path in tmp_path.iterdir()) == [".part-000000", ".part-000002"]


def test_the_shares_hold_each_part_once():
    for count in (1, 3, 16):
        shares = [Share(number, count) for number in range(1, count + 1)]
        assert all(sum(part in share for share in shares) == 1 for part in range(50))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("17/16", "shard 17/16 does not exist; shards are counted from 1/16"),
        ("0/16", "shard 0/16 does not exist"),
        ("1/0", "shard 1/0 does not exist"),
        ("3", "shard '3' is not written as 3/16"),
        ("-1/3", "is not written as"),
    ],
)
def test_shares_that_do_not_exist(text, message):
    with pytest.raises(ValueError, match=message):
        Share.parse(text)


def test_a_record_tells_what_is_different(tmp_path):
    record = RunRecord("ab" * 32, {"min_score": 0.25, "image_size": (64, 64)})
    record.write(tmp_path)
    before = RunRecord.read(tmp_path)
    assert before is not None
    before.check_same(record, tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["options"]["image_size"] == [64, 64]
    with pytest.raises(ValueError, match=r"begun with --min-score 0\.25, not 0\.5"):
        before.check_same(RunRecord("ab" * 32, {"min_score": 0.5, "image_size": (64, 64)}), tmp_path)
    with pytest.raises(ValueError, match="begun with another model"):
        before.check_same(RunRecord("cd" * 32, dict(record.options)), tmp_path)
    assert RunRecord.read(Path("nowhere")) is None
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        RunRecord.read(tmp_path)
