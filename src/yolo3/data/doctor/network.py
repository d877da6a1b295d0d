"""Checks of the network input: objects that are too small, get no slot, or fit no anchor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from yolo3.assign import BestAnchorPerScale
from yolo3.boxes import Anchors, InputFormat, wh_iou
from yolo3.data.doctor.finding import Finding
from yolo3.data.doctor.survey import Survey, about
from yolo3.data.fitting import fitted_boxes
from yolo3.structures import GroundTruth, ScaleOutput

_BATCH = 64  # images whose objects are assigned together
_FITTING_IOU = 0.5  # wh-IoU of an anchor and a box that counts as recalled
_LEAST_RECALL = 0.75


@dataclass(frozen=True)
class ScaleFit:
    """Fit of one scale to the objects."""

    stride: int
    """Stride of the scale, pixels."""
    recall: float
    """Share of the objects whose wh-IoU with an anchor of this scale is 0.5 or more."""
    lost: int
    """Number of objects for which every anchor of their cell is taken."""


@dataclass(frozen=True)
class NetworkFit:
    """Fit of a network's anchors to the objects of a data set."""

    image_size: tuple[int, int]
    """(height, width) of the network input."""
    objects: int
    """Number of objects, without crowds."""
    recall: float
    """Share of the objects whose wh-IoU with any anchor is 0.5 or more."""
    small: int
    """Number of objects smaller than a cell of the finest scale, in width and in height."""
    scales: tuple[ScaleFit, ...]
    """Fit of each scale, coarse to fine."""


def check_network(
    survey: Survey, anchors: Anchors, image_size: tuple[int, int]
) -> tuple[NetworkFit | None, list[Finding]]:
    """Assign every object, as training does. The fit is None if there are no objects.

    Raises:
        ValueError: An image size that is not a multiple of every stride.
    """
    ScaleOutput.blank(anchors, image_size)
    chosen = torch.from_numpy(~survey.samples.crowd).nonzero().squeeze(1)  # training leaves crowds out
    if not len(chosen):
        return None, []
    boxes = fitted_boxes(survey.samples, InputFormat(image_size))[chosen]
    image = torch.from_numpy(survey.samples.image)[chosen]
    size = boxes[:, 2:] - boxes[:, :2]
    placed = _placed(boxes, image, anchors, image_size)
    ious = torch.stack([wh_iou(size[:, None], anchors.tensor(k, size)).amax(1) for k in range(len(anchors))])
    finest = min(anchors.strides)
    fit = NetworkFit(
        image_size=image_size,
        objects=len(boxes),
        recall=_share(ious.amax(0) >= _FITTING_IOU),
        small=int((size < finest).all(1).sum()),
        scales=tuple(
            ScaleFit(stride, _share(ious[k] >= _FITTING_IOU), int((~placed[k]).sum()))
            for k, stride in enumerate(anchors.strides)
        ),
    )
    lost = chosen[~placed.any(0)].tolist()
    tiny = (size.amin(1) < 1).nonzero().squeeze(1)
    return fit, [
        *_tiny(survey, chosen[tiny].tolist(), size[tiny], image_size),
        *(_lost(survey, index, image_size) for index in lost),
        *_poor(survey, fit, finest),
    ]


def _placed(boxes: Tensor, image: Tensor, anchors: Anchors, image_size: tuple[int, int]) -> Tensor:
    """(scales, N) bool: whether the object has a positive slot at the scale.

    The default policy itself is called, with the objects' indices as labels, so that its targets tell the objects.
    """
    placed = torch.zeros(len(anchors), len(boxes), dtype=torch.bool)
    scales = ScaleOutput.blank(anchors, image_size, _BATCH)
    _, counts = (image // _BATCH).unique_consecutive(return_counts=True)
    for members in torch.arange(len(boxes)).split(counts.tolist()):
        truth = GroundTruth(boxes[members], labels=members, image=image[members] % _BATCH)
        for scale, targets in enumerate(BestAnchorPerScale()(truth, scales)):
            placed[scale, targets.labels] = True
    return placed


def _tiny(survey: Survey, indices: list[int], size: Tensor, image_size: tuple[int, int]) -> list[Finding]:
    """Objects that are thinner than a pixel after the letterbox."""
    findings = []
    for index, (width, height) in zip(indices, size.tolist(), strict=True):
        what = f"a box of {width:.2g} x {height:.2g} pixels {_at(image_size)}"
        fix = "train at a larger size, or delete it"
        findings.append(about(survey, survey.taken[index], "warning", "tiny box", what, fix))
    return findings


def _lost(survey: Survey, index: int, image_size: tuple[int, int]) -> Finding:
    """The finding about an object that would count as background."""
    what = f"an object for which every anchor of its cell is taken, at every scale, {_at(image_size)}"
    fix = "train at a larger size, or delete duplicate boxes of one object"
    return about(survey, survey.taken[index], "warning", "lost object", what, fix)


def _poor(survey: Survey, fit: NetworkFit, finest: int) -> list[Finding]:
    """Findings about the data set as a whole."""
    findings = []
    if fit.small:
        what = (
            f"{fit.small:,} of {fit.objects:,} objects are smaller than a cell of {finest} pixels {_at(fit.image_size)}"
        )
        findings.append(Finding("info", "tiny box", what, survey.path, "use a larger image size"))
    if fit.recall < _LEAST_RECALL:
        what = f"only {fit.recall:.0%} of the objects have an anchor with IoU {_FITTING_IOU:g} or more"
        fix = f"fit anchors to them: yolo3 anchors {survey.path}"
        findings.append(Finding("warning", "anchor fit", what, survey.path, fix))
    for scale in fit.scales:
        if scale.lost:
            what = f"{scale.lost:,} of {fit.objects:,} objects have no free anchor at stride {scale.stride}"
            findings.append(
                Finding("info", "lost object", what, survey.path, "other scales are responsible for most of them")
            )
    return findings


def _share(mask: Tensor) -> float:
    return float(mask.double().mean())


def _at(image_size: tuple[int, int]) -> str:
    return f"at an image size of {image_size[0]} x {image_size[1]}"
