"""What a network is built from, as plain values, and the same network built from them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from yolo3.boxes import Anchors
from yolo3.checkpoint.comparison import first_difference
from yolo3.checks.names import printable
from yolo3.darknet import Darknet
from yolo3.darknet.joining_layers import Shortcut
from yolo3.darknet.layers import MixedConv
from yolo3.models import YOLOv1, YOLOv3
from yolo3.models.layer_table import YOLOV1_LAYERS, as_tuples
from yolo3.protocols import Detector, anchors_of

_NUMBERS: dict[type[Any], dict[str, type[Any]]] = {
    YOLOv3: {"num_classes": int, "in_channels": int, "width": float, "conv_set_depth": int},
    YOLOv1: {"num_classes": int, "in_channels": int, "num_boxes": int, "grid": int, "hidden": int, "width": float}
    | {"layers": list, "dropout": float},
    Darknet: {"cfg": str, "bn_eps": float, "shortcut_weights": str, "mixed": str},
}
"""Every network that can be built again, with its arguments and their types."""

_NOT_COMPARED = frozenset({"plan", "source", "shortcut_weights", "mixed"})
"""Settings of a `Darknet` that say where its layers come from; the layers themselves are compared."""


def describe(detector: Detector) -> dict[str, Any]:
    """What `build` needs to make the network again.

    A network that differs from the one that would be built again, in any part, is described as ``custom``, with the
    first part that differs.
    """
    network = uncompiled(detector) if isinstance(detector, nn.Module) else detector
    because: str | None = None
    if type(network) in _NUMBERS:
        numbers = _numbers_of(network)
        because = _first_own_part(network, numbers, anchors_of(network))
        if because is None:
            return numbers
    name = type(network).__qualname__
    return {"network": "custom", "class": name, "num_classes": int(detector.num_classes), "because": because or ""}


def build(architecture: Mapping[str, Any], anchors: Anchors | None) -> Detector:
    """The network that was described, with weights yet to be filled.

    Args:
        architecture: Description that `describe` returned.
        anchors: The anchors of an anchor detector.

    Raises:
        ValueError: A network with parts of its own, an unknown one, numbers that do not fit.
    """
    numbers = dict(architecture)
    name = numbers.pop("network", None)
    if name == "custom":
        because = f" ({printable(str(numbers['because']))})" if numbers.get("because") else ""
        raise ValueError(
            f"it is a {printable(str(numbers.get('class')))} with parts of its own{because}, which cannot be built "
            "from numbers alone, and not on the command line; build it in Python and hand it in as `detector` to "
            "load_checkpoint or Predictor.from_checkpoint"
        )
    kind = next((kind for kind in _NUMBERS if kind.__name__ == name), None)
    if kind is None or (kind is YOLOv3 and anchors is None):
        raise ValueError(f"the card describes a network {printable(repr(name))} that this yolo3 cannot build")
    for number, value in numbers.items():
        _check_number(number, value, _NUMBERS[kind].get(number, int))
    given = printable(str(numbers))
    if kind is YOLOv3:
        numbers["anchors"] = anchors
    if kind is Darknet:  # checkpoints that lack it are of a time when all shortcuts were read as sigmoid
        numbers = {"shortcut_weights": "sigmoid"} | numbers
    try:
        return kind(**numbers)
    except (TypeError, RuntimeError, OverflowError) as error:  # the last two: sizes beyond what torch can count
        raise ValueError(f"the card is damaged: {name} cannot be built of {given}") from error


def uncompiled(network: nn.Module) -> nn.Module:
    """The network that `torch.compile` was given, or the network itself: they share their weights."""
    original = getattr(network, "_orig_mod", network)  # torch has no public name for it
    return original if isinstance(original, nn.Module) else network


def _check_number(name: str, value: object, kind: type[Any]) -> None:
    """Raise the ValueError of an argument that a card cannot have."""
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise ValueError(f"the card is damaged: {name} of a network cannot be {printable(repr(value))}")
    if name == "cfg" and "\n" not in str(value):  # it would be read as the path of some file of this machine
        raise ValueError(f"the card is damaged: {printable(repr(value))} is not the text of a cfg")


def _numbers_of(network: Any) -> dict[str, Any]:
    """The arguments that would build a network of this class."""
    kind = type(network)
    if isinstance(network, Darknet):
        numbers = {"network": kind.__name__, "cfg": network.cfg_text, "bn_eps": network.bn_eps}
        if any(isinstance(layer, Shortcut) and layer.weights is not None for layer in network.layers):
            numbers["shortcut_weights"] = network.shortcut_weights
        if any(isinstance(module, MixedConv) for module in network.modules()):
            numbers["mixed"] = network.mixed
        return numbers
    plain = {name: convert(getattr(network, name)) for name, convert in _NUMBERS[kind].items()}  # NumPy's numbers too
    if isinstance(network, YOLOv1):  # left out where they are the published ones, as in checkpoints that lack them
        if network.layers == as_tuples(YOLOV1_LAYERS):
            del plain["layers"]
        if network.dropout == 0:
            del plain["dropout"]
    return {"network": kind.__name__} | plain


def _first_own_part(network: Any, numbers: Mapping[str, Any], anchors: Anchors | None) -> str | None:
    """Where a network differs from the one that its numbers would build, which here takes no memory."""
    try:
        with torch.device("meta"):
            again = build(numbers, anchors)
    except ValueError as error:  # numbers changed after the network was built
        return str(error)
    assert isinstance(again, nn.Module)
    return first_difference(network, again, without=_NOT_COMPARED)
