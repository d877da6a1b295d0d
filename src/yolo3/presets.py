"""Every known system, one function each, which spells out its numbers."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.darknet import Darknet, adapted_cfg, load_darknet_weights
from yolo3.models import YOLOv1, YOLOv3
from yolo3.models.layer_table import FAST_YOLO_LAYERS
from yolo3.protocols import Detector
from yolo3.published import fetch

Weights = Literal["coco"]
"""Published weights of a preset: those trained on the 80 classes of COCO, fetched the first time."""

Network = TypeVar("Network", Darknet, YOLOv3)


def yolov3(
    num_classes: int = 80,
    *,
    in_channels: int = 3,
    width: float = 1.0,
    anchors: Anchors = COCO_ANCHORS,
    weights: Weights | None = None,
) -> YOLOv3:
    """The published network: 61,949,149 parameters at 80 classes. Source: arXiv 1804.02767."""
    if weights is not None and (width != 1 or anchors != COCO_ANCHORS):
        raise ValueError(f"weights {weights!r} are for width 1 and COCO's anchors; leave out width and anchors")
    network = YOLOv3(num_classes, in_channels=in_channels, width=width, conv_set_depth=5, anchors=anchors)
    return _filled(network, "yolov3", weights)


def yolov3_compact(
    num_classes: int = 80, *, in_channels: int = 3, width: float = 1.0, anchors: Anchors = COCO_ANCHORS
) -> YOLOv3:
    """One convolution in place of each set of five: 48,175,837 parameters at 80 classes."""
    return YOLOv3(num_classes, in_channels=in_channels, width=width, conv_set_depth=1, anchors=anchors)


def yolov3_nano(num_classes: int = 80, *, in_channels: int = 3, anchors: Anchors = COCO_ANCHORS) -> YOLOv3:
    """The compact network at a quarter of its width, for CPUs and tests: 3,105,397 parameters at 80 classes."""
    return YOLOv3(num_classes, in_channels=in_channels, width=0.25, conv_set_depth=1, anchors=anchors)


def yolov3_spp(num_classes: int = 80, *, in_channels: int = 3, weights: Weights | None = None) -> Darknet:
    """The published network with spatial pyramid pooling, from its cfg. Source: Darknet's ``yolov3-spp.cfg``."""
    return _filled(Darknet(adapted_cfg("yolov3-spp.cfg", num_classes, in_channels=in_channels)), "yolov3-spp", weights)


def yolov3_tiny(num_classes: int = 80, *, in_channels: int = 3, weights: Weights | None = None) -> Darknet:
    """A small network of two scales, from its cfg: 8,852,366 parameters. Source: Darknet's ``yolov3-tiny.cfg``."""
    return _filled(
        Darknet(adapted_cfg("yolov3-tiny.cfg", num_classes, in_channels=in_channels)), "yolov3-tiny", weights
    )


def yolov1(num_classes: int = 20, *, in_channels: int = 3, hidden: int = 496, width: float = 1.0) -> YOLOv1:
    """One grid of 7 x 7, two boxes per cell, input of 448 x 448: 85,787,534 parameters. Source: arXiv 1506.02640."""
    return YOLOv1(num_classes, in_channels=in_channels, num_boxes=2, grid=7, hidden=hidden, width=width)


def yolov1_fast(num_classes: int = 20, *, in_channels: int = 3, width: float = 1.0) -> YOLOv1:
    """Fast YOLO, eight convolutions and one fully connected layer: 27,095,374 parameters.

    Source: arXiv 1506.02640 §2.1; Darknet's ``yolov1-tiny.cfg``.
    """
    return YOLOv1(
        num_classes, in_channels=in_channels, num_boxes=2, grid=7, hidden=0, width=width, layers=FAST_YOLO_LAYERS
    )


PRESETS: Mapping[str, Callable[..., Detector]] = {
    build.__name__: build
    for build in (yolov3, yolov3_compact, yolov3_nano, yolov3_spp, yolov3_tiny, yolov1, yolov1_fast)
}
"""The systems by the names that a command line calls them."""


def _filled(network: Network, name: str, weights: Weights | None) -> Network:
    """A network with published weights, or as it is.

    Raises:
        FetchError: The weights are not on this machine and cannot be fetched.
        ValueError: Other weights than those of COCO; another number of classes or channels than theirs.
    """
    if weights is None:
        return network
    if weights != "coco":
        raise ValueError(f"no weights {weights!r} for {name}; there are 'coco'")
    if network.in_channels != 3:
        raise ValueError(
            f"weights 'coco' are for images of 3 channels and not {network.in_channels}; leave out in_channels, and "
            "adapt the network with yolo3.adapt_channels"
        )
    if network.num_classes != 80:
        raise ValueError(f"weights 'coco' are for 80 classes and not {network.num_classes}; leave out num_classes")
    load_darknet_weights(network, fetch(name))
    return network
