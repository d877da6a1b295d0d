"""``yolo3 push``."""

from pathlib import Path


def push(
    model: Path,
    repo: str,
    *,
    license: str | None = None,
    dataset: str | None = None,
    private: bool = False,
) -> None:
    """Put a checkpoint on the Hugging Face Hub, where every command opens it as hf://user/name.

    Uploads the card, the weights, and a page that says how to use the model and what was measured; nothing else of the
    folder. Needs a token: log in with hf auth login, or set HF_TOKEN.

    Args:
        model: Checkpoint folder.
        repo: Repository, user/name. It is created if it does not exist.
        license: Licence, as in mit or cc-by-4.0. Default: none; nobody then knows whether they may use the model.
        dataset: Name of the data set that the detector was trained on, as in bccd, or user/bccd of one on the Hub.
            Default: the name of its folder.
        private: Make a new repository private.
    """
    from yolo3.checkpoint import push_to_hub
    from yolo3.hub import HubAddress, is_hub_address

    if is_hub_address(model):
        raise ValueError(f"{HubAddress.parse(model)} is on the Hub already; give a checkpoint folder")
    if not model.is_dir():
        raise ValueError(f"{model} is no checkpoint folder; yolo3 convert makes one of a Darknet .cfg")
    address = HubAddress.parse(repo) if is_hub_address(repo) else HubAddress(repo)
    print(push_to_hub(model, repo, license=license, dataset=dataset, private=private))
    print(f"to use it: yolo3 detect {address} IMAGE")
