"""The settings of Darknet's loss that a cfg holds, for recipes that have the same idea."""

from dataclasses import dataclass
from typing import Any

from yolo3.darknet.cfg import Section, parse_cfg
from yolo3.darknet.network import Darknet

_HEADS = ("yolo", "Gaussian_yolo")


@dataclass(frozen=True)
class LossSettings:
    """Settings of the loss in the ``[yolo]`` sections of a cfg; None for what it leaves to the program."""

    ignore_iou: float | None = None
    """``ignore_thresh``: predictions that overlap an object at least this much are not background."""
    also_above: float | None = None
    """``iou_thresh``: anchors whose wh-IoU with an object exceeds this are responsible too."""
    box_kind: str | None = None
    """``iou_loss``: kind of overlap that the box term uses; ``mse`` is Darknet's squared errors."""
    label_smoothing: float | None = None
    """``label_smooth_eps``: ε of the class targets 1 - ε/2 and ε/2."""
    box_weight: float | None = None
    """``iou_normalizer``."""
    objectness_weight: float | None = None
    """``obj_normalizer``."""
    class_weight: float | None = None
    """``cls_normalizer``."""
    differing: tuple[str, ...] = ()
    """Settings that the heads do not share, and that are left out."""


def loss_settings(network: Darknet) -> LossSettings:
    """What the cfg of a network says of its loss.

    Raises:
        DarknetError: A value that is no number.

    Source:
        AlexeyAB's ``parse_yolo``.
    """
    sections = parse_cfg(network.cfg_text, network.source)
    heads = [_of_head(section) for section in sections if section.kind in _HEADS]
    if not heads:
        return LossSettings()
    values = {name: {settings[name] for settings in heads} for name in heads[0]}
    alike = {name: next(iter(found)) for name, found in values.items() if len(found) == 1}
    smoothing = sections[0].number("label_smooth_eps", 0.0)
    if smoothing and alike.get("label_smoothing") is None:
        alike["label_smoothing"] = smoothing
    return LossSettings(**alike, differing=tuple(name for name, found in values.items() if len(found) > 1))


def _of_head(head: Section) -> dict[str, Any]:
    def number(key: str) -> float | None:
        return head.number(key, 0.0) if key in head.values else None

    return {
        "ignore_iou": number("ignore_thresh"),
        "also_above": number("iou_thresh"),
        "box_kind": head.values.get("iou_loss"),
        "label_smoothing": number("label_smooth_eps"),
        "box_weight": number("iou_normalizer"),
        "objectness_weight": number("obj_normalizer"),
        "class_weight": number("cls_normalizer"),
    }
