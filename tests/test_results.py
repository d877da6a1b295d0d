import csv
import json

import torch

from yolo3.results import to_dict, write_csv, write_json, write_json_lines
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


def test_json_holds_every_picture(tmp_path):
    write_json(tmp_path / "found.json", _RESULTS)
    text = (tmp_path / "found.json").read_text(encoding="utf-8")
    assert json.loads(text) == [to_dict(*result) for result in _RESULTS]
    assert "Hündin" in text
    write_json(tmp_path / "found.json", [])
    assert json.loads((tmp_path / "found.json").read_text()) == []


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
    assert list(rows[0].values()) == ["a.jpg", "Hündin", "1", "0.75", "1.0", "2.0", "30.26", "40.0"]
