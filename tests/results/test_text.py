import csv
import json
import os

import pytest
import torch

from yolo3.results import csv_file, json_file, json_lines, to_dict, write_csv, write_json, write_json_lines
from yolo3.sources import Frame
from yolo3.structures import Detections

_FOUND = Detections(
    torch.tensor([[1.0, 2.0, 30.256, 40.0], [0, 0, 5, 5]]),
    torch.tensor([0.75, 0.5]),
    torch.tensor([1, 0]),
    ("cat", "Hündin"),
)
_NOTHING = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
_RESULTS = [("a.jpg", _FOUND), ("b, c.jpg", _NOTHING), ("d.jpg", _FOUND[:1])]


def test_detections_in_plain_types():
    assert to_dict("a.jpg", _FOUND) == {
        "image": "a.jpg",
        "detections": [
            {"name": "Hündin", "label": 1, "score": 0.75, "box": [1.0, 2.0, 30.26, 40.0]},
            {"name": "cat", "label": 0, "score": 0.5, "box": [0.0, 0.0, 5.0, 5.0]},
        ],
    }
    assert to_dict("b.jpg", _NOTHING) == {"image": "b.jpg", "detections": []}


def test_json_holds_every_image(tmp_path):
    write_json(tmp_path / "found.json", _RESULTS)
    text = (tmp_path / "found.json").read_text(encoding="utf-8")
    assert json.loads(text) == [to_dict(*result) for result in _RESULTS]
    assert "Hündin" in text
    write_json(tmp_path / "found.json", [])
    assert json.loads((tmp_path / "found.json").read_text()) == []


def test_a_name_that_is_no_utf_8_is_written_too(tmp_path):
    name = os.fsdecode(b"d\xf6rfer.jpg")  # as the file system of an old program has it
    results = [(name, _FOUND)]
    write_json(tmp_path / "found.json", results)
    write_json_lines(tmp_path / "found.jsonl", results)
    write_csv(tmp_path / "found.csv", results)
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))[0]["image"] == name
    assert json.loads((tmp_path / "found.jsonl").read_text(encoding="utf-8"))["image"] == name
    assert r"d\udcf6rfer.jpg,Hündin" in (tmp_path / "found.csv").read_text(encoding="utf-8")


def test_json_lines_are_written_as_they_come(tmp_path):
    path = tmp_path / "found.jsonl"
    write_json_lines(path, iter(_RESULTS))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [to_dict(*result) for result in _RESULTS]


def test_csv_has_a_row_an_object(tmp_path):
    write_csv(tmp_path / "found.csv", [*_RESULTS, ("e, f.jpg", _FOUND[1:])])
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a.jpg", "a.jpg", "d.jpg", "e, f.jpg"]
    assert list(rows[0].values()) == ["a.jpg", "Hündin", "1", "0.75", "1.0", "2.0", "30.26", "40.0", ""]


def _frame(number):
    return Frame(f"a.mp4 frame {number:06d}", f"a/{number:06d}", lambda: None, number=number, time=number / 30)


def test_frames_of_videos_have_a_time(tmp_path):
    with json_lines(tmp_path / "found.jsonl") as add_line, csv_file(tmp_path / "found.csv") as add_row:
        add_line(_frame(10), _FOUND[:1])
        add_row(_frame(10), _FOUND[:1])
    (line,) = (tmp_path / "found.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {"image": "a.mp4 frame 000010", "time": 0.333, **_FOUND[:1].to_dict()}
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["image"], row["time"]) == ("a.mp4 frame 000010", "0.333")


@pytest.mark.parametrize("writer", [json_lines, csv_file])
def test_every_line_is_on_disk_when_it_is_written(tmp_path, writer):
    with writer(tmp_path / "found") as add:
        before = len((tmp_path / "found").read_bytes())
        for number in range(1, 4):
            add(_frame(number), _FOUND[:1])
            text = (tmp_path / "found").read_text(encoding="utf-8")
            assert len(text) > before
            assert text.endswith("\n")
            before = len(text.encode())


def test_json_is_whole_after_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="halfway"), json_file(tmp_path / "found.json") as add:  # noqa: PT012
        add(_frame(1), _FOUND)
        raise RuntimeError("halfway")
    (result,) = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert len(result["detections"]) == 2
