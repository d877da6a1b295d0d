import torch

from yolo3.darknet import Darknet, DarknetClassifier, layer_table


def test_table_of_a_small_network(small_cfg: str) -> None:
    lines = layer_table(Darknet(small_cfg)).splitlines()
    assert lines[0].split() == [
        "layer",
        "type",
        "filters",
        "size",
        "/",
        "stride,",
        "layers",
        "input",
        "output",
        "BFLOPs",
    ]
    assert lines[1].split() == "0 convolutional 8 3 x 3 / 2 64 x 32 x 3 32 x 16 x 8 0.000".split()
    assert lines[4].split() == "3 convolutional 8 3,5 x 3,5 / 2 32 x 16 x 8 16 x 8 x 8 0.000".split()
    assert lines[9].split() == "8 route 7 1/2 16 x 8 x 8 16 x 8 x 4".split()
    assert lines[18].split() == "17 route 16, 7 16 x 8 x 8 16 x 8 x 16".split()
    assert len(lines) == 1 + 20 + 1
    weights = (
        (3 * 8 * 9 + 4 * 8)
        + (8 * 9 + 8)
        + (8 * 4 * (9 + 25) + 4 * 8)
        + 2
        + (8 * 8 + 8)
        + (8 * 14 + 14)
        + (16 * 14 + 14)
    )
    assert lines[-1].endswith(f" BFLOPs, {weights:,} floats in a weights file")


def test_a_classifier_has_one_too() -> None:
    with torch.device("meta"):
        lines = layer_table(DarknetClassifier("darknet19")).splitlines()
    assert lines[-1] == "total 7.295 BFLOPs, 20,856,776 floats in a weights file"
    assert len(lines) == 1 + 26 + 1


def test_operations_are_those_that_darknet_prints() -> None:
    """Darknet says "Total BFLOPS 65.879" of YOLOv3 at 416 and 5.571 of its tiny variant."""
    with torch.device("meta"):
        full, tiny = layer_table(Darknet("yolov3.cfg")), layer_table(Darknet("yolov3-tiny.cfg"))
    assert full.splitlines()[-1] == "total 65.879 BFLOPs, 62,001,757 floats in a weights file"
    assert tiny.splitlines()[-1] == "total 5.571 BFLOPs, 8,858,734 floats in a weights file"
    assert full.splitlines()[1].split()[-1] == "0.299"
