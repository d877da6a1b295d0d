"""Checks of a command line before anything slow is read, above all arguments in each other's place."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any

_MODELS = (
    "a model is a checkpoint folder, hf://user/name on the Hugging Face Hub, a Darknet .cfg with its --weights, an "
    ".onnx file of yolo3 export, or a name that yolo3 weights lists"
)
_SOURCES = ("an image", "a video")  # what belongs after the model, as `_kind` calls it
_WEIGHTS = re.compile(r".*(\.weights|\.conv\.\d+)", re.IGNORECASE)  # as in darknet53.conv.74
_KINDS = {
    (".names",): "class names",
    (".data",): "a description of a Darknet data set",
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"): "an image",
    (".mp4", ".mov", ".mkv", ".avi", ".webm"): "a video",
    (".xml",): "annotations",
    (".yaml", ".yml"): "a YAML file",
    (".json",): "a JSON file",
    (".csv", ".txt"): "a text file",
}
_PICKLES = (".pt", ".pth", ".bin", ".pkl")
_OF_A_CHECKPOINT = (".json", ".safetensors", ".ckpt")


def check_arguments(command: str, arguments: Mapping[str, Any]) -> None:
    """Complain of a model, data set, weights, names or device that cannot be what its place is for.

    Args:
        command: The name of the command.
        arguments: The arguments of its function.

    Raises:
        ValueError: One of them; the message says what it is and where it belongs.
    """
    if arguments.get("device") is not None:
        from yolo3.system.devices import choose_device  # torch, which every command with a device needs

        choose_device(arguments["device"])
    if command == "train":
        _check_training(arguments)
    elif arguments.get("detections") is None:
        _check_detector(command, arguments)
    if arguments.get("names") is not None:
        _check_names(arguments["names"])
    if arguments.get("data") is not None:
        _check_data(arguments["data"])
    if command == "detect":
        _check_sources(arguments["source"])


def _check_training(arguments: Mapping[str, Any]) -> None:
    from yolo3.cli.training_run import chosen_folder

    _check_trainable(arguments["model"], None if arguments["resume"] else arguments["weights"])
    _check_choices(arguments["model"], arguments["width"], arguments["loss"])
    if arguments["loss_options"]:
        from yolo3.cli.losses import check_loss_options

        check_loss_options(arguments["model"], arguments["loss"], arguments["loss_options"])
    anchors = arguments["anchors"]
    if arguments["resume"]:
        _check_resumable(chosen_folder(arguments))
    elif anchors not in (None, "auto") and not Path(anchors).is_file():
        raise ValueError(f"--anchors {anchors}: no such file; give auto, or a file of yolo3 anchors --output")


def _check_detector(command: str, arguments: Mapping[str, Any]) -> None:
    from yolo3.cli.model import check_weights

    model = arguments["source"] if command == "convert" else arguments.get("model")
    if model is None or (command == "evaluate" and _is_data_set(model)):  # of the latter evaluate itself complains
        return
    if command == "detect":
        _check_order(model, arguments["source"])
    _check_model(model)
    _check_weights(arguments.get("weights"))
    if command != "info":
        check_weights(model, arguments.get("weights"))


def _check_order(model: Path, source: Sequence[str] | None) -> None:
    """Complain of images where the model should be."""
    from yolo3.sources.video import is_live

    kind = None
    if is_live(str(model)):
        kind = "a camera"
    elif not model.is_dir():
        kind = _kind(model) if _kind(model) in _SOURCES else None
    elif not source and not (model / "model.json").is_file():
        kind = "a folder"
    if kind is not None:
        raise ValueError(f"{model} is {kind} and no model; name one before it, as in yolo3 detect yolov3-tiny {model}")


def _check_model(model: Path) -> None:
    from yolo3.cli.published import published_model
    from yolo3.hub import HubAddress, is_hub_address
    from yolo3.presets import PRESETS
    from yolo3.published import PUBLISHED

    if is_hub_address(model):
        HubAddress.parse(model)
        return
    suffix = model.suffix.lower()
    if suffix in (".cfg", ".onnx", ".pt2") and not model.is_dir():
        return  # what opens them has complaints of its own
    if not model.exists():
        # a preset without weights passes: where that is of no use the command says so
        if str(model) not in PRESETS and published_model(model) is None:
            meant = get_close_matches(str(model), PUBLISHED, n=1, cutoff=0.85)
            hint = f"did you mean {meant[0]}?" if meant else _MODELS
            raise ValueError(f"{model}: no such file or folder; {hint}")
    elif model.is_dir():
        _check_folder(model)
    elif _WEIGHTS.fullmatch(model.name):
        raise ValueError(
            f"{model} holds weights without their network; give the network's .cfg as the model, and "
            f"--weights {model} beside it"
        )
    elif suffix in _OF_A_CHECKPOINT and (model.parent / "model.json").is_file():
        raise ValueError(f"{model} is one file of a checkpoint; give its folder, {model.parent}")
    elif suffix in _PICKLES:
        raise ValueError(f"{model} may hold pickled Python, which is not read here; {_MODELS}")
    else:
        raise ValueError(f"{model} is {_kind(model)} and no model; {_MODELS}")


def _check_folder(folder: Path) -> None:
    if (folder / "model.json").is_file():
        return
    cfgs = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".cfg" and path.name[0] != ".")
    if cfgs:
        raise ValueError(f"{folder} is no checkpoint; did you mean the network {cfgs[0]}, with its --weights?")
    if _is_data_set(folder):
        raise ValueError(f"{folder} is a data set and no model; {_MODELS}")
    if (folder / "last.ckpt").is_file():
        raise ValueError(
            f"{folder} holds a training that has measured no epoch yet; go on with it: "
            f"yolo3 train --config {folder / 'config.yaml'} --resume"
        )


def _check_trainable(model: str, weights: Path | None) -> None:
    from yolo3.darknet.cfg import read_cfg
    from yolo3.hub import HubAddress, is_hub_address
    from yolo3.presets import PRESETS

    if model.lower().endswith(".cfg"):
        read_cfg(model)
    elif model not in PRESETS:
        if is_hub_address(model) or (Path(model) / "model.json").is_file():
            raise ValueError(f"{model} is a checkpoint; to start from what it has learned: --weights {model}")
        if _WEIGHTS.fullmatch(model):
            raise ValueError(f"{model} holds weights; name their network with --model, and --weights {model}")
        meant = model.replace("-", "_")
        hint = f"did you mean {meant}?" if meant in PRESETS else f"choose {', '.join(PRESETS)} or the path of a .cfg"
        raise ValueError(f"no model {model!r}; {hint}")
    if weights is not None and is_hub_address(weights):
        HubAddress.parse(weights)
    elif weights is not None and not (weights / "model.json").is_file():
        _check_weights(weights, "a checkpoint folder, with a model.json, or a .weights file")


def _check_choices(model: str, width: float, loss: str | None) -> None:
    """Complain of options that do not go with the model, which building it would find only after the data is read."""
    from yolo3.presets import PRESETS

    if width != 1 and "width" not in signature(PRESETS.get(model, lambda: None)).parameters:
        raise ValueError(f"--width {width:g} does not go with {model}, which has its own")
    if model in ("yolov1", "yolov1_fast") and loss is not None:
        raise ValueError(f"--loss {loss} is for detectors with anchors; {model} has a loss of its own")


def _check_resumable(folder: Path) -> None:
    if not folder.is_dir():  # whether it holds a training is looked at later
        raise ValueError(
            f"--resume goes on with a training that stopped, and {folder} does not exist; name the folder of the "
            "training with --output"
        )


def _check_weights(weights: Path | None, wanted: str = "the .weights file of the network") -> None:
    from yolo3.cli.published import published_model

    if weights is None or published_model(weights) is not None:
        return
    if weights.is_dir():
        raise ValueError(f"--weights {weights} is a folder; give {wanted}")
    if not weights.exists():
        raise ValueError(f"--weights {weights}: no such file; give {wanted}")
    if weights.suffix.lower() in (".cfg", ".onnx"):
        raise ValueError(f"--weights {weights} is a network without weights; give {wanted}")


def _check_sources(words: Sequence[str] | None) -> None:
    from yolo3.data.listing import matching_files
    from yolo3.images.rows import in_table
    from yolo3.sources.kinds import STDIN, is_address, numbered
    from yolo3.sources.video import is_live

    for word in words or ():
        if word == STDIN or is_live(word) or is_address(word) or Path(word).exists() or in_table(word) is not None:
            continue
        if not any(matching_files(name) for name in numbered(word)):
            raise ValueError(
                f"{word}: no such file or folder; a source is an image, a video, a folder, a glob, a list (.txt or "
                "-), a .tar, a .parquet, an address, or a camera (camera:0, rtsp://...)"
            )


def _check_names(names: Path) -> None:
    if names.is_dir():
        raise ValueError(f"--names {names} is a folder; give a file with a class name on each line")
    if _kind(names) in ("an image", "a video", "Darknet weights"):
        raise ValueError(f"--names {names} is {_kind(names)}; give a file with a class name on each line")


def _check_data(data: Path) -> None:
    if (data / "model.json").is_file():
        raise ValueError(f"{data} is a checkpoint and no data set")
    if not data.is_dir() and (data.suffix.lower() in (".cfg", ".onnx") or _WEIGHTS.fullmatch(data.name)):
        raise ValueError(f"{data} is a model and no data set")


def _is_data_set(folder: Path) -> bool:
    from yolo3.data import dataset_format

    try:
        dataset_format(folder)
    except ValueError:
        return False
    return True


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if _WEIGHTS.fullmatch(path.name):
        return "Darknet weights"
    return next(
        (kind for suffixes, kind in _KINDS.items() if suffix in suffixes), f"a file ({path.suffix or 'no suffix'})"
    )
