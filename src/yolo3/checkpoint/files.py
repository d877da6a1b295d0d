"""Saving and loading a checkpoint: a folder with weights (safetensors) and a card (JSON). Nothing in it is executed.

runs/bccd/
  model-0f1e2d3c4b5a.safetensors   the weights by name; the file is named after its digest
  model.json                       the card, the architecture, and the name and digest of the weights' file

The card is replaced last, so that at every moment it speaks of weights that are there: whenever saving is interrupted,
the checkpoint is the old one or the new one, whole.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from yolo3 import __version__
from yolo3.checkpoint.architecture import build, describe, uncompiled
from yolo3.checkpoint.card import CARD_NAME, WEIGHTS_NAME, ModelCard, read_card_file, write_card
from yolo3.checkpoint.hub_folder import card_file, local_folder
from yolo3.checks.finite import unusable_numbers
from yolo3.darknet.cfg import DarknetError
from yolo3.darknet.weights_header import WeightsHeader, header_of, keep_header
from yolo3.protocols import Detector, anchors_of, as_module, in_channels_of
from yolo3.structures import check_image_size
from yolo3.system.files import removed_on_error, replace_durably, whole_file


def save_checkpoint(folder: str | os.PathLike[str], detector: Detector, card: ModelCard) -> None:
    """Write a detector to a folder, in place of the one that was there; other files of the folder stay.

    A save that is interrupted, even by ``kill -9`` or a power failure, leaves the old checkpoint or the new one, whole;
    the next save deletes leftovers.

    Args:
        folder: Folder of the checkpoint. It is made if it does not exist.
        detector: Detector to save, on any device.
        card: Names, image size and so on. The architecture, anchors and version are filled in.

    Raises:
        OSError: A full disk, or a folder that cannot be written.
        ValueError: A card that does not fit the detector; weights that are not finite, or a negative variance.
    """
    card.check_fits(detector.num_classes)
    check_image_size(card.image_size, detector.stride)
    if unusable := unusable_numbers(_tensors(detector).items()):
        raise ValueError(f"{folder}: the detector is not worth saving: {unusable}")
    card = replace(
        card,
        architecture=describe(detector),
        anchors=anchors_of(detector),
        yolo3_version=__version__,
        in_channels=in_channels_of(detector),
    )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with removed_on_error(folder / "model.safetensors.partial") as weights, whole_file(folder / CARD_NAME) as text:
        header = header_of(_module(detector))
        metadata = header.to_metadata() if header else {}
        _write_tensors(weights, _tensors(detector), metadata)
        digest = _digest(weights)
        name = f"model-{digest[:12]}.safetensors"
        write_card(text, card, name, digest)
        shutil.copymode(text, weights)  # safetensors lets nobody else read its file
        replace_durably(weights, folder / name)
    for other in folder.iterdir():
        if WEIGHTS_NAME.fullmatch(other.name) and other.name != name:
            other.unlink()


def load_checkpoint(folder: str | os.PathLike[str], detector: Detector | None = None) -> tuple[Detector, ModelCard]:
    """Read a detector from a folder.

    Args:
        folder: Folder that `save_checkpoint` wrote, or ``hf://user/name@revision`` on the Hugging Face Hub.
        detector: Detector to fill and return; needed only where the network has parts of your own. None builds the
            network that the card describes.

    Returns:
        The detector and its card. A detector that was not handed in is on the CPU and, like every new network, in
        training mode: call ``eval()`` before predicting.

    Raises:
        ModuleNotFoundError: An address on the Hub without the extra ``hub``.
        ConnectionError: The Hub cannot be reached, and its cache does not have the checkpoint.
        ValueError: No checkpoint there, a damaged or truncated one, one of a newer format, or of another network than
            the one handed in; weights that are not finite, or a negative variance.
    """
    folder = local_folder(folder)
    card, weights = checked_files(folder)
    like = _skeleton(folder, card) if detector is None else detector
    shapes, darknet_header = _header_of_file(weights)
    try:
        _check_same_network(folder, _shapes(like), shapes)
    except ValueError:
        if detector is not None:
            _check_channels(folder, card, detector)
        raise
    what = "network it describes" if detector is None else "detector handed in"
    _check_card(folder, card, like, what)
    tensors = safetensors.torch.load_file(weights)
    if unusable := unusable_numbers(tensors.items()):
        raise ValueError(f"{weights} holds no usable weights: {unusable}")
    if detector is None:
        detector = build(card.architecture, card.anchors)
    _module(detector).load_state_dict(tensors)
    if darknet_header is not None:
        keep_header(_module(detector), darknet_header)
    return detector, card


def checked_files(folder: Path) -> tuple[ModelCard, Path]:
    """The card of a checkpoint and the file of its weights, which is the one that the card was written with.

    Args:
        folder: Folder that `save_checkpoint` wrote.

    Raises:
        ValueError: No checkpoint there; a damaged one.
    """
    card, name, digest = read_card_file(folder / CARD_NAME)
    if not (folder / name).is_file():  # perhaps a training has just replaced both
        card, name, digest = read_card_file(folder / CARD_NAME)
    weights = folder / name
    if not weights.is_file():
        raise ValueError(f"{weights} is missing; a checkpoint is {CARD_NAME} and the weights it names together")
    if _digest(weights) != digest:
        raise ValueError(
            f"{weights} is not the file that {CARD_NAME} was written with: truncated or damaged; copy or save the "
            "checkpoint again"
        )
    return card, weights


def read_card(folder: str | os.PathLike[str]) -> ModelCard:
    """The card of a checkpoint alone, without its weights.

    Args:
        folder: Folder of the checkpoint, or ``hf://user/name@revision``.

    Raises:
        ValueError: A card that `load_checkpoint` would refuse.
    """
    return read_card_file(card_file(folder))[0]


def _skeleton(folder: Path, card: ModelCard) -> Detector:
    """The network of a card, without memory for its weights: a card may ask for absurdly many.

    Raises:
        ValueError: A card that no network can be built from.
    """
    try:
        with torch.device("meta"):
            return build(card.architecture, card.anchors)
    except ValueError as error:
        raise ValueError(f"{folder / CARD_NAME}: {error}") from error


def _check_channels(folder: Path, card: ModelCard, detector: Detector) -> None:
    """Raise the ValueError of a detector for images of another number of channels."""
    if (channels := in_channels_of(detector)) != card.in_channels:
        raise ValueError(
            f"{folder} is for images of {card.in_channels} channels, and the detector takes {channels}; load it as it "
            "is, and make it fit with yolo3.adapt_channels"
        )


def _check_card(folder: Path, card: ModelCard, detector: Detector, what: str) -> None:
    """Raise the ValueError of names or anchors that are not those of a detector."""
    try:
        card.check_fits(detector.num_classes)
    except ValueError as error:
        raise ValueError(f"{folder / CARD_NAME}: {error}") from error
    if (anchors := anchors_of(detector)) != card.anchors:
        raise ValueError(f"{folder} was trained with {card.anchors}, the {what} has {anchors}")


def _write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file."""
    try:
        # contiguous copies: safetensors takes neither channels-last tensors nor two names for one memory
        safetensors.torch.save_file(
            {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()},
            path,
            metadata,
        )
    except safetensors.SafetensorError as error:  # what it makes of an OSError
        raise OSError(f"{path} cannot be written ({error})") from error


def _header_of_file(path: Path) -> tuple[dict[str, tuple[int, ...]], WeightsHeader | None]:
    """The shape of every tensor in a safetensors file and the Darknet header beside them, without the tensors."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
            return shapes, WeightsHeader.from_metadata(file.metadata() or {})
    except (safetensors.SafetensorError, DarknetError) as error:
        raise ValueError(f"{path} is no safetensors file, or a damaged one ({error})") from error


def _check_same_network(
    folder: Path, expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise the ValueError of weights that belong to another network."""
    missing = sorted(expected.keys() - found.keys())
    surplus = sorted(found.keys() - expected.keys())
    if missing or surplus:
        complaints = [
            f"{len(names)} tensors {what}, such as {names[0]!r}"
            for names, what in ((missing, "expected and not found"), (surplus, "found and not expected"))
            if names
        ]
        raise ValueError(f"{folder} holds the weights of another network: {'; '.join(complaints)}")
    for name, shape in expected.items():
        if shape != found[name]:
            raise ValueError(
                f"{folder} holds the weights of another network: {name!r} should be {shape} and is {found[name]}"
            )


def _shapes(detector: Detector) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in _tensors(detector).items()}


def _tensors(detector: Detector) -> dict[str, Tensor]:
    return _module(detector).state_dict()


def _module(detector: Detector) -> nn.Module:
    """The network itself, where `torch.compile` has wrapped it."""
    return uncompiled(as_module(detector))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
