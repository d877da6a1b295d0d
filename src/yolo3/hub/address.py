"""Addresses of models on the Hugging Face Hub: ``hf://user/name@revision``."""

import os
import re
from dataclasses import dataclass

_SCHEME = "hf:"
# a pathlib.Path makes one slash of two, and on Windows turns them round
_ADDRESS = re.compile(r"hf:[/\\]{1,2}(?P<repo>[^@]*)(?:@(?P<revision>.*))?", re.DOTALL)
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_REPO = re.compile(rf"(?!.*(?:--|\.\.|\.git$)){_PART}/{_PART}")
_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./+-]*")
_LONGEST_REPO = 96  # characters, the Hub's limit


@dataclass(frozen=True)
class HubAddress:
    """A repository on the Hub, at one revision.

    Args:
        repo: Name of the repository, ``user/name``.
        revision: Branch, tag or commit. None is the default branch.

    Raises:
        ValueError: A name or a revision that the Hub does not allow.
    """

    repo: str
    revision: str | None = None

    def __post_init__(self) -> None:
        if not _REPO.fullmatch(self.repo) or len(self.repo) > _LONGEST_REPO:
            raise ValueError(f"{self.repo!r} is no repository of the Hugging Face Hub; write it as user/name")
        if self.revision is not None and not _REVISION.fullmatch(self.revision):
            raise ValueError(f"{self.revision!r} is no revision; give a branch, a tag or a commit")

    @classmethod
    def parse(cls, address: str | os.PathLike[str]) -> "HubAddress":
        """The address that a text or a path stands for.

        Args:
            address: ``hf://user/name`` or ``hf://user/name@revision``.

        Raises:
            ValueError: Anything else.
        """
        text = os.fspath(address)
        found = _ADDRESS.fullmatch(text)
        if found:
            try:
                revision = found["revision"]
                return cls(found["repo"].replace("\\", "/"), revision and revision.replace("\\", "/"))
            except ValueError:
                text = re.sub(r"^hf:[/\\]+", "hf://", text)
        raise ValueError(
            f"{text!r} is no model on the Hugging Face Hub; write hf://user/name or hf://user/name@revision"
        )

    def at(self, revision: str) -> "HubAddress":
        """The same repository at another revision."""
        return HubAddress(self.repo, revision)

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"hf://{self.repo}{revision}"


def is_hub_address(place: str | os.PathLike[str]) -> bool:
    """Whether a text or path is meant as an address on the Hub, well formed or not."""
    return os.fspath(place).startswith(_SCHEME)
