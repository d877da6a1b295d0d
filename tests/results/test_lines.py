"""Lines are whole, on a full disk too, for which a limit of the size of files stands here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from yolo3.results import csv_file, json_file, json_lines
from yolo3.results.lines import Lines
from yolo3.results.text import json_array
from yolo3.sources import Frame
from yolo3.structures import Detections

resource = pytest.importorskip("resource")


@contextmanager
def _limited(size: int) -> Iterator[None]:
    """Files may have so many bytes. Python ignores the signal, and gets the error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_line_that_does_not_fit_is_absent(tmp_path):
    with Lines(tmp_path / "a.txt") as file:
        file.write("one\n")
        with pytest.raises(OSError, match="File too large"), _limited(6):
            file.write("two\n")
        assert (tmp_path / "a.txt").read_text() == "one\n"
        file.write("three \udcff\n")
    assert (tmp_path / "a.txt").read_text() == "one\nthree \\udcff\n"


def test_an_array_stays_valid(tmp_path):
    def write() -> None:
        with json_array(tmp_path / "a.json") as append:
            append("0")
            append("1")
            with _limited(12):  # there are 10 bytes
                append("2" * 10)

    with pytest.raises(OSError, match="File too large"):
        write()
    assert json.loads((tmp_path / "a.json").read_text()) == ["0", "1"]


@pytest.mark.parametrize("writer", [json_file, json_lines, csv_file])
def test_every_line_is_there_at_once(tmp_path, writer):
    found = Detections(torch.zeros(1, 4), torch.ones(1), torch.zeros(1, dtype=torch.int64))
    with writer(tmp_path / "a") as add:
        add(Frame.of_file("x.jpg"), found)
        assert "x.jpg" in (tmp_path / "a").read_text()
