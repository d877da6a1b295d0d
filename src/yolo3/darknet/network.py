"""`Darknet`: a detector made from a cfg."""

import math
import os
from typing import get_args

from torch import Tensor, nn

from yolo3.blocks import start_from_prior
from yolo3.boxes import Anchors, Fit
from yolo3.darknet.cfg import DarknetError, parse_cfg, read_cfg
from yolo3.darknet.grid import GridHead
from yolo3.darknet.layers import Convolution
from yolo3.darknet.place import PICTURE, AnchorHead, Layer, Options, ShortcutWeights
from yolo3.darknet.plan import coarsest_stride, plan_layers
from yolo3.inputs import check_images
from yolo3.models import decode
from yolo3.structures import Candidates


class Darknet(nn.Module):
    """The network of a Darknet cfg; like `YOLOv3` in everything that losses, training and export see.

    A network with ``[yolo]`` heads has `anchors`, and its heads start from the prior that those of `YOLOv3` start from.
    One with a ``[detection]`` head, as YOLOv1, has no anchors, and takes pictures of its own size only.

    Args:
        cfg: a path, the name of a cfg that comes with yolo3 (``yolov3.cfg``, ``yolov3-spp.cfg``, ``yolov3-tiny.cfg``,
            ``yolov3-voc.cfg``, ``yolov1.cfg``), or the text itself.
        bn_eps: Added to the variance in batch normalization, from 0 to below 1.
        shortcut_weights: How the learned weights of a ``[shortcut]`` with ``weights_type`` count. ``darknet``: as in
            the C program, whose weights files hold them. ``sigmoid``: σ(w)·2/n of n inputs, as in the PyTorch programs
            that introduced them; a weights file has no place for them.

    Attributes:
        anchors: of the ``[yolo]`` heads, coarse to fine.
        num_classes: that every head knows.
        in_channels: of the pictures.
        image_size: (height, width) of the cfg.
        letterbox: how images are fitted to that input: ``stretch`` if the cfg says ``letter_box=0``, else ``darknet``.
        stride: pixels; the height and width of an input must be multiples of it.
        cfg_text: from which the same network can be built again.
        plan: what is known of every layer.

    Raises:
        DarknetError: a cfg that cannot be read, or not understood in every line that matters; the line is named.

    Source:
        Darknet's ``parser.c``.
    """

    anchors: Anchors

    def __init__(
        self,
        cfg: str | os.PathLike[str],
        *,
        bn_eps: float = 1e-5,
        shortcut_weights: ShortcutWeights = "darknet",
    ) -> None:
        super().__init__()
        if not 0 <= bn_eps < 1:
            raise DarknetError(f"bn_eps is {bn_eps}; it is a small number such as 1e-5, at least 0")
        if shortcut_weights not in get_args(ShortcutWeights):
            raise DarknetError(f"unknown shortcut_weights {shortcut_weights!r}; choose darknet or sigmoid")
        self.cfg_text, self.source = read_cfg(cfg)
        net, *_ = sections = parse_cfg(self.cfg_text, self.source)
        self.plan = plan_layers(sections, Options(bn_eps, shortcut_weights))
        self.bn_eps = bn_eps
        self.shortcut_weights = shortcut_weights
        self.in_channels = net.integer("channels", 3)
        self.image_size = (net.integer("height"), net.integer("width"))
        self.letterbox: Fit = "stretch" if net.number("letter_box", 1) == 0 else "darknet"
        self._heads = coarse_to_fine(self.plan)
        self._one_size = isinstance(self._heads[0][1], GridHead)
        self.stride = math.gcd(*self.image_size) if self._one_size else coarsest_stride(self.plan)
        self._last_reads = _last_reads(self.plan)
        self.num_classes = self._heads[0][1].num_classes
        self.layers = nn.ModuleList(layer.build() for layer in self.plan)
        anchored = [head for _, head in self._heads if isinstance(head, AnchorHead)]
        if anchored:
            self.anchors = Anchors(
                tuple(head.anchors for head in anchored),
                tuple(head.stride for head in anchored),
                tuple(head.xy_scale for head in anchored),
            )
        for number, num_anchors in self.prediction_layers.items():
            convolution = self.layers[number]
            assert isinstance(convolution, Convolution)
            assert convolution.shift is not None
            start_from_prior(convolution.shift, num_anchors)

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """(height, width) that every image must have, pixels; None where any multiples of the stride will do."""
        return self.image_size if self._one_size else None

    @property
    def prediction_layers(self) -> dict[int, int]:
        """The convolutions before the ``[yolo]`` heads: their numbers, and how many anchors each predicts for."""
        anchored = {number: head for number, head in self._heads if isinstance(head, AnchorHead)}
        return {self.plan[number].reads[0]: len(head.anchors) for number, head in anchored.items()}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Predict.

        Args:
            images: (B, in_channels, H, W) in [0, 1]; H and W multiples of `stride`.

        Returns:
            (B, A, S, S, 5 + C) logits of every head, coarse to fine. A ``[detection]`` head gives (B, S, S, C + 5·num)
            instead: classes, then (confidence, x, y, w, h) a box.

        Raises:
            ValueError: images of another shape or type, a height or width that does not fit.
        """
        check_images(images, self.stride)
        image_size = (images.shape[2], images.shape[3])
        if self._one_size and image_size != self.image_size:
            raise ValueError(f"{self.source} takes (height, width) {self.image_size} only, not {image_size}")
        maps = {PICTURE: images}
        for layer, module in zip(self.plan, self.layers, strict=True):
            maps[layer.number] = module(*(maps[number] for number in layer.reads))
            for number in self._last_reads[layer.number]:
                del maps[number]
        return tuple(maps[number] for number, _ in self._heads)

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        """Predictions -> (B, N, 4) boxes in pixels of the input and (B, N, C) scores."""
        head = self._heads[0][1]
        if isinstance(head, GridHead):
            return head.decode(predictions[0], self.image_size)
        return decode(predictions, self.anchors)


def coarse_to_fine(plan: tuple[Layer, ...]) -> list[tuple[int, AnchorHead | GridHead]]:
    """The heads and the numbers of their layers, by stride; in the order of the cfg where strides are equal."""
    heads = [(layer.number, layer.head) for layer in plan if layer.head is not None]
    return sorted(heads, key=lambda head: -head[1].stride if isinstance(head[1], AnchorHead) else 0)


def _last_reads(plan: tuple[Layer, ...]) -> list[list[int]]:
    """For every layer, the maps that no layer after it reads."""
    last = {number: layer.number for layer in plan for number in layer.reads}
    done: list[list[int]] = [[] for _ in plan]
    for number, reader in last.items():
        done[reader].append(number)
    return done
