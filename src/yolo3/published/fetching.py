"""Published weights, fetched once."""

import hashlib
import sys
from pathlib import Path

import torch.hub

from yolo3.published.bar import progress_bar
from yolo3.published.download import Interrupted, Patience, Refused, download, length
from yolo3.published.table import Published, require_published
from yolo3.system.files import alone, replace_durably
from yolo3.system.network import is_offline


class FetchError(OSError):
    """Published weights that are not on this machine and cannot be fetched."""


def fetch(name: str) -> Path:
    """The file of published weights; it is fetched the first time.

    It is kept in the folder ``checkpoints`` of ``torch.hub.get_dir()``, which the environment variable TORCH_HOME
    moves. What a broken connection leaves is resumed by the next call. Where YOLO3_OFFLINE is set to 1 nothing is
    fetched.

    Args:
        name: Name such as ``yolov3-tiny``, see `PUBLISHED`, or the name of the file.

    Raises:
        FetchError: The file is not there and cannot be fetched, or what is there is another file. The message says
            which file belongs where.
        ValueError: An unknown name.
    """
    return fetch_file(require_published(name))


def cached_path(file: Published) -> Path:
    """The place of a file on this machine, whether it is there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / file.file


def fetch_file(file: Published, patience: Patience = Patience()) -> Path:
    """The same for a file of a table of your own.

    Args:
        file: File to fetch.
        patience: Limits of waiting for a server.

    Raises:
        FetchError: As for `fetch`.
    """
    path = cached_path(file)
    if not path.exists():
        if is_offline():
            raise FetchError(f"{file.file} is not here, and YOLO3_OFFLINE forbids fetching it; {_by_hand(file, path)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_name(f".{path.name}.lock")
            with alone(lock, f"waiting for another process that is fetching {path.name}"):
                if not path.exists():
                    _fetch_missing(file, path, patience)
                    return path
        except FetchError:
            raise
        except OSError as error:
            raise FetchError(
                f"{path.parent} cannot be written ({error.strerror or error}); set TORCH_HOME to a folder that can, or "
                f"{_by_hand(file, path)}"
            ) from error
    if complaint := _complaint(file, path):
        raise FetchError(f"{path} is not the published file: {complaint}; delete it to fetch it again")
    return path


def _fetch_missing(file: Published, path: Path, patience: Patience) -> None:
    """Fetch a file from the first address that gives it, and let it take its name."""
    partial = path.with_name(f"{path.name}.partial")
    if length(partial) > file.size:
        partial.unlink()
    failures = []
    for url in file.urls:
        place = "/".join(url.split("/")[2:5])  # two addresses may have one host
        if not file.verified:
            partial.unlink(missing_ok=True)  # no digest would tell that two servers gave different files
        print(f"fetching {file.file} ({file.size / 1e6:.0f} MB) from {place} into {path.parent}", file=sys.stderr)
        try:
            with progress_bar(file.size) as show:
                download(url, partial, file.size, patience, show)
        except (Refused, Interrupted) as error:
            failures.append(f"{place}: {error}")
            continue
        if complaint := _complaint(file, partial):
            failures.append(f"{place}: {complaint}")
            partial.unlink()
            continue
        replace_durably(partial, path)
        return
    kept = f"; {length(partial):,} bytes are kept, and the next attempt resumes there" if length(partial) else ""
    raise FetchError(f"{file.file} cannot be fetched ({'; '.join(failures)}){kept}; or {_by_hand(file, path)}")


def _complaint(file: Published, path: Path) -> str | None:
    """What is wrong with the content of a file; None where nothing is."""
    if length(path) != file.size:
        return f"it has {length(path):,} bytes in place of {file.size:,}"
    if file.sha256 is None:
        return None
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    return None if found == file.sha256 else f"its SHA-256 is {found} in place of {file.sha256}"


def _by_hand(file: Published, path: Path) -> str:
    """The advice to put a file where it is looked for."""
    digest = f" and SHA-256 {file.sha256}" if file.verified else ""
    return f"put the file of {file.size:,} bytes{digest} at {path}, from {file.urls[0]}"
