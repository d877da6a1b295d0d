"""The network of ``yolo3 train``: its input, its initial weights and anchors."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from yolo3.boxes import Anchors
    from yolo3.choices import ChannelRule
    from yolo3.darknet import Darknet
    from yolo3.protocols import Detector


def choose_image_size(
    model: str, width: float, image_size: int | tuple[int, int] | None, multi_scale: bool, channels: int | None = None
) -> tuple[tuple[int, int], Sequence[tuple[int, int]]]:
    """The (height, width) of the network input, and all that training draws from; known before the data set is.

    Args:
        model: The name of a preset, or the path of a ``.cfg``.
        width: Width multiplier of the hand-written networks.
        image_size: Edge, or (height, width), in pixels; None is the network's own, or 416 where it has none.
        multi_scale: Whether to draw from several sizes.
        channels: Number of channels of the images, see `model_channels`.

    Raises:
        ValueError: An unknown model; a size that it does not take; several sizes for a model that takes one.
    """
    import torch

    from yolo3.boxes import height_width
    from yolo3.cli.model import untrained
    from yolo3.darknet import Darknet
    from yolo3.data.loading import sizes_around
    from yolo3.protocols import fixed_size_of, image_size_of
    from yolo3.structures import check_image_size

    with torch.device("meta"):  # only its shape is of interest
        is_cfg = model.lower().endswith(".cfg")
        detector = Darknet(model) if is_cfg else untrained(model, width=width, channels=channels)[0]
    if image_size is None:
        image_size = image_size_of(detector) or 416
    size = height_width(image_size)
    check_image_size(size, detector.stride)
    fixed = fixed_size_of(detector)
    if fixed is not None and (multi_scale or size != fixed):
        only = f"{model} takes images of {fixed[0]} x {fixed[1]} only"
        raise ValueError(f"{only}; leave out {'--multi-scale' if multi_scale else '--image-size'}")
    sizes = sizes_around(size, stride=detector.stride) if multi_scale else [size]
    return size, sizes


def model_channels(model: str, channels: int | None) -> int:
    """The number of channels of the images that a model takes.

    Args:
        model: Name of a preset, or the path of a ``.cfg``.
        channels: Number of channels that is asked for; None is 3, or that of the ``.cfg``.

    Raises:
        ValueError: A ``.cfg`` for another number.
    """
    from yolo3.darknet.cfg import parse_cfg, read_cfg

    if not model.lower().endswith(".cfg"):
        return 3 if channels is None else channels
    own = parse_cfg(*read_cfg(model))[0].integer("channels", 3)
    if channels not in (None, own):
        raise ValueError(f"--channels {channels} does not go with {model}, which says channels={own} in [net]")
    return own


def build_detector(
    model: str,
    num_classes: int,
    width: float,
    weights: Path | None,
    weights_layers: int | None = None,
    refit: "Callable[..., Anchors] | None" = None,
    channels: int | None = None,
    adapt_channels: "ChannelRule | None" = None,
) -> "Detector":
    """A detector to train.

    Args:
        model: Name of a preset, or the path of a ``.cfg``.
        num_classes: Number of classes of the data set.
        width: Width factor of the hand-written networks.
        weights: Weights to start from, a checkpoint folder or a ``.weights`` file; None leaves them random. The heads
            of a checkpoint that fits bring their anchors along, unless others are asked for.
        weights_layers: Number below which layers of a ``.weights`` file are read; None reads all.
        refit: Function from the network's own anchors to those to build it with; None keeps its own or those of
            the checkpoint.
        channels: Number of channels of the images; None is 3. A ``.cfg`` has its own.
        adapt_channels: Rule that adapts weights for images of other channels; None refuses them.

    Raises:
        ValueError: an unknown model, one of another number of classes or channels, weights or anchors that do not fit.
    """
    from yolo3.cli.model import is_checkpoint, shown, untrained
    from yolo3.darknet import Darknet, load_darknet_weights

    detector: Detector
    if not model.lower().endswith(".cfg"):
        detector, _ = untrained(model, num_classes, width, channels)
    elif width != 1:
        raise ValueError(f"--width {width:g} does not go with {model}, which says its own channels")
    else:
        detector = Darknet(model)
        if detector.num_classes != num_classes:
            raise ValueError(
                f"{model} is for {detector.num_classes} classes, the data set has {num_classes}; in every [yolo] write "
                f"classes={num_classes}, and in the [convolutional] before it {_filters(detector, num_classes)}"
            )
    if refit is not None:
        detector = _refitted(detector, refit)
    if weights is not None and is_checkpoint(weights):
        if weights_layers is not None:
            raise ValueError(
                f"--weights-layers is for a .weights file; {shown(weights)} is a checkpoint, taken where it fits"
            )
        detector = start_from(detector, weights, refit is None, adapt_channels)
    elif weights is not None:
        loaded = load_darknet_weights(
            cast(Any, detector), weights, layers=weights_layers, adapt_channels=adapt_channels
        )
        print(f"starting from {weights}: {loaded}")
    return detector


def _refitted(detector: "Detector", refit: "Callable[..., Anchors]") -> "Detector":
    """The detector with the anchors that are asked for: a YOLOv3 takes any number of scales, a cfg has its own."""
    from yolo3.models import YOLOv3
    from yolo3.protocols import anchors_of

    own = anchors_of(detector)
    if own is None:
        raise ValueError(f"--anchors is for detectors with anchors; a {type(detector).__name__} has none")
    return _with_anchors(detector, refit(own, any_scales=isinstance(detector, YOLOv3)))


def _with_anchors(detector: "Detector", anchors: "Anchors") -> "Detector":
    """A detector built as this one is, with other anchors."""
    from yolo3.darknet import Darknet, refitted_cfg
    from yolo3.models import YOLOv3

    if isinstance(detector, Darknet):
        return Darknet(refitted_cfg(detector, anchors))
    assert isinstance(detector, YOLOv3)
    numbers = {name: getattr(detector, name) for name in ("num_classes", "in_channels", "width", "conv_set_depth")}
    return YOLOv3(**numbers, anchors=anchors)


def _filters(network: "Darknet", num_classes: int) -> str:
    """What the convolutions before the heads of a cfg need for so many classes, each for the anchors of its mask."""
    channels = {number: each.count(num_classes) for number, each in network.prediction_channels.items()}
    needed = {number: count for number, count in channels.items() if "filters" in network.plan[number].section.values}
    if len(set(needed.values())) == 1:
        return f"filters={next(iter(needed.values()))}"
    lines = {number: network.plan[number].section.lines["filters"] for number in needed}
    return " and ".join(f"filters={needed[number]} (line {lines[number]})" for number in sorted(needed))


def start_from(
    detector: "Detector", folder: Path, takes_anchors: bool = True, adapt: "ChannelRule | None" = None
) -> "Detector":
    """Fill in what a checkpoint has in the same shape: all of it, or all but the heads of other classes.

    Args:
        detector: The detector to fill.
        folder: The checkpoint.
        takes_anchors: Whether heads that are filled in get the anchors that they were trained with.
        adapt: Rule that adapts a checkpoint for images of other channels; None refuses it.

    Returns:
        The detector, or one like it with the anchors of the checkpoint.

    Raises:
        ValueError: no checkpoint, or one of another network or of another number of channels.
    """
    from yolo3.checkpoint import load_checkpoint
    from yolo3.cli.model import shown
    from yolo3.models import adapt_channels
    from yolo3.protocols import anchors_of, in_channels_of

    other = cast(Any, load_checkpoint(folder)[0])
    channels, wanted = in_channels_of(other), in_channels_of(detector)
    if channels != wanted and adapt is None:  # without its first convolution, what follows is made for other maps
        raise ValueError(
            f"{shown(folder)} is for images of {channels} channels, and the network takes {wanted}; add "
            "--adapt-channels sum, or mean, to make its weights fit"
        )
    if channels != wanted:
        other = adapt_channels(other, wanted, cast(Any, adapt))
        print(f"channels: the weights of {channels} become those of {wanted}, their {adapt} stays the same")
    own, found = cast(Any, detector).state_dict(), other.state_dict()
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if 2 * len(fitting) < len(own):
        raise ValueError(
            f"{shown(folder)} fits {len(fitting)} of {len(own)} tensors of the network; choose the --model and --width "
            "it has"
        )
    print(f"starting from {shown(folder)}: {len(fitting)} of {len(own)} tensors fit")
    anchors = anchors_of(other)
    replaced = anchors_of(detector)
    heads_fit = len(fitting) == len(own) and other.num_classes == detector.num_classes
    if takes_anchors and heads_fit and anchors is not None and replaced is not None and anchors != replaced:
        if anchors.strides != replaced.strides:
            raise ValueError(
                f"{shown(folder)} has strides {anchors.strides}, the network {replaced.strides}; choose its --model"
            )
        detector = _with_anchors(detector, anchors)
        print(f"anchors: those of {shown(folder)}, which its heads were trained with", flush=True)
    cast(Any, detector).load_state_dict(fitting, strict=False)
    return detector


def images_seen(weights: Path | None) -> int:
    """Number of images that weights to start from were trained on, as the header of a ``.weights`` file says.

    A checkpoint does not say; it has learnt enough to count as one that has seen those of YOLOv2's early prior.
    """
    from yolo3.cli.model import is_checkpoint
    from yolo3.darknet.weights_header import read_header
    from yolo3.training.region_prior import PRIOR_IMAGES

    if weights is None:
        return 0
    return PRIOR_IMAGES if is_checkpoint(weights) else read_header(weights)[0].seen
