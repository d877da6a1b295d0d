"""`Darknet`: a detector built from a cfg."""

import math
import os

from torch import Tensor, nn

from yolo3.blocks import start_from_prior
from yolo3.boxes import Anchors
from yolo3.choices import LetterboxName
from yolo3.darknet.cfg import parse_cfg, read_cfg
from yolo3.darknet.cfg_editing import with_values
from yolo3.darknet.forward import last_readers, run_layers
from yolo3.darknet.heads import AnchorHead, PredictionChannels
from yolo3.darknet.kernels import MixedSplit
from yolo3.darknet.layer_plan import CfgOptions, LayerPlan, ShortcutWeights
from yolo3.darknet.layers import Convolution
from yolo3.darknet.planner import coarsest_stride, plan_detector
from yolo3.darknet.yolov1_layers import GridHead
from yolo3.inputs import check_images
from yolo3.models.decoding import decode
from yolo3.protocols import ClassActivation
from yolo3.structures import Candidates


class Darknet(nn.Module):
    """The network of a Darknet cfg; losses, training and export treat it like `YOLOv3`.

    A network with ``[yolo]``, ``[Gaussian_yolo]`` or ``[region]`` heads has `anchors`, and the biases of its heads
    start from the same prior as those of `YOLOv3`. One with a ``[detection]`` head, as YOLOv1, has no anchors, and
    accepts only images of the size in its cfg.

    Args:
        cfg: Path of a cfg, name of one that comes with yolo3 (such as ``yolov3`` or ``yolov3-tiny``, see
            `shipped_cfgs`), or the text itself.
        bn_eps: Added to the variance in batch normalization, from 0 to below 1.
        shortcut_weights: How the learned weights of a ``[shortcut]`` with ``weights_type`` are used. ``darknet``: as in
            the C program, whose weights files hold them. ``sigmoid``: σ(w)·2/n for n inputs, as in the PyTorch programs
            that introduced them; a weights file has no place for them.
        mixed: How a ``[convolutional]`` with several kernel sizes divides its filters among them: equal numbers of
            ``channels``, or of ``parameters``. A cfg does not say which it means.

    Attributes:
        anchors: Anchors of the heads, coarse to fine.
        num_classes: Number of classes, the same for every head.
        in_channels: Channels of the images.
        image_size: (height, width) in the cfg, pixels.
        letterbox: How images are fitted to that input: ``stretch`` if the cfg says ``letter_box=0``, else ``darknet``.
        stride: Pixels that the height and width of an input must be multiples of.
        cfg_text: Text of the cfg, from which the same network can be built again.
        plan: Shapes, sizes and cost of every layer.

    Raises:
        DarknetError: A cfg that cannot be read, or with a line that matters and is not understood; it is named.

    Source:
        Darknet's ``parser.c``.
    """

    anchors: Anchors
    class_activation: ClassActivation

    def __init__(
        self,
        cfg: str | os.PathLike[str],
        *,
        bn_eps: float = 1e-5,
        shortcut_weights: ShortcutWeights = "darknet",
        mixed: MixedSplit = "channels",
    ) -> None:
        super().__init__()
        options = CfgOptions(bn_eps, shortcut_weights, mixed)
        self.cfg_text, self.source = read_cfg(cfg)
        net, *_ = sections = parse_cfg(self.cfg_text, self.source)
        self.plan = plan_detector(sections, options)
        self.bn_eps = bn_eps
        self.shortcut_weights = shortcut_weights
        self.mixed = mixed
        self.in_channels = net.integer("channels", 3)
        self.image_size = (net.integer("height"), net.integer("width"))
        self.letterbox: LetterboxName = "stretch" if net.number("letter_box", 1) == 0 else "darknet"
        self._heads = coarse_to_fine(self.plan)
        self._one_size = isinstance(self._heads[0][1], GridHead)
        self.stride = math.gcd(*self.image_size) if self._one_size else coarsest_stride(self.plan)
        self._released = last_readers(self.plan, {number for number, _ in self._heads})
        self.num_classes = self._heads[0][1].num_classes
        self.layers = nn.ModuleList(layer.build() for layer in self.plan)
        anchor_heads = [head for _, head in self._heads if isinstance(head, AnchorHead)]
        if anchor_heads:
            self.anchors = Anchors(
                tuple(head.anchors for head in anchor_heads),
                tuple(head.stride for head in anchor_heads),
                tuple(head.xy_scale for head in anchor_heads),
                anchor_heads[0].size_decoding,
            )
            self.class_activation = anchor_heads[0].class_activation
        for head in anchor_heads:
            convolution = self.layers[head.predicted_by[0]]
            assert isinstance(convolution, Convolution)
            assert convolution.shift is not None
            start_from_prior(convolution.shift[: head.channels.num_predictions], head.channels.num_anchors)

    def of_channels(self, in_channels: int) -> "Darknet":
        """The same network for images of another number of channels, with random weights."""
        text = with_values(self.cfg_text, {(0, "channels"): str(in_channels)})
        return Darknet(text, bn_eps=self.bn_eps, shortcut_weights=self.shortcut_weights, mixed=self.mixed)

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """(height, width) that every image must have, pixels; None where any multiple of the stride will do."""
        return self.image_size if self._one_size else None

    @property
    def prediction_channels(self) -> dict[int, PredictionChannels]:
        """The layers that predict, by number, with the meaning of their channels.

        These are the convolutions before the heads, and learned vectors that are added to or multiplied with them.
        """
        heads = [head for _, head in self._heads if isinstance(head, AnchorHead)]
        return {number: head.channels for head in heads for number in head.predicted_by}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Predict.

        Args:
            images: (B, in_channels, H, W) in [0, 1]; H and W multiples of `stride`.

        Returns:
            (B, A, S, S, 5 + C) logits for every head, coarse to fine. A ``[detection]`` head gives (B, S, S, C + 5·num)
            instead: classes, then (confidence, x, y, w, h) per box.

        Raises:
            ValueError: Images of another shape or type, or a height or width that does not fit.
        """
        check_images(images, self.stride, self.in_channels)
        image_size = (images.shape[2], images.shape[3])
        if self._one_size and image_size != self.image_size:
            raise ValueError(f"{self.source} takes (height, width) {self.image_size} only, not {image_size}")
        maps = run_layers(self.plan, self.layers, self._released, images)
        return tuple(maps[number] for number, _ in self._heads)

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        """Predictions -> (B, N, 4) boxes in pixels of the input and (B, N, C) scores."""
        head = self._heads[0][1]
        if isinstance(head, GridHead):
            return head.decode(predictions[0], self.image_size)
        return decode(predictions, self.anchors, self.class_activation)


def coarse_to_fine(plan: tuple[LayerPlan, ...]) -> list[tuple[int, AnchorHead | GridHead]]:
    """The heads and the numbers of their layers, by stride; in the order of the cfg where strides are equal."""
    heads = [(layer.number, layer.head) for layer in plan if layer.head is not None]

    def fineness(head: tuple[int, AnchorHead | GridHead]) -> int:
        return -head[1].stride if isinstance(head[1], AnchorHead) else 0

    return sorted(heads, key=fineness)
