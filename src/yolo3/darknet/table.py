"""The table of layers that Darknet prints of a network."""

from yolo3.darknet.network import Darknet
from yolo3.darknet.place import Layer
from yolo3.text_table import text_table

_HEADER = ("layer", "type", "filters", "size / stride, layers", "input", "output", "BFLOPs")


def layer_table(network: Darknet) -> str:
    """Every layer of a network in a line, at the picture size of its cfg.

    Sizes are width x height x channels; a BFLOP is 10⁹ operations on one picture, of which a multiplication and its
    addition are two.
    """
    rows = [_HEADER, *(_row(layer) for layer in network.plan)]
    lines = text_table(rows, left=(1, 3))
    floats, operations = sum(layer.floats for layer in network.plan), sum(layer.operations for layer in network.plan)
    return "\n".join([*lines, f"total {operations / 1e9:.3f} BFLOPs, {floats:,} floats in a weights file"])


def _row(layer: Layer) -> tuple[str, ...]:
    kind = layer.section.kind
    filters = str(layer.output.channels) if kind in ("convolutional", "local", "connected") else ""
    operations = f"{layer.operations / 1e9:.3f}" if layer.operations else ""
    return str(layer.number), kind, filters, layer.detail, str(layer.input), str(layer.output), operations
