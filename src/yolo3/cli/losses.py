"""The loss of ``yolo3 train``: chosen by name, with the options of its signature and the settings of a cfg."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from yolo3.choices import LossName

if TYPE_CHECKING:
    from yolo3.darknet.loss_settings import LossSettings
    from yolo3.protocols import DetectionLoss, Detector


def build_loss(name: LossName | None, detector: "Detector", options: Sequence[str] = ()) -> "DetectionLoss":
    """A loss for a detector.

    Args:
        name: Name of the recipe; None chooses the one that suits the detector.
        detector: Detector to train. The settings of the loss in a cfg are used where the recipe has the idea.
        options: Options of the recipe, as in ``box_weight=2.0``; they come before those of a cfg.

    Raises:
        ValueError: A recipe that does not go with the detector, an option that it does not have.
    """
    from yolo3.darknet import Darknet
    from yolo3.darknet.loss_settings import loss_settings
    from yolo3.losses import YoloV1Loss
    from yolo3.models import YOLOv1
    from yolo3.protocols import anchors_of, class_activation_of

    if isinstance(detector, YOLOv1):
        if name is not None:
            raise ValueError(f"--loss {name} is for detectors with anchors; yolov1 has a loss of its own")
        return YoloV1Loss(detector.num_classes, num_boxes=detector.num_boxes, **chosen_options(YoloV1Loss, options))
    anchors = anchors_of(detector)
    if anchors is None:
        raise ValueError(f"a {type(detector).__name__} without anchors cannot be trained here; choose another --model")
    recipe, parts = _recipe(name, class_activation_of(detector) == "softmax")
    chosen = chosen_options(recipe, options)
    if isinstance(detector, Darknet):
        settings = loss_settings(detector)
        # also where a setting has its place in a part of the recipe
        settings = replace(settings, **{name: value for name, value in chosen.items() if hasattr(settings, name)})
        taken = settings_for(recipe, settings)
        if taken.report:
            print(f"loss settings of {detector.source}: {taken.report}")
        parts |= taken.options
    return recipe(anchors, **{**parts, **chosen})


def check_loss_options(model: str, name: LossName | None, options: Sequence[str]) -> None:
    """Complain of options that the loss does not have, before the data is read; of a cfg's own loss later.

    Raises:
        ValueError: See `chosen_options`.
    """
    from yolo3.losses import YoloV1Loss

    if model.startswith("yolov1"):
        chosen_options(YoloV1Loss, options)
    elif name is not None or not model.lower().endswith(".cfg"):
        chosen_options(_recipe(name, is_softmax=name == "region")[0], options)


def chosen_options(recipe: type[Any], words: Sequence[str]) -> dict[str, Any]:
    """``box_weight=2.0`` -> a keyword argument of a recipe, of the type that its field has.

    Raises:
        ValueError: No such option, or a value of another type.
    """
    kinds = _plain_options(recipe)
    chosen = {}
    for word in words:
        name, equals, text = (part.strip() for part in word.partition("="))
        if not equals:
            raise ValueError(f"--loss-options {word!r} is not an option and its value; write box_weight=2.0,gamma=1.5")
        if name not in kinds and name in {field.name for field in fields(recipe)}:
            part = f"{recipe.__name__}({name}=...)"
            raise ValueError(
                f"--loss-options: {name} of {recipe.__name__} is passed in Python, {part}; the options here are "
                f"{', '.join(kinds)}"
            )
        if name not in kinds:
            raise ValueError(f"--loss-options: {recipe.__name__} has no option {name!r}; it has {', '.join(kinds)}")
        chosen[name] = _value(name, kinds[name], text)
    return chosen


@dataclass(frozen=True)
class TakenSettings:
    """The settings of a cfg, as far as a recipe has the same idea."""

    options: dict[str, Any]
    """Keyword arguments of the recipe."""
    report: str
    """The settings that are used and those that are not, in words; empty where the cfg says nothing."""


def settings_for(recipe: type[Any], settings: "LossSettings") -> TakenSettings:
    """The keyword arguments that give a recipe the settings of a cfg.

    Args:
        recipe: Class of the loss.
        settings: Settings of the cfg.

    Raises:
        ValueError: An unknown kind of overlap.
    """
    from yolo3.assign import BestAnchorInCell, BestAnchorOverall
    from yolo3.losses import DarknetLoss, FocalGIoULoss, IoUBox, MultiLabelClasses, RegionLoss

    own = {field.name: field.default for field in fields(recipe)}
    said = {name: value for name, value in asdict(settings).items() if value is not None and name != "differing"}
    taken: dict[str, dict[str, Any]] = {}  # the arguments that each setting gives
    if recipe in (DarknetLoss, FocalGIoULoss):  # whose terms have Darknet's meaning and weights of 1
        for name in ("ignore_iou", "box_weight", "objectness_weight", "class_weight"):
            taken[name] = {name: said.get(name)}
        policy = BestAnchorOverall(said.get("ignore_iou", own["ignore_iou"]), said.get("also_above", 1.0))
        taken["also_above"] = {"assigner": policy}
    if recipe is RegionLoss:
        for name in ("ignore_iou", "box_weight", "objectness_weight", "background_weight", "class_weight"):
            taken[name] = {name: said.get(name)}
        taken["objectness_target"] = {"objectness_target": said.get("objectness_target")}
        matching = BestAnchorInCell(said.get("ignore_iou", own["ignore_iou"]), said.get("match", "anchors"))
        taken["match"] = {"assigner": matching}
    kind = said.get("box_kind")
    if kind == "mse" and recipe is DarknetLoss:
        taken["box_kind"] = {}  # it has Darknet's squares
    elif kind not in (None, "mse") and "box" in own:
        taken["box_kind"] = {"box": IoUBox(kind)}
    if isinstance(own["classes"], MultiLabelClasses):
        taken["label_smoothing"] = {"classes": MultiLabelClasses(label_smoothing=said.get("label_smoothing", 0.0))}
    elif "label_smoothing" in own:
        taken["label_smoothing"] = {"label_smoothing": said.get("label_smoothing")}
    used = [f"{name} {value}" for name, value in said.items() if name in taken]
    unused = [f"{name} {value}" for name, value in said.items() if name not in taken]
    parts = (
        ("", used),
        (f"not used by {recipe.__name__}: ", unused),
        ("not the same in all heads, and not used: ", settings.differing),
    )
    report = "; ".join(f"{what}{', '.join(names)}" for what, names in parts if names)
    options = {key: value for name in said if name in taken for key, value in taken[name].items()}
    return TakenSettings(options, report)


def _recipe(name: LossName | None, is_softmax: bool) -> tuple[type[Any], dict[str, Any]]:
    """The class of a recipe, and the parts that it needs for a network whose classes exclude each other, or do not."""
    from yolo3.losses import (
        DarknetLoss,
        FocalGIoULoss,
        MultiAnchorLoss,
        MultiLabelClasses,
        QualityLoss,
        RegionLoss,
        YoloLoss,
    )

    name = name or ("region" if is_softmax else "focal-giou")
    if is_softmax and name not in ("region", "yolo"):
        raise ValueError(
            f"--loss {name} learns each class by itself, and the classes of this network exclude each other "
            "(softmax=1); choose region or yolo"
        )
    recipes: dict[LossName, type[Any]] = {
        "yolo": YoloLoss,
        "multi-anchor": MultiAnchorLoss,
        "focal-giou": FocalGIoULoss,
        "darknet": DarknetLoss,
        "quality": QualityLoss,
        "region": RegionLoss,
    }
    parts: dict[str, Any] = {}
    if name == "region":
        parts["prior_weight"] = 0.01  # for the first images, as in Darknet's program: see `RegionPrior`
        if not is_softmax:
            parts["classes"] = MultiLabelClasses()
    return recipes[name], parts


def _plain_options(recipe: type[Any]) -> dict[str, Any]:
    """The fields of a recipe that a word can stand for, with their types."""
    hints = get_type_hints(recipe)
    kinds = {field.name: hints[field.name] for field in fields(recipe)}
    return {name: kind for name, kind in kinds.items() if _is_plain(kind) and name not in ("num_classes", "num_boxes")}


def _is_plain(kind: Any) -> bool:
    if get_origin(kind) in (UnionType, Union):
        return all(_is_plain(part) for part in get_args(kind))
    return kind in (int, float, bool, str, type(None)) or get_origin(kind) is Literal


def _value(name: str, kind: Any, text: str) -> Any:
    """A word as a number, or as one of some names."""
    choices = [
        choice
        for part in (get_args(kind) if get_origin(kind) in (UnionType, Union) else (kind,))
        for choice in (get_args(part) if get_origin(part) is Literal else ())
    ]
    if choices:
        if text not in choices:
            raise ValueError(f"--loss-options {name}={text}: choose {', '.join(choices)}")
        return text
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"--loss-options {name}={text}: {text!r} is not a number") from error
