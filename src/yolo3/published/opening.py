"""Published detectors, ready to use."""

from yolo3.checkpoint import ModelCard
from yolo3.darknet import Darknet, class_names, load_darknet_weights
from yolo3.published.fetching import fetch_file
from yolo3.published.table import Published, require_published


def open_published(name: str) -> tuple[Darknet, ModelCard]:
    """A published detector with its weights, and its card. The weights are fetched the first time.

    Args:
        name: Name such as ``yolov3-tiny``, see `PUBLISHED`.

    Raises:
        FetchError: The weights are not on this machine and cannot be fetched.
        ValueError: An unknown name; a backbone, which detects nothing.
    """
    file = require_published(name)
    network, card = published_network(file)
    load_darknet_weights(network, fetch_file(file))
    return network, card


def published_network(file: Published) -> tuple[Darknet, ModelCard]:
    """The network of a published detector with random weights, and its card. Nothing is fetched.

    Raises:
        ValueError: A backbone.
    """
    if file.cfg is None or file.names is None:
        raise ValueError(
            f"{file.name} is a backbone and no detector; yolo3 train DATA --model yolov3 --weights {file.name} starts "
            "from it"
        )
    network = Darknet(file.cfg)
    return network, ModelCard(class_names(file.names), network.image_size, network.letterbox)
