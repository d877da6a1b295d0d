"""The variants of ``yolo3 train`` that `accuracy.py` compares: further words, or other parts than the default ones.

    python benchmarks/variants.py VARIANT WORDS…

is ``yolo3 train WORDS…`` of a variant. A part that no word names replaces the default one in this process alone.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

from torch import nn

import yolo3.cli.train as command
from yolo3.assign import ATSS, BestAnchorOverall, NeighbourCells, SimOTA
from yolo3.blocks import ResUnit
from yolo3.cli import main
from yolo3.cli.losses import build_loss
from yolo3.cli.training_network import build_detector
from yolo3.losses import IoUBox, MultiLabelClasses, QualityLoss


@dataclass(frozen=True)
class Variant:
    """Changes of a training."""

    words: tuple[str, ...] = ()
    """Words that are added to the command."""
    loss: Mapping[str, Any] = field(default_factory=dict)
    """Parts of the loss, by the names of its fields."""
    loss_class: Callable[..., Any] | None = None
    """The loss, in place of that of the command."""
    anchors: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the anchors."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Numbers of the recipe."""
    prepare: Callable[[nn.Module], None] | None = None
    """Changes the network before it is trained."""

    def train(self, words: Sequence[str]) -> int:
        """``yolo3 train`` with the changes; the exit code."""
        recipe = command._recipe

        def changed_loss(name: Any, detector: Any, options: Sequence[str] = ()) -> Any:
            if self.loss_class is not None:
                return self.loss_class(detector.anchors, **self.loss)
            return replace(build_loss(name, detector, options), **self.loss)  # type: ignore[type-var]

        def changed_detector(*arguments: Any, **settings: Any) -> Any:
            detector: Any = build_detector(*arguments, **settings)
            if self.anchors:
                numbers = {name: getattr(detector, name) for name in ("num_classes", "width", "conv_set_depth")}
                detector = type(detector)(**numbers, anchors=replace(detector.anchors, **self.anchors))
            if self.prepare is not None:
                self.prepare(detector)
            return detector

        def changed_recipe(*arguments: Any) -> Any:
            return replace(recipe(*arguments), **self.recipe)

        changes: dict[str, Any] = {
            "build_loss": changed_loss,
            "build_detector": changed_detector,
            "_recipe": changed_recipe,
        }
        with mock.patch.multiple(command, **changes):
            return main(["train", *words, *self.words])


def zero_residuals(network: nn.Module) -> None:
    """Let every residual unit begin as the identity: the scale of its last normalisation is zero. arXiv 1706.02677."""
    for unit in network.modules():
        if isinstance(unit, ResUnit):
            *_, last = (norm for norm in unit.modules() if isinstance(norm, nn.BatchNorm2d))
            nn.init.zeros_(last.weight)


_TINY = ("--model", "yolov3_tiny", "--width", "1", "--image-size", "256")
VARIANTS: dict[str, Variant] = {
    "default": Variant(),
    "box-weight-2": Variant(("--loss-options", "box_weight=2")),
    "box-weight-4": Variant(("--loss-options", "box_weight=4")),
    "batch-4-box-weight-2": Variant(("--batch-size", "4", "--loss-options", "box_weight=2")),
    "batch-4": Variant(("--batch-size", "4")),
    "batch-16": Variant(("--batch-size", "16")),
    "rate-2.5e-3": Variant(("--learning-rate", "2.5e-3")),
    "quality": Variant(("--loss", "quality")),
    "darknet": Variant(("--loss", "darknet")),
    "overlap-as-objectness": Variant(
        loss={"assigner": BestAnchorOverall(0.5), "box": IoUBox("giou")}, loss_class=QualityLoss
    ),
    "ciou": Variant(loss={"box": IoUBox("ciou")}),
    "siou": Variant(loss={"box": IoUBox("siou")}),
    "label-smoothing": Variant(loss={"classes": MultiLabelClasses(label_smoothing=0.1)}),
    "more-anchors": Variant(loss={"assigner": BestAnchorOverall(0.5, also_above=0.5)}),
    "atss": Variant(loss={"assigner": ATSS()}),
    "simota": Variant(loss={"assigner": SimOTA()}),
    "neighbours": Variant(loss={"assigner": NeighbourCells()}, anchors={"xy_scales": (2.0, 2.0, 2.0)}),
    "sigmoid-sizes": Variant(anchors={"size_decoding": "sigmoid"}),
    "anchors": Variant(("--anchors", "auto")),
    "zero-residuals": Variant(prepare=zero_residuals),
    "no-clipping": Variant(recipe={"clip_norm": None}),
    "weight-decay-0.2": Variant(recipe={"weight_decay": 0.2}),
    "mosaic": Variant(("--mosaic", "0.5")),
    "multi-scale": Variant(("--multi-scale", "true")),
    "tiny": Variant(_TINY),
    "tiny-pretrained": Variant((*_TINY, "--weights", "yolov3-tiny", "--weights-layers", "15")),
}
"""The variants by name."""


if __name__ == "__main__":
    sys.exit(VARIANTS[sys.argv[1]].train(sys.argv[2:]))
