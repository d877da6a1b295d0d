"""Checks of ground truth and targets from users, with one-line messages that state the fix."""

from collections.abc import Sequence

import torch
from torch import Tensor

from yolo3.boxes import xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets

_Check = tuple[Tensor, str]
"""(N,) bool, whether each item is valid, and the message about an invalid one."""


def check_truth(
    truth: GroundTruth,
    image_size: tuple[int, int],
    num_classes: int | None = None,
    batch_size: int | None = None,
    dtype: torch.dtype = torch.float32,
    in_pixels: bool = False,
) -> GroundTruth:
    """The checked objects of a batch, as assigners need them: boxes and weights of one type, labels and images int64.

    Args:
        truth: Objects of the batch.
        image_size: (height, width) of the network input, pixels.
        num_classes: Number of classes, which labels must be below. None sets no upper limit.
        batch_size: Number of images in the batch. None sets no limit.
        dtype: Type of boxes and weights.
        in_pixels: Whether the boxes are known to be in pixels, as those of a data set. Otherwise the boxes of an image
            that all lie within its first pixel are taken for fractions of the image.

    Raises:
        ValueError: Fields of another shape or of different lengths; boxes in fractions of the image; a coordinate that
            is not finite; a width or height that is not positive; a centre outside the image; a label, image or weight
            out of range. The message names the box.
    """
    truth = _converted(truth, dtype)
    boxes = truth.boxes
    labels = truth.labels
    if not in_pixels and (number := _first_fraction(truth)) is not None:
        raise ValueError(
            f"{_shown(truth, number)}: all boxes of the image lie within the first pixel, as fractions of the image "
            "do; give xyxy in pixels of the network input: boxes * torch.tensor([width, height, width, height]), or "
            "for centres and sizes cxcywh_to_xyxy(boxes)"
        )
    height, width = image_size
    size = boxes[:, 2:] - boxes[:, :2]
    centre = xyxy_to_cxcywh(boxes)[:, :2]
    edge = boxes.new_tensor([width, height])
    checks: list[_Check] = [
        (boxes.isfinite().all(1), "has a coordinate that is not finite"),
        (
            (size > 0).all(1),
            "has no area: give left < right and top < bottom in pixels, or leave it out; convert centres and sizes "
            "with cxcywh_to_xyxy(boxes)",
        ),
        (
            ((centre >= 0) & (centre <= edge)).all(1),
            f"has its centre outside the {height} x {width} image: clip it first",
        ),
        (_in_range(truth.image, batch_size), f"is in an image that the batch does not have: {_range(batch_size)}"),
    ]
    if truth.weights is not None:
        checks.append((truth.weights.isfinite() & (truth.weights >= 0), "has a weight that is not 0 or more"))
    if labels.ndim == 1:
        hint = "" if num_classes is None else "; are the labels 1-based?"
        checks.append((_in_range(labels, num_classes), f"has a label that is not {_range(num_classes)}{hint}"))
    elif num_classes is not None and labels.shape[1] != num_classes:
        raise ValueError(f"multi-hot labels of {labels.shape[1]} classes for a detector of {num_classes}")
    else:
        checks.append((labels.isfinite().all(1) & (labels >= 0).all(1) & (labels > 0).any(1), "has no class at all"))
    if (index := _first_unsound(checks)) is not None:
        number, message = index
        raise ValueError(f"{_shown(truth, number)} {message}")
    return truth


def check_targets(targets: Targets, scale: ScaleOutput) -> Targets:
    """Checked targets, on the device and in the type of the predictions.

    Args:
        targets: Targets of one scale, for example from `Targets.from_dense`.
        scale: Predictions that they are compared with.

    Raises:
        ValueError: Targets of another grid; a label or slot out of range; a box without area. The message names the
            slot.
    """
    grid = scale.logits.shape[:-1]
    num_classes = scale.classes.shape[-1]
    if targets.ignore.shape != grid:
        said = f"{tuple(targets.ignore.shape)} targets for {tuple(grid)} predictions"
        raise ValueError(f"{said} (B, A, S, S); were both made for the same image size and anchors?")
    targets = targets.to(scale.logits.device)
    labels = targets.labels
    if labels.ndim == 2 and labels.shape[1] != num_classes:
        raise ValueError(f"multi-hot labels of {labels.shape[1]} classes for a detector of {num_classes}")
    slots = targets.slots
    dtype = scale.logits.dtype
    sound = Targets(slots, targets.boxes.to(dtype), labels, targets.weights.to(dtype), targets.ignore)
    if torch.compiler.is_compiling():  # a graph cannot branch on values
        return sound
    checks: list[_Check] = [
        ((slots >= 0).all(1) & (slots < slots.new_tensor(grid)).all(1), f"is not a slot of a grid of {tuple(grid)}"),
        (targets.boxes.isfinite().all(1), "has a coordinate that is not finite"),
        ((targets.boxes[:, 2:] > 0).all(1), "has a width or height that is not above 0"),
    ]
    if labels.ndim == 1:
        checks.append((_in_range(labels, num_classes), f"has a label that is not {_range(num_classes)}"))
    if (index := _first_unsound(checks)) is not None:
        number, message = index
        slot = ", ".join(
            f"{name} {place}"
            for name, place in zip(("image", "anchor", "row", "column"), slots[number].tolist(), strict=True)
        )
        raise ValueError(f"target {number} ({slot}, label {labels[number].tolist()}) {message}")
    return sound


def are_fractions(boxes: Tensor) -> bool:
    """Whether all (N, 4) boxes lie within the first pixel, as fractions of an image do and objects do not.

    Boxes that begin exactly at the corner do not count: some tools write such a box where there is no object.
    """
    return bool(_in_first_pixel(boxes).all() & (boxes[:, :2] > 0).any())


def _in_first_pixel(boxes: Tensor) -> Tensor:
    return ((boxes >= 0) & (boxes <= 1)).all(1)


def _first_fraction(truth: GroundTruth) -> int | None:
    """The first box of an image whose boxes are fractions of it; one of two joined data sets may have such."""
    suspects = _in_first_pixel(truth.boxes)
    if suspects.any():  # seldom: what follows waits for an accelerator once per image
        for image in truth.image[suspects].unique().tolist():
            own = truth.image == image
            if are_fractions(truth.boxes[own]):
                return int(own.nonzero()[0])
    return None


def _converted(truth: GroundTruth, dtype: torch.dtype) -> GroundTruth:
    boxes = torch.as_tensor(truth.boxes)
    count = len(boxes)
    if boxes.numel() == 0:
        boxes = boxes.reshape(-1, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.is_complex():
        raise ValueError(f"boxes must be (N, 4) xyxy, not {tuple(boxes.shape)} {boxes.dtype}")
    image = _whole("image", truth.image)
    labels = torch.as_tensor(truth.labels)
    if labels.ndim != 2:
        labels = _whole("labels", labels)
    weights = None if truth.weights is None else torch.as_tensor(truth.weights).to(dtype)
    for name, values in (("labels", labels), ("image", image), ("weights", weights)):
        if values is not None and len(values) != count:
            raise ValueError(f"{count} boxes and {len(values)} {name}; give one per box")
    return GroundTruth(boxes.to(dtype), labels, image, weights)


def _whole(name: str, values: Tensor) -> Tensor:
    """(N,) whole numbers as int64."""
    values = torch.as_tensor(values)
    if values.ndim != 1:
        raise ValueError(f"{name} must be (N,) whole numbers, not {tuple(values.shape)}")
    if values.is_floating_point() and not torch.equal(values, values.round()):
        raise ValueError(f"{name} must be (N,) whole numbers (int64), not {values.dtype} such as {values.tolist()[0]}")
    return values.long()


def _in_range(values: Tensor, count: int | None) -> Tensor:
    return values >= 0 if count is None else (values >= 0) & (values < count)


def _range(count: int | None) -> str:
    return "0 or more" if count is None else f"in 0..{count - 1}"


def _first_unsound(checks: Sequence[_Check]) -> tuple[int, str] | None:
    """The index of the first invalid item, and its message."""
    if torch.stack([sound.all() for sound, _ in checks]).all():  # one synchronisation with an accelerator
        return None
    for sound, message in checks:
        for number in (~sound).nonzero().flatten().tolist()[:1]:
            return number, message
    return None


def _shown(truth: GroundTruth, number: int) -> str:
    label = truth.labels[number].tolist()
    box = truth.boxes[number].tolist()
    return f"box {number} (image {int(truth.image[number])}, label {label}, xyxy {box})"
