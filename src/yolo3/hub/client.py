"""Files of the Hugging Face Hub, through its library: what it caches, resumes and authenticates is as with any other.

Its settings are environment variables: HF_TOKEN, HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and more.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from yolo3.hub.address import HubAddress
from yolo3.system.extras import not_installed
from yolo3.system.network import is_offline

_LIBRARY = "yolo3"
_LOG_IN = "log in with: hf auth login, or set HF_TOKEN"


def download(address: HubAddress, file: str) -> Path:
    """One file of a repository, from the Hub's cache on this machine or else from the Hub.

    Args:
        address: Repository and revision.
        file: Name of the file.

    Returns:
        Its path in the cache. The folder is named after the commit.

    Raises:
        ModuleNotFoundError: The extra ``hub`` is missing.
        ConnectionError: It is not in the cache, and the Hub cannot be reached.
        ValueError: No such repository, revision or file, or one that may not be read.
    """
    hub = hub_library()
    with _told_in_one_line(address, file), _quietly():
        folder = hub.snapshot_download(
            address.repo,
            revision=address.revision,
            allow_patterns=[file],
            library_name=_LIBRARY,
            library_version=version(_LIBRARY),
            local_files_only=is_offline(),
        )
    path = Path(folder) / file
    if not path.is_file():
        raise ValueError(f"{address} is no checkpoint of yolo3: it has no {file}")
    return path


def upload(
    address: HubAddress, files: Mapping[str, Path | bytes], replaces: Sequence[str], message: str, private: bool
) -> str:
    """Put files into a repository in one commit, so that no revision has only some of them.

    Args:
        address: Repository, which is made if it does not exist, and branch.
        files: Files or their contents, by name.
        replaces: Patterns such as ``*.txt``. Files that match one and are not among the new ones are deleted.
        message: Message of the commit.
        private: Make a new repository private.

    Returns:
        The web address of the commit.

    Raises:
        ModuleNotFoundError: The extra ``hub`` is missing.
        ConnectionError: The Hub cannot be reached.
        ValueError: No token; a repository that this token may not write; contents that the Hub refuses.
    """
    hub = hub_library()
    if is_offline():
        raise ConnectionError(f"{address}: YOLO3_OFFLINE is set, so nothing is sent to the Hub")
    if hub.get_token() is None:
        raise ValueError(f"{address}: writing to the Hub needs a token; {_LOG_IN}")
    api = hub.HfApi(library_name=_LIBRARY, library_version=version(_LIBRARY))
    with _told_in_one_line(address, None), _quietly():
        api.create_repo(address.repo, private=private or None, exist_ok=True)
        there = api.list_repo_files(address.repo, revision=address.revision)
        old = hub.utils.filter_repo_objects(there, allow_patterns=list(replaces))
        operations = [hub.CommitOperationDelete(name) for name in old if name not in files]
        operations += [
            hub.CommitOperationAdd(name, content if isinstance(content, bytes) else os.fspath(content))
            for name, content in files.items()
        ]
        commit = api.create_commit(address.repo, operations, commit_message=message, revision=address.revision)
        return str(commit.commit_url)


def hub_library() -> Any:
    """The module ``huggingface_hub``.

    Raises:
        ModuleNotFoundError: The extra ``hub`` is missing.
    """
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ModuleNotFoundError as error:
        raise not_installed("models on the Hugging Face Hub need", "huggingface_hub", "hub") from error
    return huggingface_hub


@contextmanager
def _told_in_one_line(address: HubAddress, file: str | None) -> Iterator[None]:
    """The library's errors, which have many lines and web addresses of its own, in one that says what to do.

    Args:
        address: Repository and revision that are asked for.
        file: File that is read; None where files are written.
    """
    errors = hub_library().errors
    try:
        yield
    except errors.GatedRepoError as error:
        raise ValueError(f"{address}: ask for access on the page of this repository, then {_LOG_IN}") from error
    except errors.RepositoryNotFoundError as error:
        raise ValueError(f"{address}: no such repository, or a private one: for those {_LOG_IN}") from error
    except errors.RevisionNotFoundError as error:
        raise ValueError(f"{address}: the repository has no revision {address.revision or 'main'!r}") from error
    except errors.LocalEntryNotFoundError as error:
        reason = _why_unreachable(error)
        raise ConnectionError(f"{address}: {file} is not in the cache of this machine, and {reason}") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        said = error.server_message or error.response.reason_phrase
        if status in (401, 403):
            what = "may not be read" if file else "may not be written"
            raise ValueError(f"{address} {what} with this token ({status} {_plain(said)}); {_LOG_IN}") from error
        raise ConnectionError(f"{address}: the Hub answers {status} {_plain(said)}") from error
    except errors.HTTPError as error:  # it could not be asked
        raise ConnectionError(f"{address}: the Hub cannot be reached ({_plain(error)})") from error
    except RuntimeError as error:  # a file on its way, whatever the reason
        raise ConnectionError(f"{address}: {_plain(error)} {_plain(error.__cause__ or '')}".rstrip()) from error
    except ConnectionError as error:  # HF_HUB_OFFLINE
        raise ConnectionError(f"{address}: {_plain(error)}") from error
    except ValueError as error:  # a card that the Hub refuses
        raise ValueError(f"{address}: {_plain(error)}") from error


@contextmanager
def _quietly() -> Iterator[None]:
    """No warnings, of what is told here in an error or is no concern of a user; progress bars in a terminal alone."""
    bars = hub_library().utils
    hides_bars = not sys.stderr.isatty() and not bars.are_progress_bars_disabled()
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    if hides_bars:
        bars.disable_progress_bars()
    try:
        yield
    finally:
        log.setLevel(level)
        if hides_bars:
            bars.enable_progress_bars()


def _why_unreachable(error: Exception) -> str:
    if is_offline():
        return "YOLO3_OFFLINE is set"
    if hub_library().constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    return f"the Hub cannot be reached ({_plain(error.__cause__ or 'no answer')})"


def _plain(said: object) -> str:
    return " ".join(str(said).split())
