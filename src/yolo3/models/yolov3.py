"""YOLOv3, written out by hand."""

import torch
from torch import Tensor, nn

from yolo3.blocks import BlockFactory, CNNBlock, ConvSet, ResUnit, start_from_prior
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.inputs import check_images
from yolo3.models.darknet53 import Darknet53
from yolo3.models.decoding import decode
from yolo3.parts import (
    PartFactory,
    build_part,
    channels_of_maps,
    check_channels,
    check_map_sizes,
    check_maps,
    check_predictions,
    check_strides,
    out_channels_of,
)
from yolo3.protocols import in_channels_of
from yolo3.structures import Candidates


class NeckAndConcatNet(nn.Module):
    """Carries a coarse map to the next finer scale: halve channels, upsample, join with the backbone's map, ConvSet.

    Args:
        in_channels: Channels of the coarse map (B, in_channels, H, W).
        skip_channels: Channels of the backbone's map (B, skip_channels, 2H, 2W).
        conv_set_depth: Number of convolutions of the ConvSet; its output is (B, in_channels / 2, 2H, 2W).
        block: Factory of a convolution.
        conv_set: Factory of the ConvSet.
    """

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        conv_set_depth: int = 1,
        block: BlockFactory = CNNBlock,
        conv_set: PartFactory = ConvSet,
    ) -> None:
        super().__init__()
        self.out_channels = in_channels // 2
        self.reduce = block(in_channels, self.out_channels, 1)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        joined = self.out_channels + skip_channels
        self.conv_set = build_part(conv_set, joined, self.out_channels, depth=conv_set_depth, block=block)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """(B, in_channels, H, W) and (B, skip_channels, 2H, 2W) -> (B, in_channels / 2, 2H, 2W)."""
        # the coarse map comes first, as in the [route] of yolov3.cfg: its weights expect this order of channels
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
        # no normalization: logits must be free to be large
        self.predict = nn.Conv2d(2 * in_channels, num_anchors * (5 + num_classes), 1)
        assert self.predict.bias is not None  # for mypy: a bias may be None in general
        start_from_prior(self.predict.bias, num_anchors)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, S, S) -> (B, A, S, S, 5 + C) logits [objectness, x, y, w, h, classes]."""
        logits = self.predict(self.expand(x))  # (B, A·(5 + C), S, S)
        return logits.unflatten(1, (self.num_anchors, -1)).permute(0, 1, 3, 4, 2)


class YOLOv3(nn.Module):
    """A backbone, a ConvSet and a head on its coarsest map, then a neck and a head at each finer scale.

    Its convolutions are in the order of Darknet's ``yolov3.cfg``, so that with ``conv_set_depth=5`` a Darknet
    ``.weights`` file fills it.

    Every part can be replaced by a class or function that is called like the default one. It may do without the
    parameters that the default one has a value for (``depth``, ``block``, …).

    Args:
        num_classes: Number of classes, C.
        in_channels: Number of channels of the images. With a backbone of your own, leave it out: the backbone's
            ``in_channels`` counts, or 3 if it has none.
        width: Factor of every number of channels; 1 is the published network. With a backbone of your own, leave it
            out: necks and heads follow the backbone's ``out_channels``.
        conv_set_depth: Number of convolutions per ConvSet: 1 in the compact network (47,852,737 parameters at 20
            classes), 5 in the published one (61,949,149 at 80).
        anchors: Anchors of every scale, coarse to fine, each stride half of the one before. There are as many scales as
            strides: 32, 16 and 8 in the published network; a fourth, 4, is for small objects.
        backbone: Any module that gives a map per scale, fine to coarse, with an ``out_channels`` of as many ints; None
            is `Darknet53`.
        block: Factory of every convolution outside a backbone of your own, called like `CNNBlock`.
        unit: Factory of the residual units of `Darknet53`, called like `ResUnit`.
        conv_set: Factory of every ConvSet, called like `ConvSet`.
        neck: Factory of the neck of each finer scale, called like `NeckAndConcatNet`; its ``out_channels`` says the
            channels of its output.
        head: Factory of the head of each scale, called like `ScalePrediction`.

    Raises:
        ValueError: Fewer than one class or channel, a width that is not above 0, strides that do not halve, a backbone
            with another number of maps, ``width``, ``in_channels`` or ``unit`` beside a backbone, a part that is not
            built where a built one is needed, or the reverse.

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
        unit: PartFactory = ResUnit,
        conv_set: PartFactory = ConvSet,
        neck: PartFactory = NeckAndConcatNet,
        head: PartFactory = ScalePrediction,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes is {num_classes}; a detector knows at least one class")
        if in_channels < 1:
            raise ValueError(f"in_channels is {in_channels}; an image has at least one")
        if not isinstance(anchors, Anchors):
            raise ValueError(f"anchors is {anchors!r:.40}; pass an Anchors, as in Anchors(sizes, strides=(32, 16, 8))")
        check_strides(anchors.strides)
        self.num_classes = num_classes
        self.anchors = anchors
        self.width = width
        self.conv_set_depth = conv_set_depth
        if backbone is None:
            backbone = _darknet53(anchors.strides, in_channels, width, unit, block)
        else:
            _check_left_to_backbone(width=width, in_channels=in_channels, unit=unit)
        coarsest, *finer = channels_of_maps(backbone, anchors.strides)
        self.in_channels = in_channels_of(backbone)
        num_anchors = [len(sizes) for sizes in anchors.sizes]

        # the order of these attributes is that of the convolutions in Darknet's file
        self.backbone = backbone
        channels = coarsest // 2  # 1024 at stride 32 become 512; each neck halves them again: 256, 128
        self.conv_set = build_part(conv_set, coarsest, channels, depth=conv_set_depth, block=block)
        self.coarse_head = build_part(head, channels, num_classes, num_anchors=num_anchors[0], block=block)
        for scale, skip_channels in enumerate(finer, start=1):
            settings = {"conv_set_depth": conv_set_depth, "block": block, "conv_set": conv_set}
            to_scale = build_part(neck, channels, skip_channels, **settings)
            channels = out_channels_of(to_scale)
            at_scale = build_part(head, channels, num_classes, num_anchors=num_anchors[scale], block=block)
            self.add_module(f"{_scale_name(scale)}_neck", to_scale)
            self.add_module(f"{_scale_name(scale)}_head", at_scale)

    @property
    def stride(self) -> int:
        """Pixels. The height and width of an input must be multiples of it."""
        return max(self.anchors.strides)

    @property
    def necks(self) -> list[nn.Module]:
        """The neck of every scale but the coarsest, coarse to fine: ``medium_neck``, ``fine_neck``."""
        return [getattr(self, f"{_scale_name(scale)}_neck") for scale in range(1, len(self.anchors))]

    @property
    def heads(self) -> list[nn.Module]:
        """The head of every scale, coarse to fine: ``coarse_head``, ``medium_head``, ``fine_head``."""
        return [getattr(self, f"{_scale_name(scale)}_head") for scale in range(len(self.anchors))]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Predict.

        Args:
            images: (B, in_channels, H, W) in [0, 1]; H and W multiples of the coarsest stride, 32.

        Returns:
            (B, A, H/stride, W/stride, 5 + C) logits per scale, coarse to fine: at strides 32, 16 and 8.

        Raises:
            ValueError: Images of another shape or type, a height or width that is not a multiple of the stride, maps of
                other strides than the anchors', a part whose output has other channels than the next one takes.
        """
        # a backbone of one's own need not have `in_channels`; None leaves the check to its first convolution
        check_images(images, self.stride, getattr(self.backbone, "in_channels", None))
        maps = check_maps(self.backbone(images), self.backbone)
        check_map_sizes(maps, self.backbone, images, self.anchors.strides)
        coarsest, *finer = maps
        x = check_channels(self.conv_set(coarsest), self.conv_set, coarsest.shape[1] // 2)
        predictions = [self.coarse_head(x)]
        for neck, head, skip in zip(self.necks, self.heads[1:], finer, strict=True):
            x = check_channels(neck(x, skip), neck, out_channels_of(neck))
            predictions.append(head(x))
        return check_predictions(predictions, self.heads, self.anchors.sizes, self.num_classes)

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        """Predictions -> (B, N, 4) boxes in pixels of the input and (B, N, C) scores."""
        return decode(predictions, self.anchors)


def _scale_name(scale: int) -> str:
    """The name of a scale, counted from the coarsest; its neck and head have it too."""
    return ("coarse", "medium", "fine")[scale] if scale < 3 else f"scale_{scale}"


def _darknet53(
    strides: tuple[int, ...], in_channels: int, width: float, unit: PartFactory, block: BlockFactory
) -> Darknet53:
    """The `Darknet53` that gives a map at each of these strides."""
    if strides[0] != 32 or len(strides) > 5:
        raise ValueError(
            f"Darknet53 has maps at strides 32, 16, 8, 4 and 2, and gives the first of them; the anchors are for "
            f"{strides}; pass a backbone of your own for these"
        )
    return Darknet53(in_channels, width, unit=unit, block=block, num_maps=len(strides))


def _check_left_to_backbone(*, width: float, in_channels: int, unit: PartFactory) -> None:
    """Raise the ValueError of an argument that would have no effect, since the backbone decides it."""
    if width != 1:
        raise ValueError(f"width is {width:g} beside a backbone, which has its own; write Darknet53(width={width:g})")
    if in_channels != 3:
        given = f"in_channels is {in_channels} beside a backbone, which has its own"
        raise ValueError(f"{given}; write Darknet53(in_channels={in_channels}), or give your backbone `in_channels`")
    if unit is not ResUnit:
        name = getattr(unit, "__name__", type(unit).__name__)
        raise ValueError(f"unit is {name} beside a backbone, which has its own; write Darknet53(unit={name})")
