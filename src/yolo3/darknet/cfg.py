"""The text of a Darknet cfg: sections of keys and values that know their lines."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yolo3.darknet.keys import ALIASES, KEYS

_SHIPPED = Path(__file__).parent / "cfgs"
_LARGEST_FILE = 1 << 20  # bytes; the largest cfg in use has a tenth of that
_MOST_SECTIONS = 5_000
_INTEGER = re.compile(r"[+-]?\d{1,9}(\.0*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


class DarknetError(ValueError):
    """A cfg or weights file that cannot be used as it is; the message names the place and the mend."""


@dataclass(frozen=True)
class Section:
    """One ``[section]`` of a cfg.

    Its readers raise `DarknetError`, naming the line, for a value that is not what they are asked for.
    """

    kind: str
    """Its type, by its long name: ``convolutional``."""
    source: str
    """The file it stands in."""
    line: int
    """Of its header, from 1."""
    values: Mapping[str, str]
    """By key, without blanks."""
    lines: Mapping[str, int]
    """Of every key."""

    def error(self, complaint: str, key: str | None = None) -> DarknetError:
        """The error of this section, or of one of its values."""
        if key is not None and key in self.values:
            return DarknetError(f"{self.source}:{self.lines[key]}: {key}={_short(self.values[key])} {complaint}")
        subject = f"[{self.kind}]" if key is None else f"[{self.kind}] {key}"
        return DarknetError(f"{self.source}:{self.line}: {subject} {complaint}")

    def text(self, key: str, default: str) -> str:
        """A value as it stands."""
        return self.values.get(key, default)

    def integer(self, key: str, default: int | None = None, at_least: int | None = None) -> int:
        """A whole number; without a default the key must be there."""
        if key not in self.values and default is not None:
            return default
        (value,) = self._list(key, count=1)
        return self._integer(key, value, at_least)

    def integers(
        self, key: str, default: tuple[int, ...] | None = None, at_least: int | None = None
    ) -> tuple[int, ...]:
        """Whole numbers with commas between them."""
        if key not in self.values and default is not None:
            return default
        return tuple(self._integer(key, value, at_least) for value in self._list(key))

    def number(self, key: str, default: float) -> float:
        """A number."""
        if key not in self.values:
            return default
        (value,) = self._list(key, count=1)
        return self._number(key, value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Numbers with commas between them."""
        return tuple(self._number(key, value) for value in self._list(key))

    def flag(self, key: str) -> bool:
        """Whether a number is there and not 0."""
        return self.integer(key, default=0) != 0

    def _list(self, key: str, count: int | None = None) -> list[str]:
        if key not in self.values:
            raise self.error(f"has no '{key}'; give it one")
        values = self.values[key].rstrip(",").split(",")
        if count is not None and len(values) != count:
            raise self.error("must be one number", key)
        return values

    def _integer(self, key: str, value: str, at_least: int | None) -> int:
        if not _INTEGER.fullmatch(value):
            raise self.error("must be a whole number" if value == self.values[key] else "must be whole numbers", key)
        number = int(value.partition(".")[0])
        if at_least is not None and number < at_least:
            raise self.error(f"must be at least {at_least}", key)
        return number

    def _number(self, key: str, value: str) -> float:
        if not _NUMBER.fullmatch(value) or not math.isfinite(float(value)):
            raise self.error("must be a number" if value == self.values[key] else "must be numbers", key)
        return float(value)


def read_cfg(cfg: str | os.PathLike[str]) -> tuple[str, str]:
    """The text of a cfg and what to call it in complaints.

    Args:
        cfg: a path, the name of a shipped cfg (``yolov3.cfg``), or the text itself. A file of that name comes before a
            shipped one.

    Raises:
        DarknetError: no such file, or one that cannot be a cfg.
    """
    if isinstance(cfg, str) and ("\n" in cfg or cfg.lstrip().startswith("[")):
        return cfg, "<cfg>"
    path = Path(cfg)
    try:
        if not path.is_file() and path.name == os.fspath(cfg) and (_SHIPPED / path.name).is_file():
            path = _SHIPPED / path.name
        if path.is_file() and path.stat().st_size > _LARGEST_FILE:
            raise DarknetError(f"{path}: {path.stat().st_size:,} bytes are no cfg; is it the .weights file?")
        # comments may be in any encoding; what matters is ASCII
        return path.read_text(encoding="utf-8-sig", errors="replace"), str(path)
    except DarknetError:
        raise
    except (OSError, ValueError) as error:
        shipped = ", ".join(shipped_cfgs())
        raise DarknetError(
            f"{str(cfg)[:200]!r} is neither a cfg file nor one that comes with yolo3 ({shipped})"
        ) from error


def shipped_cfgs() -> list[str]:
    """The names of the cfgs that come with yolo3."""
    return sorted(path.name for path in _SHIPPED.glob("*.cfg"))


def parse_cfg(text: str, source: str = "<cfg>") -> tuple[Section, ...]:
    """The sections of a cfg, ``[net]`` first.

    Args:
        text: of the cfg; ``#`` and ``;`` begin a comment, blanks do not count.
        source: what to call it in complaints.

    Raises:
        DarknetError: a line that is none, an unknown section or key, no ``[net]`` at the beginning.

    Source:
        Darknet's ``parser.c``.
    """
    sections: list[Section] = []
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        content = "".join(re.split("[#;]", line, maxsplit=1)[0].split())
        if not content:
            continue
        place = f"{source}:{number}"
        if content.startswith("["):
            values, lines = {}, {}
            sections.append(Section(_kind(content, place), source, number, values, lines))
            if len(sections) > _MOST_SECTIONS:
                raise DarknetError(f"{place}: more than {_MOST_SECTIONS:,} sections")
        elif not sections:
            raise DarknetError(f"{place}: {_shown(content)} stands before the first section; a cfg begins with [net]")
        else:
            _add(sections[-1], content, place, number, values, lines)
    if not sections or sections[0].kind != "net":
        raise DarknetError(f"{source}:{sections[0].line if sections else 1}: a cfg begins with [net]")
    for section in sections[1:]:
        if section.kind == "net":
            raise section.error("stands a second time; a cfg has one, at its beginning")
    return tuple(sections)


def _kind(header: str, place: str) -> str:
    if not header.endswith("]"):
        raise DarknetError(f"{place}: {_shown(header)} is no section; write it as [type]")
    kind = ALIASES.get(header[1:-1], header[1:-1])
    if kind not in KEYS:
        raise DarknetError(f"{place}: unknown layer type {_shown(header)}; known are {', '.join(KEYS)}")
    return kind


def _add(
    section: Section, content: str, place: str, number: int, values: dict[str, str], lines: dict[str, int]
) -> None:
    """Put a line of key = value into a section."""
    key, equals, value = content.partition("=")
    if not equals or not key or not value:
        raise DarknetError(f"{place}: {_shown(content)} is no line of key=value")
    keys = KEYS[section.kind]
    if key not in keys.used | keys.kept | keys.fixed.keys():
        raise DarknetError(
            f"{place}: unknown key {_shown(key)} in [{section.kind}]; it might change what the layer computes"
        )
    if key not in values:  # as in Darknet, the first counts
        values[key], lines[key] = value, number
    elif values[key] != value and key not in keys.kept:
        raise DarknetError(f"{place}: {key} is {_shown(values[key])} in line {lines[key]} and {_shown(value)} here")
    if key in keys.fixed and section.number(key, keys.fixed[key]) != keys.fixed[key]:
        raise section.error(f"is not supported; only {keys.fixed[key]:g} is", key)


def _shown(text: str) -> str:
    return repr(_short(text))


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:80] + "…"
