"""Dense targets: the (A, S, S, 6) tensors that a data set gives to the loss."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from yolo3.assign.grid import image_size
from yolo3.assign.per_scale import BestAnchorPerScale
from yolo3.assign.truth import check_truth
from yolo3.boxes import COCO_ANCHORS, Anchors, cxcywh_to_xyxy, height_width
from yolo3.protocols import Assigner
from yolo3.structures import GroundTruth, ScaleOutput


@dataclass(frozen=True)
class TargetEncoder:
    """Encodes the boxes of one image for every scale, by `BestAnchorPerScale` or another policy.

    Args:
        anchors: Anchors of the detector.
        image_size: Size of the network input, pixels: an edge, or (height, width).
        ignore_iou: wh-IoU above which a slot that is not positive is ignored, see `BestAnchorPerScale`.
        num_classes: Number of classes, which labels must be below. None sets no upper limit.
        assigner: Policy in place of `BestAnchorPerScale(ignore_iou)`, one that looks at boxes and anchors only.
        weights: Whether a seventh column holds the weight of each object, which `Mixup` gives.

    Raises:
        ValueError: An image size that is not a multiple of the coarsest stride; a policy that looks at predictions,
            which a data set does not have; an `ignore_iou` beside a policy that would not hear of it.
    """

    anchors: Anchors = COCO_ANCHORS
    image_size: int | tuple[int, int] = 416
    ignore_iou: float = 0.5
    num_classes: int | None = None
    assigner: Assigner | None = None
    weights: bool = False

    def __post_init__(self) -> None:
        scales = ScaleOutput.blank(self.anchors, self.height_width)
        if self.assigner is None:
            return
        if self.ignore_iou != TargetEncoder.ignore_iou:
            raise ValueError(f"ignore_iou is {self.ignore_iou}, and the assigner has its own; give it there")
        if _looks_at_predictions(self.assigner, scales):
            raise ValueError(
                f"{type(self.assigner).__name__} looks at predictions, which a data set does not have; give it to the "
                "loss, and the data set encoder=None"
            )

    @property
    def height_width(self) -> tuple[int, int]:
        """(height, width) of the network input, pixels."""
        return height_width(self.image_size)

    def __call__(self, boxes: Tensor, labels: Tensor, weights: Tensor | None = None) -> tuple[Tensor, ...]:
        """Encode one image.

        Args:
            boxes: (N, 4) xyxy, pixels of the network input.
            labels: (N,) class numbers.
            weights: (N,) weight of each object. Default: ones.

        Returns:
            One (A, S, S, 6) float32 tensor [c, x, y, w, h, label] per scale, coarse to fine: c is 1 for positive, 0 for
            background, -1 for ignored; x and y lie in [0, 1) inside the cell, or outside where a policy chooses cells
            beside the object's; w and h are in cells. With `weights` the last axis is 7.

        Raises:
            ValueError: Boxes in fractions of the image; an invalid box, label or weight; two objects in one slot, which
                some policies allow. The message names the box.
        """
        return self._encoded(boxes, labels, weights, in_pixels=False)

    def encode_pixels(self, boxes: Tensor, labels: Tensor, weights: Tensor | None = None) -> tuple[Tensor, ...]:
        """Encode boxes that are known to be in pixels, so that a tiny box in the corner is not taken for fractions."""
        return self._encoded(boxes, labels, weights, in_pixels=True)

    def _encoded(self, boxes: Tensor, labels: Tensor, weights: Tensor | None, in_pixels: bool) -> tuple[Tensor, ...]:
        truth = replace(GroundTruth.collate([(boxes, labels)]), weights=weights)
        truth = check_truth(truth, self.height_width, self.num_classes, in_pixels=in_pixels)
        scales = ScaleOutput.blank(self.anchors, self.height_width)
        policy = self.assigner or BestAnchorPerScale(self.ignore_iou)
        dense = [
            target.to_dense(scale.stride, weights=self.weights)
            for target, scale in zip(policy(truth, scales), scales, strict=True)
        ]
        return tuple(target[0] for target in dense)


def _looks_at_predictions(assigner: Assigner, scales: list[ScaleOutput]) -> bool:
    """Whether a policy gives objects other targets when the predictions are others."""
    generator = torch.Generator().manual_seed(0)
    # an object in the middle for each anchor, of its size
    sizes = torch.cat([scale.anchors for scale in scales])
    height, width = image_size(scales[0])
    middle = sizes.new_tensor([width / 2, height / 2]).expand_as(sizes)
    boxes = cxcywh_to_xyxy(torch.cat([middle, sizes], dim=1))
    truth = GroundTruth.collate([(boxes, torch.zeros(len(boxes), dtype=torch.long))])
    expected = assigner(truth, scales)
    drawn = [replace(scale, logits=torch.randn(scale.logits.shape, generator=generator)) for scale in scales]
    return any(
        not torch.equal(one.slots, other.slots) or not torch.equal(one.ignore, other.ignore)
        for one, other in zip(expected, assigner(truth, drawn), strict=True)
    )
