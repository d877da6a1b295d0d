"""A detector on disk: a folder with its weights (safetensors) and its card (JSON). Nothing in it is ever executed.

runs/bccd/
  model-0f1e2d3c4b5a.safetensors   the weights by name; the file is named after its digest
  model.json                       the card, the architecture, and the name and digest of the weights' file

The card is replaced last, so that at every moment it speaks of weights that are there: whenever saving is interrupted,
the checkpoint is the old one or the new one, whole.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from yolo3.architecture import build, describe
from yolo3.boxes import Anchors, Fit
from yolo3.durable import replace_durably, whole_file
from yolo3.protocols import Detector
from yolo3.structures import check_image_size

FORMAT = 1
"""Of ``model.json``; counts up when an older yolo3 could no longer read a new file."""

_CARD = "model.json"
_WEIGHTS = re.compile(r"model-[0-9a-f]{12}\.safetensors")


@dataclass(frozen=True)
class ModelCard:
    """What is known about a detector besides its weights.

    Raises:
        ValueError: a value of the wrong type, as a damaged file may hold.
    """

    names: tuple[str, ...] = ()
    """Of its classes; empty where they have none."""
    image_size: tuple[int, int] = (416, 416)
    """(height, width) of the network input it was trained with."""
    letterbox: Fit = "default"
    """How pictures were fitted to that input."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What was measured, such as ``AP50``."""
    training: str = ""
    """The digest of the samples it was trained on, `SampleSet.digest`; empty where it was not trained here."""
    category_ids: tuple[int, ...] | None = None
    """The numbers of its classes in the COCO file that it was trained on."""
    architecture: Mapping[str, Any] = field(default_factory=dict)
    """What to build it from; `save_checkpoint` fills it in, as the next two."""
    anchors: Anchors | None = None
    """Of an anchor detector."""
    yolo3_version: str = ""
    """That wrote the checkpoint."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "image_size", tuple(self.image_size))
        object.__setattr__(self, "metrics", dict(self.metrics))
        if self.category_ids is not None:
            object.__setattr__(self, "category_ids", tuple(self.category_ids))
        object.__setattr__(self, "architecture", dict(self.architecture))
        wrong = {
            "names": not all(isinstance(name, str) for name in self.names),
            "image_size": len(self.image_size) != 2 or not all(type(edge) is int for edge in self.image_size),
            "letterbox": self.letterbox not in ("default", "darknet", "stretch"),
            "metrics": not all(type(value) in (int, float) for value in self.metrics.values()),
            "training": not isinstance(self.training, str),
            "category_ids": self.category_ids is not None
            and (len(self.category_ids) != len(self.names) or not all(type(each) is int for each in self.category_ids)),
            "yolo3_version": not isinstance(self.yolo3_version, str),
        }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            raise ValueError(f"{name!r} of a model card cannot be {getattr(self, name)!r}")


def save_checkpoint(folder: str | os.PathLike[str], detector: Detector, card: ModelCard) -> None:
    """Write a detector to a folder, in place of the one that was there; other files of the folder stay.

    A save that is interrupted, even by ``kill -9`` or a power failure, leaves the old checkpoint or the new one, whole;
    the next one takes away what it may have left besides.

    Args:
        folder: made if need be.
        detector: a network whose tensors are saved on whichever device they are.
        card: its names, image size and so on; the architecture, anchors and version are filled in.

    Raises:
        OSError: there is no room for it, or it may not be written there.
        ValueError: a card that does not fit the detector.
    """
    if card.names and len(card.names) != detector.num_classes:
        raise ValueError(f"the card has {len(card.names)} names, the detector {detector.num_classes} classes")
    check_image_size(card.image_size, detector.stride)
    anchors = getattr(detector, "anchors", None)
    card = replace(card, architecture=describe(detector), anchors=anchors, yolo3_version=version("yolo3"))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "model.safetensors.partial"
    try:
        with whole_file(folder / _CARD) as text:
            _write_tensors(weights, _tensors(detector))
            digest = _digest(weights)
            name = f"model-{digest[:12]}.safetensors"
            content = {"format": FORMAT, "weights": name, "weights_sha256": digest, **asdict(card)}
            text.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            shutil.copymode(text, weights)  # safetensors lets nobody else read its file
            replace_durably(weights, folder / name)
    except BaseException:  # Ctrl-C too
        weights.unlink(missing_ok=True)
        raise
    for other in folder.iterdir():
        if _WEIGHTS.fullmatch(other.name) and other.name != name:
            other.unlink()


def load_checkpoint(folder: str | os.PathLike[str], detector: Detector | None = None) -> tuple[Detector, ModelCard]:
    """Read a detector from a folder.

    Args:
        folder: that `save_checkpoint` wrote.
        detector: filled and returned; needed only where the network has parts of your own. None builds the network that
            the card describes.

    Returns:
        The detector, on the CPU unless it was handed in, and its card.

    Raises:
        ValueError: no checkpoint there, a damaged or truncated one, one of a newer format, or of another network than
            the one handed in.
    """
    folder = Path(folder)
    card, name, digest = _read_card(folder / _CARD)
    if not (folder / name).is_file():  # perhaps a training has just replaced both
        card, name, digest = _read_card(folder / _CARD)
    weights = folder / name
    if not weights.is_file():
        raise ValueError(f"{weights} is missing; a checkpoint is {_CARD} and the weights it names together")
    if _digest(weights) != digest:
        raise ValueError(
            f"{weights} is not the file that {_CARD} was written with: truncated or damaged; copy or save the "
            "checkpoint again"
        )
    tensors = safetensors.torch.load_file(weights)
    if detector is None:
        try:
            detector = build(card.architecture, card.anchors)
        except ValueError as error:
            raise ValueError(f"{folder / _CARD}: {error}") from error
    elif (anchors := getattr(detector, "anchors", None)) != card.anchors:
        raise ValueError(f"{folder} was trained with {card.anchors}, the detector handed in has {anchors}")
    _check_same_network(folder, expected=_tensors(detector), found=tensors)
    _module(detector).load_state_dict(tensors)
    return detector, card


def read_card(folder: str | os.PathLike[str]) -> ModelCard:
    """The card of a checkpoint alone, without its weights.

    Raises:
        ValueError: as `load_checkpoint`.
    """
    return _read_card(Path(folder) / _CARD)[0]


def _read_card(path: Path) -> tuple[ModelCard, str, str]:
    """The card, and the name and digest of the weights it belongs to."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        written_in = content.pop("format")
        if written_in > FORMAT:
            writer = content.get("yolo3_version")
            raise ValueError(f"format {written_in} is newer than this yolo3 reads ({FORMAT}); install yolo3 {writer}")
        weights, digest = content.pop("weights"), content.pop("weights_sha256")
        if not _WEIGHTS.fullmatch(weights):  # no file elsewhere
            raise ValueError(f"'weights' cannot be {weights!r}")
        if content["anchors"] is not None:
            content["anchors"] = Anchors(**content["anchors"])
        return ModelCard(**content), weights, digest
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"{path} is missing; {path.parent} is no checkpoint") from error
    except (AttributeError, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error})") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file."""
    try:
        # contiguous copies: safetensors takes neither channels-last tensors nor two names for one memory
        safetensors.torch.save_file(
            {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}, path
        )
    except safetensors.SafetensorError as error:  # what it makes of an OSError
        raise OSError(f"{path} cannot be written ({error})") from error


def _check_same_network(folder: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raise the ValueError of weights that belong to another network."""
    missing, surplus = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or surplus:
        complaints = [
            f"{len(names)} tensors {what}, such as {names[0]!r}"
            for names, what in ((missing, "expected and not found"), (surplus, "found and not expected"))
            if names
        ]
        raise ValueError(f"{folder} holds the weights of another network: {'; '.join(complaints)}")
    for name, tensor in expected.items():
        if tensor.shape != found[name].shape:
            shapes = f"{name!r} should be {tuple(tensor.shape)} and is {tuple(found[name].shape)}"
            raise ValueError(f"{folder} holds the weights of another network: {shapes}")


def _tensors(detector: Detector) -> dict[str, Tensor]:
    return _module(detector).state_dict()


def _module(detector: Detector) -> nn.Module:
    if not isinstance(detector, nn.Module):
        raise ValueError(f"a detector is an nn.Module, not a {type(detector).__name__}")
    return detector


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
