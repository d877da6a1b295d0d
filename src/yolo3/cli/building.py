"""What ``yolo3 train`` is told by name: detector, weights to start from, loss, where pictures are kept."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from yolo3.boxes import Anchors, Fit
    from yolo3.data import SampleSet
    from yolo3.data.picture import Pictures
    from yolo3.protocols import DetectionLoss, Detector

LossName = Literal["yolo", "multi-anchor", "focal-giou", "darknet"]


def build_detector(
    model: str,
    num_classes: int,
    width: float,
    weights: Path | None,
    refit: "Callable[[Anchors], Anchors] | None" = None,
) -> "Detector":
    """A detector to train.

    Args:
        model: the name of a preset, or the path of a ``.cfg``.
        num_classes: of the data set.
        width: of the hand-written networks.
        weights: to start from, a checkpoint folder or a ``.weights`` file; None leaves them random.
        refit: From the network's own anchors to those to build it with; None leaves them as they are.

    Raises:
        ValueError: an unknown model, one of another number of classes, weights or anchors that do not fit.
    """
    from yolo3.cli.model import untrained
    from yolo3.darknet import Darknet, load_darknet_weights

    detector: Detector
    if not model.lower().endswith(".cfg"):
        detector, _ = untrained(model, num_classes, width)
    elif width != 1:
        raise ValueError(f"--width {width:g} does not go with {model}, which says its own channels")
    else:
        detector = Darknet(model)
        if detector.num_classes != num_classes:
            raise ValueError(
                f"{model} is for {detector.num_classes} classes, the data set has {num_classes}; in every [yolo] write "
                f"classes={num_classes}, and filters={3 * (5 + num_classes)} in the [convolutional] before it"
            )
    if refit is not None:
        detector = _with_anchors(detector, refit)
    if weights is not None and weights.is_dir():
        start_from(detector, weights)
    elif weights is not None:
        print(f"starting from {weights}: {load_darknet_weights(cast(Any, detector), weights)}")
    return detector


def _with_anchors(detector: "Detector", refit: "Callable[[Anchors], Anchors]") -> "Detector":
    from yolo3.darknet import Darknet, refitted_cfg
    from yolo3.models import YOLOv3

    own = getattr(detector, "anchors", None)
    if own is None:
        raise ValueError(f"--anchors is for detectors with anchors; a {type(detector).__name__} has none")
    anchors = refit(own)
    if isinstance(detector, Darknet):
        return Darknet(refitted_cfg(detector, anchors))
    assert isinstance(detector, YOLOv3)
    detector.anchors = anchors
    return detector


def build_loss(name: LossName | None, detector: "Detector") -> "DetectionLoss":
    """A loss for a detector.

    Raises:
        ValueError: one that does not go with the detector.
    """
    from yolo3.losses import DarknetLoss, FocalGIoULoss, MultiAnchorLoss, YoloLoss, YoloV1Loss
    from yolo3.models import YOLOv1

    if isinstance(detector, YOLOv1):
        if name is not None:
            raise ValueError(f"--loss {name} is for detectors with anchors; yolov1 has a loss of its own")
        return YoloV1Loss(detector.num_classes, num_boxes=detector.num_boxes)
    anchors = getattr(detector, "anchors", None)
    if anchors is None:
        raise ValueError(f"a {type(detector).__name__} without anchors cannot be trained here; choose another --model")
    if name == "yolo":
        return YoloLoss(anchors)
    if name == "multi-anchor":
        return MultiAnchorLoss(anchors)
    return DarknetLoss(anchors) if name == "darknet" else FocalGIoULoss(anchors)


def start_from(detector: "Detector", folder: Path) -> None:
    """Fill in what a checkpoint has in the same shape: all of it, or all but the heads of other classes.

    Raises:
        ValueError: no checkpoint, or one of another network.
    """
    from yolo3.checkpoint import load_checkpoint

    module, other = cast(Any, detector), cast(Any, load_checkpoint(folder)[0])
    own, found = module.state_dict(), other.state_dict()
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if 2 * len(fitting) < len(own):
        raise ValueError(
            f"{folder} fits {len(fitting)} of {len(own)} tensors of the network; choose the --model and --width it has"
        )
    module.load_state_dict(fitting, strict=False)
    print(f"starting from {folder}: {len(fitting)} of {len(own)} tensors fit")


def cached(samples: "SampleSet", where: str | None, image_size: tuple[int, int], letterbox: "Fit") -> "Pictures":
    """The samples themselves, or their pictures decoded and resized once.

    Args:
        samples: to train on.
        where: ``memory`` or a folder; None reads a picture each time it is wanted.
        image_size: (height, width), the largest that training asks for.
        letterbox: how pictures are made to fit.

    Raises:
        ValueError: a file where the folder should be; a picture that cannot be read.
    """
    from yolo3.data import PictureCache

    if where is None:
        return samples
    if Path(where).is_file():
        raise ValueError(f"--cache {where} is a file; name a folder, or say memory")
    return PictureCache.of(samples, image_size, letterbox, None if where == "memory" else Path(where))
