from pathlib import Path

import pytest
import torch
from PIL import Image

from yolo3.boxes import COCO_ANCHORS, Anchors, InputFormat
from yolo3.cli import main
from yolo3.cli.anchors import advice, cfg_line
from yolo3.cli.refitting import network_sizes
from yolo3.data import open_dataset


@pytest.fixture
def data(shared: Path) -> str:
    return str(shared / "data" / "fruits_coco")


def test_prints_a_table_and_writes_a_chart(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chart = tmp_path / "new" / "chart.png"
    arguments = ["anchors", data, "--starts", "2", "--output", str(chart)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.startswith(("COCO's", "fitted"))}
    assert float(rows["fitted"][0]) > float(rows["COCO's"][0]) > 0.5
    assert "anchors = " in printed
    assert "Anchors(sizes=" in printed
    with Image.open(chart) as image:
        assert image.size == (840, 720)
    assert main(arguments) == 2
    assert "exists; name another with --output, or pass --overwrite" in capsys.readouterr().err


def test_says_when_the_new_ones_are_worse() -> None:
    sizes = torch.tensor([[10.0, 13.0], [116.0, 90.0]])
    assert advice(Anchors.fit(sizes, 1, 1, strides=(32,)), sizes).startswith("The fitted anchors are worse than COCO's")
    squares = torch.tensor([[20.0, 20.0], [90.0, 90.0]])
    assert "anchors = 20,20, 90,90" in advice(Anchors.fit(squares, 1, 2, strides=(32,)), squares)


def test_one_scale_of_one_anchor(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["anchors", data, "--starts", "1", "--per-scale", "1", "--strides", "[32]"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fitted ")]
    assert row.count(" x ") == 1


def test_no_object_to_fit_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "data.names").write_text("cat\n")
    (tmp_path / "train.txt").write_text("a.jpg\n")
    (tmp_path / "obj.data").write_text("classes = 1\ntrain = train.txt\nnames = data.names\n")
    assert main(["anchors", str(tmp_path / "obj.data")]) == 2
    assert "no object to fit anchors to" in capsys.readouterr().err


def test_sizes_are_those_of_the_network_input(data: str) -> None:
    samples = open_dataset(data)
    sizes = network_sizes(samples, InputFormat((208, 208)))
    first = samples[0]
    factor = 208 / max(first.size)
    expected = torch.from_numpy(first.boxes[:, 2:] - first.boxes[:, :2]) * factor
    torch.testing.assert_close(sizes[: len(expected)], expected, rtol=0.01, atol=0.01)
    torch.testing.assert_close(network_sizes(samples, InputFormat((416, 416))), sizes * 2, rtol=0.01, atol=0.01)


def test_cfg_line_goes_fine_to_coarse() -> None:
    assert cfg_line(COCO_ANCHORS).startswith("anchors = 10,13, 16,30, 33,23, 30,61")
    assert cfg_line(Anchors((((7.4, 8.6),),), (8,))) == "anchors = 7,9"
