"""Published weights that a command line names."""

from pathlib import Path

from yolo3.published import Published, fetch, find_published


def published_model(model: str | Path) -> Published | None:
    """The published weights that a MODEL names; None for a file or folder of that name, and for any other word."""
    return None if Path(model).exists() else find_published(str(model))


def weights_file(weights: Path) -> Path:
    """The file of ``--weights``: a path as it stands, or a published file, fetched the first time.

    Raises:
        FetchError: A published file that is not on this machine and cannot be fetched.
    """
    return weights if published_model(weights) is None else fetch(str(weights))
