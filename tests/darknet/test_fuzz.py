"""Whatever the text or the bytes: an error of ours or a working network."""

import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolo3.darknet import Darknet, DarknetError, load_darknet_weights
from yolo3.darknet.cfg import parse_cfg
from yolo3.darknet.layer_plan import CfgOptions
from yolo3.darknet.planner import plan_detector

VALUES = [
    "0",
    "1",
    "2",
    "3",
    "-1",
    "-4",
    "7",
    "64",
    "1000",
    "999999999",
    "1e9",
    "nan",
    "",
    "x",
    "1,2",
    "-1,-2,-3",
    "0.5",
    ",",
]
LINES = [
    "[yolo]",
    "[route]",
    "[conv]",
    "[net]",
    "layers=-1",
    "from=-2",
    "size=2",
    "groups=2",
    "pad=1",
    "[",
    "=",
    "[dropout]",
]


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """A cfg with a few lines changed, lost, doubled, moved, or new."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "delete", "double", "move", "insert", "noise", "cut"])):
            case "value":
                lines[at] = lines[at].partition("=")[0] + "=" + draw(st.sampled_from(VALUES))
            case "delete":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "insert":
                lines.insert(at, draw(st.sampled_from(LINES)))
            case "noise":
                lines[at] += draw(st.text(max_size=5))
            case "cut":
                lines = lines[: max(at, 1)]
        if not lines:
            break
    return "\n".join([*lines, ""])


def check_text(text: str) -> None:
    try:
        plan = plan_detector(parse_cfg(text), CfgOptions())
    except DarknetError:
        return
    if sum(layer.floats + layer.output.floats + layer.operations / 100 for layer in plan) > 3e6:
        return  # fits a computer, but not a test
    network = Darknet(text).eval()
    with torch.no_grad():
        predictions = network(torch.rand(1, network.in_channels, *network.image_size))
        candidates = network.decode(predictions)
    assert candidates.boxes.shape[:2] == candidates.scores.shape[:2]
    assert candidates.scores.shape[2] == network.num_classes


many = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(st.data())
def test_mutated_cfg(small_cfg: str, data: st.DataObject) -> None:
    check_text(data.draw(mutated(small_cfg)))


@many
@given(st.data())
def test_mutated_cfg_of_yolov1(grid_cfg: str, data: st.DataObject) -> None:
    check_text(data.draw(mutated(grid_cfg)))


@settings(max_examples=200)
@given(st.text())
def test_any_text(text: str) -> None:
    with pytest.raises(DarknetError):
        Darknet(text)


@many
@given(length=st.integers(0, 7600), header=st.binary(max_size=20))
def test_truncated_and_damaged_weights(small_cfg: str, tmp_path: Path, length: int, header: bytes) -> None:
    whole = struct.pack("<3iQ", 0, 2, 5, 64) + bytes(range(256)) * 30
    path = tmp_path / "w"
    path.write_bytes((header + whole[len(header) :])[:length])
    try:
        loaded = load_darknet_weights(Darknet(small_cfg), path)
    except DarknetError:
        return
    assert loaded.header.size + 4 * loaded.floats == length
    assert loaded.partial is (loaded.layers < 7)
