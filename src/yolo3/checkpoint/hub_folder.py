"""Checkpoints on the Hugging Face Hub, as folders of this machine."""

import os
from pathlib import Path

from yolo3.checkpoint.card import CARD_NAME, read_card_file
from yolo3.hub import HubAddress, is_hub_address
from yolo3.hub.client import download


def card_file(folder: str | os.PathLike[str]) -> Path:
    """The file of a checkpoint's card; from the Hub it is downloaded, without the weights.

    Args:
        folder: Folder of a checkpoint, or ``hf://user/name@revision``.
    """
    if is_hub_address(folder):
        return download(HubAddress.parse(folder), CARD_NAME)
    return Path(folder) / CARD_NAME


def local_folder(folder: str | os.PathLike[str]) -> Path:
    """The folder of a checkpoint on this machine; from the Hub its two files are downloaded, and no others.

    Args:
        folder: Folder of a checkpoint, or ``hf://user/name@revision``.

    Raises:
        ModuleNotFoundError: An address on the Hub without the extra ``hub``.
        ConnectionError: The Hub cannot be reached, and its cache on this machine does not have the checkpoint.
        ValueError: A wrong address; a repository without a checkpoint.
    """
    card = card_file(folder)
    if is_hub_address(folder):
        _, weights, _ = read_card_file(card)
        commit = card.parent.name  # the branch may have moved on since
        download(HubAddress.parse(folder).at(commit), weights)
    return card.parent
