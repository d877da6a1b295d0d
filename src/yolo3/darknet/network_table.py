"""The table of layers that Darknet prints for a network."""

from yolo3.darknet.classifier import DarknetBackbone, DarknetClassifier
from yolo3.darknet.layer_plan import LayerPlan
from yolo3.darknet.network import Darknet
from yolo3.text_table import text_table

_HEADER = ("layer", "type", "filters", "size / stride, layers", "input", "output", "BFLOPs")
_TEXT_COLUMNS = (1, 3)  # aligned to the left; numbers are aligned to the right


def layer_table(network: Darknet | DarknetClassifier | DarknetBackbone) -> str:
    """One line for every layer of a network, at the image size of its cfg.

    Sizes are width x height x channels. A BFLOP is 10⁹ operations for one image; a multiplication and the addition that
    follows it count as two.
    """
    rows = [_HEADER, *(_row(layer) for layer in network.plan)]
    lines = text_table(rows, left=_TEXT_COLUMNS)
    floats = sum(layer.floats for layer in network.plan)
    operations = sum(layer.operations for layer in network.plan)
    return "\n".join([*lines, f"total {operations / 1e9:.3f} BFLOPs, {floats:,} floats in a weights file"])


def _row(layer: LayerPlan) -> tuple[str, ...]:
    kind = layer.section.kind
    filters = str(layer.output.channels) if kind in ("convolutional", "local", "connected") else ""
    operations = f"{layer.operations / 1e9:.3f}" if layer.operations else ""
    before = "" if layer.input is None else str(layer.input)
    return str(layer.number), kind, filters, layer.detail, before, str(layer.output), operations
