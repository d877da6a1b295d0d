"""The cfgs that come with yolo3, changed for another data set."""

import re

from yolo3.boxes import Anchors
from yolo3.darknet.cfg import read_cfg


def adapted_cfg(
    name: str, num_classes: int, anchors: Anchors | None = None, image_size: tuple[int, int] | None = None
) -> str:
    """The text of a shipped cfg of 80 classes for another number of them.

    Args:
        name: such as ``yolov3.cfg``.
        num_classes: of the data set.
        anchors: of as many scales and anchors as the cfg has; None keeps the cfg's.
        image_size: (height, width) of the network input; None keeps the cfg's.

    Raises:
        ValueError: fewer than one class, anchors of another number than the cfg's.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}; a detector knows at least one class")
    text, _ = read_cfg(name)
    text = text.replace("\nclasses=80\n", f"\nclasses={num_classes}\n")
    text = text.replace(f"\nfilters={3 * (5 + 80)}\n", f"\nfilters={3 * (5 + num_classes)}\n")
    if image_size is not None:
        height, width = image_size
        text = re.sub(r"\nwidth=\d+\nheight=\d+\n", f"\nwidth={width}\nheight={height}\n", text, count=1)
    if anchors is not None:
        fine_to_coarse = [f"{width:g},{height:g}" for scale in reversed(anchors.sizes) for width, height in scale]
        before = re.search(r"\nnum=(\d+)\n", text)
        if before is None or int(before[1]) != len(fine_to_coarse) or {len(scale) for scale in anchors.sizes} != {3}:
            raise ValueError(f"{name} has three anchors a scale; these are {anchors.sizes}")
        text = re.sub(r"\nanchors=.*\n", f"\nanchors={', '.join(fine_to_coarse)}\n", text)
    return text
