"""Changing values in a cfg: shipped cfgs adapted to another data set, any cfg to another image size."""

from collections.abc import Mapping

from yolo3.boxes import Anchors
from yolo3.darknet.cfg import parse_cfg, read_cfg


def adapted_cfg(
    name: str,
    num_classes: int,
    anchors: Anchors | None = None,
    image_size: tuple[int, int] | None = None,
    in_channels: int | None = None,
) -> str:
    """The text of a shipped cfg for another data set.

    Args:
        name: Name of the cfg, such as ``yolov3.cfg``.
        num_classes: Number of classes in the data set.
        anchors: Anchors, with their ``xy_scales`` and ``size_decoding``, of as many scales as the cfg has and as many
            per scale. Default: the cfg's.
        image_size: (height, width) of the network input, pixels. Default: the cfg's.
        in_channels: Channels of the images. Default: the cfg's.

    Raises:
        ValueError: Fewer than one class, or another number of anchors than the cfg has.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}; a detector has at least one class")
    text, source = read_cfg(name)
    sections = parse_cfg(text, source)
    heads = [number for number, section in enumerate(sections) if section.kind == "yolo"]
    changes: dict[tuple[int, str], str] = {}
    for number in heads:
        changes[number, "classes"] = str(num_classes)
        changes[number - 1, "filters"] = str(len(sections[number].integers("mask")) * (5 + num_classes))
    if anchors is not None:
        count = sections[heads[0]].integer("num")
        if sum(map(len, anchors.sizes)) != count or {len(scale) for scale in anchors.sizes} != {3}:
            raise ValueError(f"{name} has three anchors per scale; these are {anchors.sizes}")
        fine_to_coarse = [edge for scale in reversed(anchors.sizes) for size in scale for edge in size]
        for number, xy_scale in zip(heads, anchors.xy_scales, strict=True):  # a cfg has its coarsest head first
            changes[number, "anchors"] = ",".join(map(_shortest, fine_to_coarse))
            if xy_scale != 1 or "scale_x_y" in sections[number].values:
                changes[number, "scale_x_y"] = _shortest(xy_scale)
            if anchors.size_decoding == "sigmoid":
                changes[number, "new_coords"] = "1"
                changes[number - 1, "activation"] = "logistic"
    if in_channels is not None:
        changes[0, "channels"] = str(in_channels)
    return with_image_size(with_values(text, changes), image_size)


def with_image_size(text: str, image_size: tuple[int, int] | None) -> str:
    """The text of a cfg with another (height, width) of the network input; None changes nothing."""
    if image_size is None:
        return text
    height, width = image_size
    return with_values(text, {(0, "width"): str(width), (0, "height"): str(height)})


def with_values(text: str, changes: Mapping[tuple[int, str], str]) -> str:
    """The text of a cfg with other values; all other lines stay the same.

    Args:
        text: Text of a cfg.
        changes: New values by number of the section (0 is ``[net]``) and key. A key that is missing is added.

    Raises:
        DarknetError: A text that is not a cfg.
    """
    sections = parse_cfg(text)
    lines = text.split("\n")
    added: dict[int, list[str]] = {}
    for (number, key), value in changes.items():
        section = sections[number]
        if key not in section.values:
            added.setdefault(section.line, []).append(f"{key}={value}")
        elif section.values[key] != value:
            lines[section.lines[key] - 1] = f"{key}={value}"
    for line in sorted(added, reverse=True):  # from the end, so that earlier line numbers stay valid
        lines[line:line] = added[line]
    return "\n".join(lines)


def _shortest(number: float) -> str:
    """The shortest text that is read as the same number."""
    return str(int(number)) if number == int(number) else repr(number)
