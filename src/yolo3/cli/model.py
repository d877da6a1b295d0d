"""The MODEL of a command line."""

from pathlib import Path

from yolo3.checkpoint import ModelCard, load_checkpoint
from yolo3.darknet import Darknet, load_darknet_weights
from yolo3.data.reading import read_names
from yolo3.data.yolo_description import describe
from yolo3.protocols import Detector


def open_model(model: Path, weights: Path | None = None, names: Path | None = None) -> tuple[Detector, ModelCard]:
    """The detector that a path stands for, and its card.

    Args:
        model: a checkpoint folder or a Darknet ``.cfg``.
        weights: the ``.weights`` of a ``.cfg``; None leaves the network untrained.
        names: the class names of a ``.cfg``, one a line, or the ``.data`` file that says where they are.

    Raises:
        ValueError: neither of them, or a file that is missing or damaged.
    """
    if model.suffix == ".cfg":
        network = Darknet(model)
        if weights is not None:
            load_darknet_weights(network, weights)
        class_names = _class_names(names) if names is not None else ()
        return network, ModelCard(class_names, network.image_size, letterbox="darknet")
    if weights is not None or names is not None:
        raise ValueError(f"--weights and --names belong to a Darknet .cfg; the checkpoint {model} has its own")
    return load_checkpoint(model)


def _class_names(path: Path) -> tuple[str, ...]:
    return describe(path).names if path.suffix == ".data" else read_names(path)
