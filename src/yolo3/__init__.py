"""The YOLO detectors in PyTorch: YOLOv3 written out by hand, the same from a Darknet cfg, and YOLOv1.

A name is imported when it is first used, so that `yolo3 --help` need not wait for torch. Editors and type checkers read
the same names in ``__init__.pyi``.
"""

from pathlib import Path

from yolo3.system.lazy import import_name

__version__ = "0.2.0"

_HOMES = {
    "yolo3.assign": ("TargetEncoder",),
    "yolo3.blocks": ("CNNBlock", "ConvSet", "ResBlock", "ResUnit"),
    "yolo3.boxes": ("COCO_ANCHORS", "Anchors"),
    "yolo3.checkpoint": ("load_checkpoint", "save_checkpoint"),
    "yolo3.darknet": ("Darknet", "load_darknet_weights", "save_darknet_weights"),
    "yolo3.data": ("open_dataset",),
    "yolo3.data.dataset": ("YoloDataset",),
    "yolo3.losses": ("DarknetLoss", "FocalGIoULoss", "MultiAnchorLoss", "QualityLoss", "YoloLoss", "YoloV1Loss"),
    "yolo3.models": ("Darknet53", "NeckAndConcatNet", "ScalePrediction", "YOLOv1", "YOLOv3", "adapt_channels"),
    "yolo3.predictor": ("Predictor",),
    "yolo3.structures": ("Candidates", "Detections", "GroundTruth", "ScaleOutput", "Targets"),
    "yolo3.suppression": ("suppress",),
}

_ELSEWHERE = ("assign", "boxes", "darknet", "data", "evaluation", "export", "losses", "metrics", "models", "results")
"""Packages whose names a message points to."""

__all__ = sorted(name for names in _HOMES.values() for name in names)


def __getattr__(name: str) -> object:
    try:
        return import_name(_HOMES, globals(), name)
    except AttributeError:
        # Python's machinery asks for many with an underscore, and for a package before it imports it
        home = None if name.startswith("_") or Path(__file__).with_name(name).is_dir() else _elsewhere(name)
        if home is None:
            raise
    # an AttributeError would become an ImportError that says nothing of this
    raise ImportError(f"cannot import name {name!r} from 'yolo3'; it is in {home}: from {home} import {name}")


def _elsewhere(name: str) -> str | None:
    """The package that offers a name which was looked for here; by its text, since importing it would take long."""
    for package in _ELSEWHERE:
        if f'"{name}"' in Path(__file__).with_name(package).joinpath("__init__.py").read_text(encoding="utf-8"):
            return f"yolo3.{package}"
    return None


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
