"""A short name for a model that another model does not have."""

import hashlib
import re

import torch

from yolo3.checkpoint import ModelCard
from yolo3.protocols import Detector, as_module
from yolo3.runtime import ExportedDetector


def model_digest(detector: Detector, card: ModelCard) -> str:
    """SHA-256 of a detector: of its layers, weights and class names, or of its exported file.

    Args:
        detector: Detector, as it was loaded.
        card: Card of the detector.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(repr((card.names, card.image_size, card.letterbox)).encode())
    if isinstance(detector, ExportedDetector):
        with detector.file.path.open("rb") as file:
            return hashlib.file_digest(file, lambda: digest).hexdigest()
    network = as_module(detector)
    digest.update(re.sub(r" at 0x[0-9a-f]+", "", repr(network)).encode())
    for name, value in network.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
