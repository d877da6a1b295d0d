"""Every setting that is one of a few names: the one list of them, without an import of torch."""

from typing import Any, Literal, TypeAlias, get_args

LetterboxName: TypeAlias = Literal["default", "darknet", "stretch"]
"""Names of the letterboxes, which fit an image to the network input; see `yolo3.boxes.Letterbox.fit`."""

Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]
"""Numbers that a network computes with; ``auto`` is half precision where the device is fast at it."""

InferencePrecision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16", "int8"]
"""Numbers that a network detects with; ``int8`` is for exported networks, calibrated on images."""

ExportPrecision: TypeAlias = Literal["fp32", "int8"]
"""Numbers that an exported file computes with."""

Int8Backend: TypeAlias = Literal["onnxruntime", "openvino"]
"""Backends that an int8 file can be made for."""

ExportedBackend: TypeAlias = Literal["onnxruntime", "openvino", "tensorrt"]
"""Backends of an exported network."""

Backend: TypeAlias = Literal["auto", "torch", "onnxruntime", "openvino", "tensorrt"]
"""Backends of a network; ``auto`` is torch or OpenVINO, whichever is faster."""

ExportKind: TypeAlias = Literal["logits", "decoded", "detections"]
"""Outputs of an exported file: the network's own, decoded boxes and scores, or detections after suppression."""

Augmentation: TypeAlias = Literal["none", "light", "standard", "strong", "overhead"]
"""Presets of augmentation; see `yolo3.data.transforms.augment`."""

Placement: TypeAlias = Literal["copy", "link"]
"""How the images of a data set that is written get there."""

Keep: TypeAlias = Literal["best", "last"]
"""Epochs of a training that its checkpoint may be: the one of the best AP, or the last."""

LossName: TypeAlias = Literal["yolo", "multi-anchor", "focal-giou", "darknet", "quality", "region"]
"""Losses of anchor detectors on the command line."""

ObjectnessTarget: TypeAlias = Literal["binary", "iou"]
"""Objectness that a positive should have: 1, or the IoU that its predicted box has reached."""

ShapesKind: TypeAlias = Literal["plain", "small", "crowded", "rotated"]
"""Kinds of drawn images; see `yolo3.data.shapes.DRAWINGS`."""

RecipeName: TypeAlias = Literal["modern", "published"]
"""Optimisers with their schedules on the command line; see `yolo3.training.recipe`."""

ChannelRule: TypeAlias = Literal["sum", "mean"]
"""Rules that adapt weights to another number of channels, by what stays the same; see `yolo3.adapt_channels`."""

ResultFormat: TypeAlias = Literal["images", "json", "jsonl", "csv", "coco", "yolo", "labelme", "crops", "parquet"]
"""Formats that ``yolo3 detect`` writes."""

PartFormat: TypeAlias = Literal["jsonl", "parquet"]
"""Formats of part files."""

OnError: TypeAlias = Literal["stop", "skip"]
"""Treatment of an image that cannot be read."""

LogFormat: TypeAlias = Literal["text", "json"]
"""Formats of the log of a server: errors as text, or every request and error as a line of JSON."""


def listed(choice: Any) -> str:
    """The names of a choice as a message lists them: ``auto, fp32, bf16 or fp16``."""
    *first, last = get_args(choice)
    return f"{', '.join(first)} or {last}" if first else str(last)


def check_choice(name: str, value: object, choice: Any) -> None:
    """Raise the ValueError of a setting that is none of its names."""
    if value not in get_args(choice):
        raise ValueError(f"{name} is {value!r}; choose {listed(choice)}")
