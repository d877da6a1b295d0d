"""Classifiers from a cfg, and the first layers of any cfg as a backbone for other networks."""

import math
import os
from collections.abc import Sequence
from fractions import Fraction

from torch import Tensor, nn

from yolo3.darknet.cfg import DarknetError, parse_cfg, read_cfg
from yolo3.darknet.forward import last_readers, run_layers
from yolo3.darknet.layer_plan import CfgOptions, LayerPlan
from yolo3.darknet.planner import coarsest_stride, plan_layers
from yolo3.inputs import check_images

_NO_LAYER_OF_ITS_OWN = ("softmax", "cost", "dropout")  # sections after the one that gives the logits


class DarknetClassifier(nn.Module):
    """The network of a cfg that ends in class probabilities, such as ``darknet53.cfg``.

    Args:
        cfg: Path of a cfg, name of one that comes with yolo3 (``darknet53``, ``darknet19``), or the text itself.
        bn_eps: Added to the variance in batch normalization, from 0 to below 1.

    Attributes:
        num_classes: Number of classes.
        in_channels: Channels of the images.
        image_size: (height, width) in the cfg, pixels.
        cfg_text: Text of the cfg.
        plan: Shapes, sizes and cost of every layer.

    Raises:
        DarknetError: A cfg that cannot be read, or that does not end in a vector.
    """

    def __init__(self, cfg: str | os.PathLike[str], *, bn_eps: float = 1e-5) -> None:
        super().__init__()
        self.cfg_text, self.source = read_cfg(cfg)
        net, *rest = sections = parse_cfg(self.cfg_text, self.source)
        self.plan = plan_layers(sections, CfgOptions(bn_eps))
        if not self.plan or self.plan[-1].head is not None or self.plan[-1].output[1:3] != (1, 1):
            raise net.error("begins no classifier: the last layer does not give one value per class")
        self.bn_eps = bn_eps
        self.in_channels = net.integer("channels", 3)
        self.image_size = (net.integer("height"), net.integer("width"))
        self.num_classes = self.plan[-1].output.channels
        self.takes_one_size = any(section.kind in ("connected", "local", "crop") for section in rest)
        self.layers = nn.ModuleList(layer.build() for layer in self.plan)
        self._logits = max(layer.number for layer in self.plan if layer.section.kind not in _NO_LAYER_OF_ITS_OWN)
        self._released = last_readers(self.plan, {self._logits, len(self.plan) - 1})

    def forward(self, images: Tensor) -> Tensor:
        """Classify.

        Args:
            images: (B, in_channels, H, W) in [0, 1], of the cfg's size where it has layers that are made for one size.

        Returns:
            (B, num_classes) probabilities.
        """
        return self._outputs(images)[len(self.plan) - 1].flatten(1)

    def logits(self, images: Tensor) -> Tensor:
        """(B, num_classes) logits, the input of the softmax: what a cross-entropy takes."""
        return self._outputs(images)[self._logits].flatten(1)

    def _outputs(self, images: Tensor) -> dict[int, Tensor]:
        check_images(images, 1, self.in_channels)
        image_size = (images.shape[2], images.shape[3])
        if self.takes_one_size and image_size != self.image_size:
            raise ValueError(f"{self.source} takes (height, width) {self.image_size} only, not {image_size}")
        return run_layers(self.plan, self.layers, self._released, images)


class DarknetBackbone(nn.Module):
    """The first layers of a cfg, a detector's or a classifier's, as a backbone for `YOLOv3` and others.

    Args:
        cfg: Path of a cfg, name of one that comes with yolo3, or the text itself.
        layers: Numbers of the layers whose outputs it gives, fine to coarse, as in the cfg; for Darknet-53 36, 61, 74.
            `layer_table` shows them.
        bn_eps: Added to the variance in batch normalization, from 0 to below 1.

    Attributes:
        out_channels: Channels of each map.
        in_channels: Channels of the images.
        strides: Pixels per cell of each map.
        stride: Pixels that the height and width of an input must be multiples of.

    Raises:
        DarknetError: A cfg that cannot be read, layers that it does not have, or that are not fine to coarse.
    """

    def __init__(self, cfg: str | os.PathLike[str], layers: Sequence[int], *, bn_eps: float = 1e-5) -> None:
        super().__init__()
        self.cfg_text, self.source = read_cfg(cfg)
        sections = parse_cfg(self.cfg_text, self.source)
        if not layers or not all(0 <= number < len(sections) - 1 for number in layers):
            raise DarknetError(f"{self.source} has layers 0 to {len(sections) - 2}, not {tuple(layers)}")
        self.plan = plan_layers(sections[: max(layers) + 2], CfgOptions(bn_eps), whole_cells=True)
        self.outputs = tuple(layers)
        self.strides = tuple(_stride(self.plan[number]) for number in layers)
        if list(self.strides) != sorted(set(self.strides)):
            raise DarknetError(f"layers {self.outputs} have strides {self.strides}; name them fine to coarse")
        self.bn_eps = bn_eps
        self.in_channels = sections[0].integer("channels", 3)
        self.out_channels = tuple(self.plan[number].output.channels for number in layers)
        self.stride = math.lcm(coarsest_stride(self.plan), *self.strides)
        self.layers = nn.ModuleList(layer.build() for layer in self.plan)
        self._released = last_readers(self.plan, self.outputs)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, in_channels, H, W) -> one map per layer, (B, out_channels, H / stride, W / stride), fine to coarse.

        Raises:
            ValueError: A height or width that is not a multiple of `stride`.
        """
        check_images(images, self.stride, self.in_channels)
        maps = run_layers(self.plan, self.layers, self._released, images)
        return tuple(maps[number] for number in self.outputs)


def _stride(layer: LayerPlan) -> int:
    """Pixels per cell of a layer's output.

    Raises:
        DarknetError: A map without square cells, or a prediction.
    """
    down, right = layer.output.stride
    if layer.head is not None or down != right or Fraction(down).denominator > 1:
        raise layer.section.error("cannot be the output of a backbone: it has no square cells, or predicts")
    return int(down)
