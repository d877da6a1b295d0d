"""Whether objects and targets that were given by hand are sound: the one check, with a line that says what to do."""

from collections.abc import Sequence

import torch
from torch import Tensor

from yolo3.boxes import xyxy_to_cxcywh
from yolo3.structures import GroundTruth, ScaleOutput, Targets

_Check = tuple[Tensor, str]
"""(N,) bool, whether each is sound, and the complaint about one that is not."""


def check_truth(
    truth: GroundTruth,
    image_size: tuple[int, int],
    num_classes: int | None = None,
    batch_size: int | None = None,
    dtype: torch.dtype = torch.float32,
    in_pixels: bool = False,
) -> GroundTruth:
    """The objects of a batch as targets are made of them: boxes and weights of one type, labels and images int64.

    Args:
        truth: The objects.
        image_size: (height, width) of the network input, pixels.
        num_classes: Labels must be below it; None leaves the upper end open.
        batch_size: Number of images; None leaves it open.
        dtype: Type of boxes and weights.
        in_pixels: The boxes are known to be in pixels, as those of a data set are. Otherwise the boxes of an image that
            all lie within its first pixel are taken for fractions of the image.

    Raises:
        ValueError: fields of another shape or of different lengths; boxes in fractions of the image; a coordinate that
            is not finite, a width or height that is not positive, a centre outside the image, a label, image or weight
            out of range. It names the box.
    """
    truth = _converted(truth, dtype)
    boxes, labels = truth.boxes, truth.labels
    if not in_pixels and (number := _first_fraction(truth)) is not None:
        raise ValueError(
            f"{_shown(truth, number)}: all boxes of the image lie within the first pixel, as fractions of the image "
            "do; give xyxy in pixels of the network input: boxes * torch.tensor([width, height, width, height]), and "
            "of centres and sizes cxcywh_to_xyxy(boxes)"
        )
    height, width = image_size
    size = boxes[:, 2:] - boxes[:, :2]
    centre = xyxy_to_cxcywh(boxes)[:, :2]
    edge = boxes.new_tensor([width, height])
    checks: list[_Check] = [
        (boxes.isfinite().all(1), "has a coordinate that is not finite"),
        (
            (size > 0).all(1),
            "has no area: give left < right and top < bottom in pixels, or leave it out; of centres and sizes make "
            "cxcywh_to_xyxy(boxes)",
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
        number, complaint = index
        raise ValueError(f"{_shown(truth, number)} {complaint}")
    return truth


def check_targets(targets: Targets, scale: ScaleOutput) -> Targets:
    """Targets that were given by hand, on the device and in the type of the predictions.

    Args:
        targets: Targets of one scale, as `Targets.from_dense` reads them of dense ones.
        scale: The predictions that they are compared with.

    Raises:
        ValueError: targets of another grid; a label or slot out of range, a box without area. It names the slot.
    """
    grid, num_classes = scale.logits.shape[:-1], scale.classes.shape[-1]
    if targets.ignore.shape != grid:
        said = f"{tuple(targets.ignore.shape)} targets for {tuple(grid)} predictions"
        raise ValueError(f"{said} (B, A, S, S); were both made for the same image size and anchors?")
    targets = targets.to(scale.logits.device)
    labels = targets.labels
    if labels.ndim == 2 and labels.shape[1] != num_classes:
        raise ValueError(f"multi-hot labels of {labels.shape[1]} classes for a detector of {num_classes}")
    slots, dtype = targets.slots, scale.logits.dtype
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
        number, complaint = index
        slot = ", ".join(
            f"{name} {place}"
            for name, place in zip(("image", "anchor", "row", "column"), slots[number].tolist(), strict=True)
        )
        raise ValueError(f"target {number} ({slot}, label {labels[number].tolist()}) {complaint}")
    return sound


def are_fractions(boxes: Tensor) -> bool:
    """Whether all of (N, 4) boxes lie within the first pixel, where fractions of an image do and objects do not.

    Boxes that begin at the very corner are no evidence: some tools put such a box where there is no object.
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
        raise ValueError(f"boxes are (N, 4) xyxy, not {tuple(boxes.shape)} {boxes.dtype}")
    image = _whole("image", truth.image)
    labels = torch.as_tensor(truth.labels)
    if labels.ndim != 2:
        labels = _whole("labels", labels)
    weights = None if truth.weights is None else torch.as_tensor(truth.weights).to(dtype)
    for name, values in (("labels", labels), ("image", image), ("weights", weights)):
        if values is not None and len(values) != count:
            raise ValueError(f"{count} boxes and {len(values)} of {name}; each box has one")
    return GroundTruth(boxes.to(dtype), labels, image, weights)


def _whole(name: str, values: Tensor) -> Tensor:
    """(N,) whole numbers as int64."""
    values = torch.as_tensor(values)
    if values.ndim != 1:
        raise ValueError(f"{name} is (N,) whole numbers, not {tuple(values.shape)}")
    if values.is_floating_point() and not torch.equal(values, values.round()):
        raise ValueError(f"{name} is (N,) whole numbers (int64), not {values.dtype} such as {values.tolist()[0]}")
    return values.long()


def _in_range(values: Tensor, count: int | None) -> Tensor:
    return values >= 0 if count is None else (values >= 0) & (values < count)


def _range(count: int | None) -> str:
    return "0 or more" if count is None else f"in 0..{count - 1}"


def _first_unsound(checks: Sequence[_Check]) -> tuple[int, str] | None:
    """The number of the first that a check finds unsound, and its complaint."""
    if torch.stack([sound.all() for sound, _ in checks]).all():  # one wait for an accelerator
        return None
    for sound, complaint in checks:
        for number in (~sound).nonzero().flatten().tolist()[:1]:
            return number, complaint
    return None


def _shown(truth: GroundTruth, number: int) -> str:
    label, box = truth.labels[number].tolist(), truth.boxes[number].tolist()
    return f"box {number} (image {int(truth.image[number])}, label {label}, xyxy {box})"
