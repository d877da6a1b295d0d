"""The settings of Darknet's loss that a cfg holds, for recipes that have the same idea."""

from dataclasses import dataclass
from typing import Any, Literal

from yolo3.choices import ObjectnessTarget
from yolo3.darknet.cfg import Section, parse_cfg
from yolo3.darknet.network import Darknet


@dataclass(frozen=True)
class LossSettings:
    """Settings of the loss in the head sections of a cfg; None for what a ``[yolo]`` leaves to the program.

    A ``[region]`` has them all, since what it leaves out is not what ``yolov2.cfg`` says.
    """

    ignore_iou: float | None = None
    """``ignore_thresh``, ``thresh``: predictions that overlap an object at least this much are not background."""
    also_above: float | None = None
    """``iou_thresh``: anchors whose wh-IoU with an object exceeds this are responsible too."""
    box_kind: str | None = None
    """``iou_loss``: kind of overlap that the box term uses; ``mse`` is Darknet's squared errors."""
    label_smoothing: float | None = None
    """``label_smooth_eps``: ε of the class targets 1 - ε/2 and ε/2."""
    box_weight: float | None = None
    """``iou_normalizer``, ``coord_scale``."""
    objectness_weight: float | None = None
    """``obj_normalizer``, ``object_scale``."""
    class_weight: float | None = None
    """``cls_normalizer``, ``class_scale``."""
    background_weight: float | None = None
    """``noobject_scale``."""
    objectness_target: ObjectnessTarget | None = None
    """``rescore=1`` makes the IoU the objectness to reach."""
    match: Literal["anchors", "predictions"] | None = None
    """``bias_match=1`` compares the sizes of the anchors with that of an object, 0 the sizes that are predicted."""
    differing: tuple[str, ...] = ()
    """Settings that the heads do not share, and that are left out."""


def loss_settings(network: Darknet) -> LossSettings:
    """What the cfg of a network says of its loss.

    Raises:
        DarknetError: A value that is no number.

    Source:
        AlexeyAB's ``parse_yolo``; pjreddie's ``parse_region``.
    """
    sections = parse_cfg(network.cfg_text, network.source)
    heads = [_HEADS[section.kind](section) for section in sections if section.kind in _HEADS]
    if not heads:
        return LossSettings()
    values = {name: {settings[name] for settings in heads} for name in heads[0]}
    alike = {name: next(iter(found)) for name, found in values.items() if len(found) == 1}
    smoothing = sections[0].number("label_smooth_eps", 0.0)
    if smoothing and alike.get("label_smoothing") is None:
        alike["label_smoothing"] = smoothing
    return LossSettings(**alike, differing=tuple(name for name, found in values.items() if len(found) > 1))


def _of_yolo(head: Section) -> dict[str, Any]:
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


def _of_region(head: Section) -> dict[str, Any]:
    return {
        "ignore_iou": head.number("thresh", 0.5),
        "box_weight": head.number("coord_scale", 1.0),
        "objectness_weight": head.number("object_scale", 1.0),
        "background_weight": head.number("noobject_scale", 1.0),
        "class_weight": head.number("class_scale", 1.0),
        "objectness_target": "iou" if head.flag("rescore") else "binary",
        "match": "anchors" if head.flag("bias_match") else "predictions",
    }


_HEADS = {"yolo": _of_yolo, "Gaussian_yolo": _of_yolo, "region": _of_region}
