"""Class names of the cfgs that come with yolo3."""

import os
from pathlib import Path

from yolo3.darknet.cfg import DarknetError, shipped_cfg

_NAMES = Path(__file__).parent / "names"
_LISTS = {
    **dict.fromkeys(
        ("yolov2", "yolov2-tiny", "yolov3", "yolov3-spp", "yolov3-tiny", "yolov4", "yolov4-tiny"), "coco.names"
    ),
    **dict.fromkeys(("yolov1", "yolov3-voc"), "voc.names"),
}
"""Data set that each published detector was trained on, by its cfg."""


def class_names(name: str | os.PathLike[str]) -> tuple[str, ...]:
    """The class names that come with yolo3, as Darknet's files have them.

    Args:
        name: ``coco.names`` (80 classes), ``voc.names`` (20), or the name of a shipped cfg such as ``yolov3.cfg``.

    Returns:
        The names in their order; none for a cfg of your own, even one with the name of a shipped one.

    Raises:
        DarknetError: A ``.names`` file that does not come with yolo3.
    """
    if str(name).endswith(".names"):
        if name not in _LISTS.values():
            raise DarknetError(f"{str(name)!r} does not come with yolo3; there are coco.names and voc.names")
        return tuple((_NAMES / str(name)).read_text(encoding="utf-8").splitlines())
    shipped = shipped_cfg(name)
    if shipped is None or shipped.stem not in _LISTS:
        return ()
    return class_names(_LISTS[shipped.stem])
