"""What a folder of parts was made with, so that nothing else is mixed into it."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo3.system.files import whole_file

FILE = "run.json"


@dataclass(frozen=True)
class RunRecord:
    """The model and the options that every part of a folder depends on."""

    model_digest: str
    options: Mapping[str, Any]
    """Options by name, in values as JSON has them."""

    def write(self, folder: Path) -> None:
        """Write ``run.json``, whole."""
        text = json.dumps({"model_digest": self.model_digest, "options": self.options}, indent=2) + "\n"
        file = folder / FILE
        with whole_file(file, f".{FILE}.unfinished-{secrets.token_hex(4)}") as unfinished:
            unfinished.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "RunRecord | None":
        """The record of a folder; None where there is none.

        Raises:
            ValueError: A damaged file.
        """
        try:
            content = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(content["model_digest"], content["options"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{folder / FILE} is damaged ({error}); begin anew with another --output") from error

    def check_same(self, now: "RunRecord", folder: Path) -> None:
        """Refuse to go on with another model or other options.

        Args:
            now: Record of the run that would go on.
            folder: Folder of the parts, for the message.

        Raises:
            ValueError: They differ; the message says in what.
        """
        advice = "give what it was begun with, or begin anew with another --output"
        if self.model_digest != now.model_digest:
            raise ValueError(
                f"{folder} was begun with another model (digest {self.model_digest[:12]}, now "
                f"{now.model_digest[:12]}); {advice}"
            )
        plain = json.loads(json.dumps(now.options))
        for name in sorted({*self.options, *plain}):
            before, after = self.options.get(name), plain.get(name)
            if before != after:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(f"{folder} was begun with {option} {before!r:.80}, not {after!r:.80}; {advice}")
