"""YOLOv3, written out by hand."""

import torch
from torch import Tensor, nn

from yolo3.blocks import BlockFactory, CNNBlock, ConvSet, start_from_prior
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.inputs import check_images
from yolo3.models.darknet53 import Darknet53
from yolo3.models.decoding import decode
from yolo3.protocols import in_channels_of
from yolo3.structures import Candidates


class NeckAndConcatNet(nn.Module):
    """Carries a coarse map to the next finer scale: halve channels, upsample, join with the backbone's map, ConvSet.

    Args:
        in_channels: Channels of the coarse map (B, in_channels, H, W).
        skip_channels: Channels of the backbone's map (B, skip_channels, 2H, 2W).
        conv_set_depth: Number of convolutions of the ConvSet; its output is (B, in_channels / 2, 2H, 2W).
        block: Factory of a convolution.
    """

    def __init__(
        self, in_channels: int, skip_channels: int, conv_set_depth: int = 1, block: BlockFactory = CNNBlock
    ) -> None:
        super().__init__()
        self.out_channels = in_channels // 2
        self.reduce = block(in_channels, self.out_channels, 1)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.conv_set = ConvSet(self.out_channels + skip_channels, self.out_channels, conv_set_depth, block)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """(B, in_channels, H, W) and (B, skip_channels, 2H, 2W) -> (B, in_channels / 2, 2H, 2W)."""
        return self.conv_set(torch.cat([self.upsample(self.reduce(coarse)), skip], dim=1))


class ScalePrediction(nn.Module):
    """The head of one scale: 3×3 to twice the channels, then 1×1 with bias to the predictions of every anchor.

    Args:
        in_channels: Channels of the map (B, in_channels, S, S).
        num_classes: Number of classes, C.
        num_anchors: Number of anchors, A.
        block: Factory of a convolution.
    """

    def __init__(
        self, in_channels: int, num_classes: int, num_anchors: int = 3, block: BlockFactory = CNNBlock
    ) -> None:
        super().__init__()
        self.num_anchors = num_anchors
        self.expand = block(in_channels, 2 * in_channels, 3)
        self.predict = nn.Conv2d(2 * in_channels, num_anchors * (5 + num_classes), 1)
        assert self.predict.bias is not None
        start_from_prior(self.predict.bias, num_anchors)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, S, S) -> (B, A, S, S, 5 + C) logits [objectness, x, y, w, h, classes]."""
        logits = self.predict(self.expand(x))  # (B, A·(5 + C), S, S)
        return logits.unflatten(1, (self.num_anchors, -1)).permute(0, 1, 3, 4, 2)


class YOLOv3(nn.Module):
    """Darknet-53 (or a backbone of your own), two necks and a head at each of three scales.

    Its convolutions stand in the order of Darknet's ``yolov3.cfg``, so that with ``conv_set_depth=5`` a Darknet
    ``.weights`` file fills it.

    Args:
        num_classes: Number of classes, C.
        in_channels: Channels of the images. With a backbone of your own leave it out: the backbone's ``in_channels``
            counts, or 3 if it has none.
        width: Factor of every number of channels; 1 is the published network. With a backbone of your own leave it
            out: necks and heads follow the backbone's ``out_channels``.
        conv_set_depth: Number of convolutions per ConvSet: 1 in the compact network (47,852,737 parameters at 20
            classes), 5 in the published one (61,949,149 at 80).
        anchors: Anchors of three scales, at strides 32, 16 and 8.
        backbone: Any module that gives maps at strides 8, 16 and 32, fine to coarse, with an ``out_channels`` of three
            ints; None is `Darknet53`.
        block: Factory of every convolution outside a backbone of your own, called like `CNNBlock`.

    Raises:
        ValueError: Fewer than one class or channel, a width that is not above 0, anchors of other strides, a backbone
            without ``out_channels``, ``width`` or ``in_channels`` beside a backbone.

    Source:
        YOLOv3, arXiv 1804.02767.
    """

    def __init__(
        self,
        num_classes: int = 20,
        *,
        in_channels: int = 3,
        width: float = 1.0,
        conv_set_depth: int = 1,
        anchors: Anchors = COCO_ANCHORS,
        backbone: nn.Module | None = None,
        block: BlockFactory = CNNBlock,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes is {num_classes}; a detector knows at least one class")
        if in_channels < 1:
            raise ValueError(f"in_channels is {in_channels}; an image has at least one")
        if anchors.strides != (32, 16, 8):
            raise ValueError(f"YOLOv3 predicts at strides (32, 16, 8), the anchors are for {anchors.strides}")
        self.num_classes = num_classes
        self.anchors = anchors
        self.width = width
        self.conv_set_depth = conv_set_depth
        if backbone is None:
            backbone = Darknet53(in_channels, width, block=block)
            self.in_channels = in_channels
        else:
            _check_left_to_backbone(width=width, in_channels=in_channels)
            self.in_channels = in_channels_of(backbone)
        fine, medium, coarse = _three_channels(backbone)
        heads = [len(sizes) for sizes, _ in anchors]

        self.backbone = backbone
        self.conv_set = ConvSet(coarse, coarse // 2, conv_set_depth, block)
        self.coarse_head = ScalePrediction(coarse // 2, num_classes, heads[0], block)
        self.medium_neck = NeckAndConcatNet(coarse // 2, medium, conv_set_depth, block)
        self.medium_head = ScalePrediction(self.medium_neck.out_channels, num_classes, heads[1], block)
        self.fine_neck = NeckAndConcatNet(self.medium_neck.out_channels, fine, conv_set_depth, block)
        self.fine_head = ScalePrediction(self.fine_neck.out_channels, num_classes, heads[2], block)

    @property
    def stride(self) -> int:
        """Pixels. The height and width of an input must be multiples of it."""
        return max(self.anchors.strides)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict.

        Args:
            images: (B, in_channels, H, W) in [0, 1]; H and W multiples of 32.

        Returns:
            (B, A, H/32, W/32, 5 + C), (B, A, H/16, W/16, 5 + C), (B, A, H/8, W/8, 5 + C) logits.

        Raises:
            ValueError: Images of another shape or type, a height or width that is not a multiple of 32.
        """
        check_images(images, self.stride)
        at_8, at_16, at_32 = self.backbone(images)
        coarse = self.conv_set(at_32)
        large_objects = self.coarse_head(coarse)
        medium = self.medium_neck(coarse, at_16)
        medium_objects = self.medium_head(medium)
        fine = self.fine_neck(medium, at_8)
        return large_objects, medium_objects, self.fine_head(fine)

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        """Predictions -> (B, N, 4) boxes in pixels of the input and (B, N, C) scores."""
        return decode(predictions, self.anchors)


def _check_left_to_backbone(*, width: float, in_channels: int) -> None:
    """Raise the ValueError of numbers that a backbone of one's own decides, and that would have no effect beside it."""
    if width != 1:
        raise ValueError(f"width is {width:g} beside a backbone, which has its own; write Darknet53(width={width:g})")
    if in_channels != 3:
        given = f"in_channels is {in_channels} beside a backbone, which has its own"
        raise ValueError(f"{given}; write Darknet53(in_channels={in_channels}), or give your backbone `in_channels`")


def _three_channels(backbone: nn.Module) -> tuple[int, int, int]:
    channels = getattr(backbone, "out_channels", None)
    if not isinstance(channels, tuple | list) or len(channels) != 3:
        raise ValueError(
            f"{type(backbone).__name__}.out_channels is {channels!r}; a backbone says the channels of its maps at "
            "strides 8, 16 and 32 as three ints"
        )
    fine, medium, coarse = channels
    return int(fine), int(medium), int(coarse)
