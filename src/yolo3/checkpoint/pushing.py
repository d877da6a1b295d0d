"""A checkpoint's way to the Hugging Face Hub."""

import os
from pathlib import Path

from yolo3.checkpoint.card import CARD_NAME
from yolo3.checkpoint.files import checked_files
from yolo3.checkpoint.hub_card import measurements, readme
from yolo3.hub import HubAddress, is_hub_address
from yolo3.hub.client import upload

_README = "README.md"


def push_to_hub(
    folder: str | os.PathLike[str],
    repo: str,
    *,
    license: str | None = None,
    dataset: str | None = None,
    private: bool = False,
) -> str:
    """Put a checkpoint on the Hugging Face Hub: its card, its weights and a page, in one commit.

    Nothing else of the folder leaves this machine. The page is the folder's README.md, or is made from the card and the
    ``metrics.json`` beside it. Weights of an earlier push are replaced.

    Args:
        folder: Folder that `save_checkpoint` wrote.
        repo: Repository, ``user/name``, which is made if it does not exist; with ``hf://user/name@branch`` another
            branch, which must exist.
        license: Identifier of a licence as the Hub has them, such as ``mit``.
        dataset: Name of the data set that the detector was trained on; ``user/name`` of one on the Hub is linked.
        private: Make a new repository private.

    Returns:
        The web address of the commit.

    Raises:
        ModuleNotFoundError: The extra ``hub`` is missing.
        ConnectionError: The Hub cannot be reached.
        ValueError: No checkpoint, or a damaged one; a name that is none; no token, or one that may not write there; a
            licence that the Hub does not know.
    """
    folder = Path(folder)
    address = HubAddress.parse(repo) if is_hub_address(repo) else HubAddress(repo)
    card, weights = checked_files(folder)
    page: Path | bytes = folder / _README
    if not (folder / _README).is_file():
        page = readme(address, card, measurements(folder, card, dataset), license, dataset).encode()
    files: dict[str, Path | bytes] = {
        CARD_NAME: (folder / CARD_NAME).read_bytes(),
        weights.name: weights,
        _README: page,
    }
    return upload(address, files, ["model-*.safetensors"], "Checkpoint of yolo3", private)
