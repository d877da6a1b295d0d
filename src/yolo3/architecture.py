"""What a network is built from, as plain values, and the same network built from them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from yolo3.boxes import Anchors
from yolo3.darknet import Darknet
from yolo3.darknet.layers import Shortcut
from yolo3.models import YOLOv1, YOLOv3
from yolo3.models.comparing import first_difference
from yolo3.models.compiling import compiled_from
from yolo3.names import printable
from yolo3.protocols import Detector

_NOT_COMPARED = frozenset({"plan", "source", "shortcut_weights"})
"""Settings of a `Darknet` that say where its layers come from; the layers themselves are compared."""

_KINDS = {"cfg": (str,), "shortcut_weights": (str,), "width": (int, float), "bn_eps": (int, float)}
"""Types of the numbers that a network is built from; the others are whole."""


def describe(detector: Detector) -> dict[str, Any]:
    """What `build` needs to make the network again. Every network it can make has its case in both.

    A network that differs from the one that would be built again, in any part, is described as ``custom``, with the
    first part that differs.
    """
    network = compiled_from(detector) if isinstance(detector, nn.Module) else detector
    numbers = _numbers(network)
    because = "" if numbers is None else _first_own_part(network, numbers)
    if numbers is not None and because is None:
        return numbers
    name = type(network).__qualname__
    return {"network": "custom", "class": name, "num_classes": detector.num_classes, "because": because}


def build(architecture: Mapping[str, Any], anchors: Anchors | None) -> Detector:
    """The network that was described, with weights yet to be filled.

    Args:
        architecture: What `describe` returned.
        anchors: The anchors of an anchor detector.

    Raises:
        ValueError: A network with parts of its own, an unknown one, numbers that do not fit.
    """
    numbers = dict(architecture)
    network = numbers.pop("network", None)
    if network == "custom":
        because = f" ({printable(str(numbers['because']))})" if numbers.get("because") else ""
        raise ValueError(
            f"it is a {printable(str(numbers.get('class')))} with parts of its own{because}, which cannot be built "
            "from numbers alone; build it and hand it in as `detector`"
        )
    for name, value in numbers.items():
        if type(value) not in _KINDS.get(name, (int,)):
            raise ValueError(f"the card is damaged: {name} of a network cannot be {printable(repr(value))}")
    try:
        if network == "YOLOv3" and anchors is not None:
            return YOLOv3(**numbers, anchors=anchors)
        if network == "YOLOv1":
            return YOLOv1(**numbers)
        if network == "Darknet":
            _check_text(numbers["cfg"])
            return Darknet(**{"shortcut_weights": "sigmoid", **numbers})
    except (
        KeyError,
        TypeError,
        RuntimeError,
        OverflowError,
    ) as error:  # the latter two: sizes beyond what torch can count
        raise ValueError(f"the card is damaged: {network} cannot be built of {printable(str(numbers))}") from error
    raise ValueError(f"the card describes a network {printable(repr(network))} that this yolo3 cannot build")


def _check_text(cfg: str) -> None:
    """Raise the ValueError of a cfg that would be taken for the path of some file of this machine."""
    if "\n" not in cfg:
        raise ValueError(f"the card is damaged: {printable(repr(cfg))} is not the text of a cfg")


def _numbers(detector: object) -> dict[str, Any] | None:
    """The arguments that would build a network of this class, or None for a class that is not known here."""
    if type(detector) is YOLOv3:
        return {
            "network": "YOLOv3",
            "num_classes": detector.num_classes,
            "in_channels": detector.in_channels,
            "width": detector.width,
            "conv_set_depth": detector.conv_set_depth,
        }
    if type(detector) is YOLOv1:
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
        numbers = {"network": "Darknet", "cfg": detector.cfg_text, "bn_eps": detector.bn_eps}
        # only where it matters: checkpoints that lack it are of a time when all shortcuts were read as sigmoid
        weighted = any(isinstance(layer, Shortcut) and layer.weights is not None for layer in detector.layers)
        return numbers | {"shortcut_weights": detector.shortcut_weights} if weighted else numbers
    return None


def _first_own_part(detector: object, numbers: Mapping[str, Any]) -> str | None:
    """Where a network differs from the one that its numbers would build, which here takes no memory."""
    try:
        with torch.device("meta"):
            again = build(numbers, getattr(detector, "anchors", None))
    except ValueError as error:  # numbers changed after the network was built
        return str(error)
    assert isinstance(detector, nn.Module)
    assert isinstance(again, nn.Module)
    return first_difference(detector, again, without=_NOT_COMPARED)
