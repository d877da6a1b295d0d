"""The cfg of a network with other anchors."""

from yolo3.boxes import Anchors
from yolo3.darknet.cfg import Section, parse_cfg
from yolo3.darknet.network import Darknet, coarse_to_fine


def refitted_cfg(network: Darknet, anchors: Anchors) -> str:
    """The text of a network's cfg with other anchors in its ``[yolo]``, ``[Gaussian_yolo]`` or ``[region]`` sections.

    Args:
        network: A network with anchors.
        anchors: As many per scale as the network has, coarse to fine.
    """
    sections = parse_cfg(network.cfg_text, network.source)
    heads = [sections[1 + number] for number, _ in coarse_to_fine(network.plan)]
    sizes = {
        head.line: [_as_written(head, size, stride) for size in scale]
        for head, (scale, stride) in zip(heads, anchors, strict=True)
    }
    lines = network.cfg_text.split("\n")
    for own in heads:
        pairs = _pairs(own)
        # heads that share a list keep sharing one; where two of them take the same place of it, each has its own
        for head in [*(other for other in heads if _pairs(other) == _pairs(own)), own]:
            for place, size in zip(_mask(head), sizes[head.line], strict=True):
                pairs[place] = size
        lines[own.lines["anchors"] - 1] = "anchors=" + ", ".join(f"{width:g},{height:g}" for width, height in pairs)
    return "\n".join(lines)


def _as_written(section: Section, size: tuple[float, float], stride: int) -> tuple[float, float]:
    """An anchor in the unit of its section: cells in a ``[region]``, elsewhere pixels."""
    unit = stride if section.kind == "region" else 1
    return size[0] / unit, size[1] / unit


def _pairs(section: Section) -> list[tuple[float, float]]:
    edges = section.numbers("anchors")
    return list(zip(edges[::2], edges[1::2], strict=True))


def _mask(section: Section) -> tuple[int, ...]:
    return section.integers("mask", tuple(range(section.integer("num", 1))))
