"""What a network is built from, as plain values, and the same network built from them."""

from collections.abc import Mapping
from typing import Any

from yolo3.boxes import Anchors
from yolo3.darknet import Darknet
from yolo3.models import YOLOv1, YOLOv3
from yolo3.protocols import Detector


def describe(detector: Detector) -> dict[str, Any]:
    """What `build` needs to make the network again. Every network it can make has its case in both."""
    if type(detector) is YOLOv3 and detector.is_stock:
        return {
            "network": "YOLOv3",
            "num_classes": detector.num_classes,
            "in_channels": detector.in_channels,
            "width": detector.width,
            "conv_set_depth": detector.conv_set_depth,
        }
    if type(detector) is YOLOv1 and detector.is_stock:
        return {
            "network": "YOLOv1",
            "num_classes": detector.num_classes,
            "in_channels": detector.in_channels,
            "num_boxes": detector.num_boxes,
            "grid": detector.grid,
            "hidden": detector.hidden,
            "width": detector.width,
        }
    if type(detector) is Darknet:
        return {"network": "Darknet", "cfg": detector.cfg_text, "bn_eps": detector.bn_eps}
    return {"network": "custom", "class": type(detector).__qualname__, "num_classes": detector.num_classes}


def build(architecture: Mapping[str, Any], anchors: Anchors | None) -> Detector:
    """The network that was described, with weights yet to be filled.

    Args:
        architecture: of `describe`.
        anchors: of an anchor detector.

    Raises:
        ValueError: a network with parts of its own, an unknown one, numbers that do not fit.
    """
    numbers = dict(architecture)
    network = numbers.pop("network", None)
    if network == "custom":
        raise ValueError(
            f"it is a {numbers.get('class')} with parts of its own, which cannot be built from numbers alone; build it "
            "and hand it in as `detector`"
        )
    try:
        if network == "YOLOv3" and anchors is not None:
            return YOLOv3(**numbers, anchors=anchors)
        if network == "YOLOv1":
            return YOLOv1(**numbers)
        if network == "Darknet":
            return Darknet(**numbers)
    except TypeError as error:
        raise ValueError(f"the card is damaged: {network} cannot be built of {numbers}") from error
    raise ValueError(f"the card describes a network {network!r} that this yolo3 cannot build")
