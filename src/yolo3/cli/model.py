"""The MODEL of a command line."""

from dataclasses import asdict, replace
from inspect import signature
from pathlib import Path
from typing import Any, cast

from yolo3.checkpoint import ModelCard, load_checkpoint
from yolo3.cli.options import DarknetFiles, NetworkInput, Objects
from yolo3.cli.published import published_model, weights_file
from yolo3.cli.thresholds import scores_by_class, scores_of_all
from yolo3.darknet import Darknet, class_names, load_darknet_weights
from yolo3.data.reading import read_names
from yolo3.data.yolo_description import describe
from yolo3.hub import HubAddress, is_hub_address
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.predictor import Predictor, PredictorSettings
from yolo3.presets import PRESETS
from yolo3.protocols import Detector, image_size_of
from yolo3.published import open_published, published_network
from yolo3.runtime import ExportedDetector
from yolo3.system.hardware import InferenceHardware


def open_model(
    model: Path, weights: Path | None = None, names: Path | None = None, trained: bool = True
) -> tuple[Detector, ModelCard]:
    """The detector that a path or name stands for, and its card.

    Args:
        model: Checkpoint folder or its address on the Hugging Face Hub, Darknet ``.cfg``, ``.onnx`` file of ``yolo3
            export``, name of published weights, or preset, untrained.
        weights: Weights of a ``.cfg``: a file, or a published one by its name; None leaves the network untrained.
        names: Class names of a network from Darknet, one per line, or the ``.data`` file that says where they are.
            None takes those that come with yolo3 for a shipped cfg and for published weights.
        trained: Whether published weights are wanted. False builds their network alone, and fetches nothing.

    Raises:
        FetchError: Published weights that are not on this machine and cannot be fetched.
        ModuleNotFoundError: An ``.onnx`` file without the extra ``export``.
        ValueError: Neither of them, or a file that is missing or damaged, or weights of a part of the network.
    """
    if model_suffix(model) == ".cfg":
        network = Darknet(model)
        if weights is not None:
            loaded = load_darknet_weights(network, weights_file(weights))
            if loaded.partial:
                raise ValueError(
                    f"{weights} fills {loaded.layers} of {loaded.layers_in_network} layers of {model}, and the rest "
                    "would be random: it is for yolo3 train to start from; name the weights of a whole detector"
                )
        own_names = class_names(model) if names is None else _class_names(names)
        return network, ModelCard(own_names, network.image_size, network.letterbox)
    published = published_model(model)
    is_preset = str(model) in PRESETS and not model.exists()
    if published is not None and weights is not None:
        raise ValueError(f"--weights belongs to a Darknet .cfg; the published {published.name} has its own")
    if published is not None and (trained or not is_preset):
        network, card = open_published(published.name) if trained else published_network(published)
        if names is not None:
            card = replace(card, names=_class_names(names))
        return network, card
    if weights is not None or names is not None:
        raise ValueError(f"--weights and --names belong to a Darknet .cfg; the checkpoint {shown(model)} has its own")
    if model_suffix(model) == ".pt2":
        raise ValueError(f"{model} is for torch.export.load alone; name an .onnx file, or the checkpoint it came from")
    if model_suffix(model) == ".onnx":
        exported = ExportedDetector(model)
        return exported, exported.file.card
    if is_preset:
        return untrained(str(model))
    return load_checkpoint(model)


def open_predictor(
    model: Path,
    darknet: DarknetFiles,
    network_input: NetworkInput,
    objects: Objects,
    hardware: InferenceHardware,
    augment: bool = False,
) -> tuple[Predictor, ModelCard]:
    """The predictor that a command line asks for, and the card of its model.

    Args:
        model: Model, as in `open_model`.
        darknet: Files of a ``.cfg``.
        network_input: Size of the network input, and how images are fitted to it.
        objects: Thresholds, classes and limits.
        hardware: Device, precision and runtime.
        augment: Test-time augmentation.

    Raises:
        ModuleNotFoundError: The extra that brings the runtime is missing.
        ValueError: A model that cannot be opened, see `open_model`; a setting that `Predictor` refuses.
    """
    scores_by_class(objects.class_scores or [])  # a mistake in them is told before anything is loaded
    objects.suppression(model)
    detector, card = open_model(model, darknet.weights, darknet.names)
    return predictor_of(detector, card, model, network_input, objects, hardware, augment), card


def predictor_of(
    detector: Detector,
    card: ModelCard,
    model: Path,
    network_input: NetworkInput,
    objects: Objects,
    hardware: InferenceHardware,
    augment: bool = False,
) -> Predictor:
    """The predictor of a detector that is open, with the options of `open_predictor`."""
    own_scores = scores_by_class(objects.class_scores or [])
    suppression = objects.suppression(model)
    settings: PredictorSettings = {
        **asdict(network_input),  # type: ignore[typeddict-item]  # options are named as settings are
        **asdict(hardware),
        "min_score": scores_of_all(cast(float, suppression.min_score), own_scores, detector.num_classes, card.names),
        "iou_threshold": suppression.iou_threshold,
        "max_detections": suppression.max_detections,
        "class_agnostic": objects.class_agnostic,
        "classes": objects.classes,
    }
    return Predictor.from_card(TestTimeAugmentation(detector) if augment else detector, card, **settings)


def model_suffix(model: Path) -> str:
    """The suffix of a model's file, in lower case; empty for a checkpoint on the Hub, whatever its name."""
    return "" if is_hub_address(model) else model.suffix.lower()


def is_checkpoint(place: Path) -> bool:
    """Whether a place is a folder or an address on the Hub, and no file."""
    return is_hub_address(place) or place.is_dir()


def shown(place: Path) -> str:
    """A place as it was typed: a path has lost a slash of ``hf://``."""
    return str(HubAddress.parse(place)) if is_hub_address(place) else str(place)


def check_weights(model: Path, weights: Path | None) -> None:
    """Raise the ValueError of a ``.cfg`` without its weights."""
    if model_suffix(model) == ".cfg" and weights is None:
        raise ValueError(f"{model} is a network without its weights; add --weights FILE")


def check_trained(model: Path, weights: Path | None) -> None:
    """Raise the ValueError of a network with random weights, where it is of no use."""
    check_weights(model, weights)
    if str(model) in PRESETS and not model.exists() and published_model(model) is None:
        raise ValueError(f"{model} has random weights; train it with yolo3 train DATA --model {model}")


def untrained(
    name: str, num_classes: int | None = None, width: float = 1.0, channels: int | None = None
) -> tuple[Detector, ModelCard]:
    """A preset with random weights, and its card.

    Args:
        name: Name of a function in `yolo3.presets`.
        num_classes: Number of classes; None is as published.
        width: Factor of its channels, if it is written by hand.
        channels: Number of channels of the images; None is 3.

    Raises:
        ValueError: an unknown name, a width for a network that has its own.
    """
    if name not in PRESETS:
        raise ValueError(f"no model {name!r}; choose {', '.join(PRESETS)} or the path of a .cfg")
    build = PRESETS[name]
    numbers: dict[str, Any] = {} if num_classes is None else {"num_classes": num_classes}
    if channels is not None:
        numbers["in_channels"] = channels
    if width != 1:
        if "width" not in signature(build).parameters:
            raise ValueError(f"--width {width:g} does not go with {name}, which has its own")
        numbers["width"] = width
    detector = build(**numbers)
    return detector, ModelCard(image_size=image_size_of(detector) or (416, 416))


def _class_names(path: Path) -> tuple[str, ...]:
    if path.suffix.lower() != ".data":
        return read_names(path)
    return describe(path, allow_outside=True).names  # it is named by hand, and nothing but its names is read
