"""Published weights: what is known about each file."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_PJREDDIE = "https://data.pjreddie.com/files/"
_HANK_AI = "https://github.com/hank-ai/darknet/releases/download/v2.0/"
_RELEASE = "https://github.com/ultralytics/yolov3/releases/download/v8/"
_ALEXEYAB = "https://github.com/AlexeyAB/darknet/releases/download/"

_YOLO_PAGE = "COCO test-dev, pjreddie.com/darknet/yolo"
_DARKNET_README = "COCO test-dev, README of AlexeyAB's Darknet"
_YOLOV4_PAPER = "COCO test-dev, arXiv 2004.10934"


@dataclass(frozen=True)
class Published:
    """A file of published weights."""

    name: str
    """Name that a person calls it by, as in ``yolov3-tiny``."""
    file: str
    """Name of the file."""
    size: int
    """Size of the file in bytes."""
    sha256: str | None
    """SHA-256 digest of the file in hexadecimal; None where no two sources agree on one."""
    urls: tuple[str, ...]
    """Addresses of the file, in the order in which they are tried."""
    cfg: str | None = None
    """Shipped cfg of the detector; None for a backbone."""
    names: str | None = None
    """Shipped list of class names; None for a backbone."""
    licence: str = "public domain"
    """Licence of the file."""
    ap50: float | None = None
    """Published average precision in percent at an IoU of 0.5, at the image size of the cfg; None for a backbone."""
    ap50_source: str = ""
    """Test set and source of ``ap50``."""

    @property
    def verified(self) -> bool:
        """Whether the digest is known; the others are checked by their size, and by loading them."""
        return self.sha256 is not None


_TABLE = (
    Published(
        "yolov3",
        "yolov3.weights",
        248_007_048,
        "523e4e69e1d015393a1b0a441cef1d9c7659e3eb2d7e15f793f060a21b32f297",
        (f"{_PJREDDIE}yolov3.weights", f"{_HANK_AI}yolov3.weights", f"{_RELEASE}yolov3.weights"),
        "yolov3.cfg",
        "coco.names",
        ap50=55.3,
        ap50_source=_YOLO_PAGE,
    ),
    Published(
        "yolov3-tiny",
        "yolov3-tiny.weights",
        35_434_956,
        "dccea06f59b781ec1234ddf8d1e94b9519a97f4245748a7d4db75d5b7080a42c",
        (f"{_PJREDDIE}yolov3-tiny.weights", f"{_HANK_AI}yolov3-tiny.weights", f"{_RELEASE}yolov3-tiny.weights"),
        "yolov3-tiny.cfg",
        "coco.names",
        ap50=33.1,
        ap50_source=_YOLO_PAGE,
    ),
    Published(
        "yolov3-spp",
        "yolov3-spp.weights",
        252_209_544,
        "87a1e8c85c763316f34e428f2295e1db9ed4abcec59dd9544f8052f50de327b4",
        (f"{_PJREDDIE}yolov3-spp.weights", f"{_RELEASE}yolov3-spp.weights"),
        "yolov3-spp.cfg",
        "coco.names",
        ap50=60.6,
        ap50_source=_YOLO_PAGE,
    ),
    Published(
        "yolov2",
        "yolov2.weights",
        203_934_260,
        "d9945162ed6f54ce1a901e3ec537bdba4d572ecae7873087bd730e5a7942df3f",
        (f"{_PJREDDIE}yolov2.weights", f"{_HANK_AI}yolov2.weights"),
        "yolov2.cfg",
        "coco.names",
        ap50=48.1,
        ap50_source=_YOLO_PAGE,
    ),
    Published(
        "yolov2-tiny",
        "yolov2-tiny.weights",
        44_948_600,
        None,
        (f"{_PJREDDIE}yolov2-tiny.weights",),
        "yolov2-tiny.cfg",
        "coco.names",
        ap50=23.7,
        ap50_source=_YOLO_PAGE,
    ),
    Published(
        "yolov4",
        "yolov4.weights",
        257_717_640,
        "e8a4f6c62188738d86dc6898d82724ec0964d0eb9d2ae0f0a9d53d65d108d562",
        (f"{_ALEXEYAB}darknet_yolo_v3_optimal/yolov4.weights",),
        "yolov4.cfg",
        "coco.names",
        ap50=65.7,
        ap50_source=_YOLOV4_PAPER,
    ),
    Published(
        "yolov4-tiny",
        "yolov4-tiny.weights",
        24_251_276,
        "cf9fbfd0f6d4869b35762f56100f50ed05268084078805f0e7989efe5bb8ca87",
        (f"{_ALEXEYAB}darknet_yolo_v4_pre/yolov4-tiny.weights", f"{_HANK_AI}yolov4-tiny.weights"),
        "yolov4-tiny.cfg",
        "coco.names",
        ap50=40.2,
        ap50_source=_DARKNET_README,
    ),
    Published(
        "darknet53.conv.74",
        "darknet53.conv.74",
        162_482_580,
        None,
        (
            f"{_PJREDDIE}darknet53.conv.74",
            "https://sourceforge.net/projects/yolov3.mirror/files/v8/darknet53.conv.74/download",
        ),
    ),
)

PUBLISHED: Mapping[str, Published] = MappingProxyType({each.name: each for each in _TABLE})
"""Every file of published weights, by name."""


def find_published(name: str) -> Published | None:
    """The published weights that a word names, or None.

    Args:
        name: Name, with hyphens or underscores (``yolov3-tiny``, ``yolov3_tiny``), or the name of the file.
    """
    known = {each.file: each for each in PUBLISHED.values()} | dict(PUBLISHED)
    return known.get(name) or known.get(name.replace("_", "-"))


def require_published(name: str) -> Published:
    """The published weights of a name.

    Args:
        name: Name as for `find_published`.

    Raises:
        ValueError: An unknown name.
    """
    found = find_published(name)
    if found is None:
        raise ValueError(f"no published weights {name!r}; there are {', '.join(PUBLISHED)}")
    return found
