"""The cfg of a network with other anchors."""

from yolo3.boxes import Anchors
from yolo3.darknet.cfg import Section, parse_cfg
from yolo3.darknet.cfg_editing import with_values
from yolo3.darknet.network import Darknet, coarse_to_fine


def refitted_cfg(network: Darknet, anchors: Anchors) -> str:
    """The text of a network's cfg with other anchors in its ``[yolo]``, ``[Gaussian_yolo]`` or ``[region]`` sections.

    Args:
        network: A network with anchors.
        anchors: Anchors, as many per scale as the network has, coarse to fine, with their ``xy_scales``.
    """
    sections = parse_cfg(network.cfg_text, network.source)
    numbers = [1 + number for number, _ in coarse_to_fine(network.plan)]
    heads = [sections[number] for number in numbers]
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
        written = (
            ",".join(repr(float(edge)).removesuffix(".0") for edge in pair) for pair in pairs
        )  # to the last digit
        lines[own.lines["anchors"] - 1] = "anchors=" + ", ".join(written)
    changes = {
        (number, "scale_x_y"): repr(xy_scale)
        for number, head, xy_scale in zip(numbers, heads, anchors.xy_scales, strict=True)
        if head.number("scale_x_y", 1) != xy_scale
    }
    return with_values("\n".join(lines), changes)


def _as_written(section: Section, size: tuple[float, float], stride: int) -> tuple[float, float]:
    """An anchor in the unit of its section: cells in a ``[region]``, elsewhere pixels."""
    unit = stride if section.kind == "region" else 1
    return size[0] / unit, size[1] / unit


def _pairs(section: Section) -> list[tuple[float, float]]:
    edges = section.numbers("anchors")
    return list(zip(edges[::2], edges[1::2], strict=True))


def _mask(section: Section) -> tuple[int, ...]:
    return section.integers("mask", tuple(range(section.integer("num", 1))))
