"""Dense targets: the (A, S, S, 6) tensors that a data set gives to the loss."""

from dataclasses import dataclass

from torch import Tensor

from yolo3.assign.per_scale import BestAnchorPerScale
from yolo3.assign.truth import check_truth
from yolo3.boxes import COCO_ANCHORS, Anchors, height_width
from yolo3.structures import GroundTruth, ScaleOutput


@dataclass(frozen=True)
class TargetEncoder:
    """Encodes the boxes of one image for every scale, by `BestAnchorPerScale`.

    Args:
        anchors: Anchors of the detector.
        image_size: Size of the network input, pixels: an edge, or (height, width).
        ignore_iou: wh-IoU above which a slot that is not positive is ignored, see `BestAnchorPerScale`.
        num_classes: Number of classes, which labels must be below. None sets no upper limit.

    Raises:
        ValueError: An image size that is not a multiple of the coarsest stride.
    """

    anchors: Anchors = COCO_ANCHORS
    image_size: int | tuple[int, int] = 416
    ignore_iou: float = 0.5
    num_classes: int | None = None

    def __post_init__(self) -> None:
        ScaleOutput.blank(self.anchors, self.height_width)

    @property
    def height_width(self) -> tuple[int, int]:
        """(height, width) of the network input, pixels."""
        return height_width(self.image_size)

    def __call__(self, boxes: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Encode one image.

        Args:
            boxes: (N, 4) xyxy, pixels of the network input.
            labels: (N,) class numbers.

        Returns:
            One (A, S, S, 6) float32 tensor [c, x, y, w, h, label] per scale, coarse to fine: c is 1 for positive, 0 for
            background, -1 for ignored; x and y lie in [0, 1) inside the cell, w and h are in cells.

        Raises:
            ValueError: Boxes in fractions of the image; an invalid box or label. The message names the box.
        """
        return self._encoded(boxes, labels, in_pixels=False)

    def encode_pixels(self, boxes: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Encode boxes that are known to be in pixels, so that a tiny box in the corner is not taken for fractions."""
        return self._encoded(boxes, labels, in_pixels=True)

    def _encoded(self, boxes: Tensor, labels: Tensor, in_pixels: bool) -> tuple[Tensor, ...]:
        truth = GroundTruth.collate([(boxes, labels)])
        truth = check_truth(truth, self.height_width, self.num_classes, in_pixels=in_pixels)
        scales = ScaleOutput.blank(self.anchors, self.height_width)
        targets = BestAnchorPerScale(self.ignore_iou)(truth, scales)
        return tuple(target.to_dense(scale.stride)[0] for target, scale in zip(targets, scales, strict=True))
