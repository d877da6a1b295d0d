"""The text of a Darknet cfg: sections of keys and values, each with its line number."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yolo3.darknet.keys import ALIASES, KEYS, REFUSED_KEYS, REFUSED_LAYERS

_SHIPPED = Path(__file__).parent / "cfgs"
_LARGEST_FILE = 1 << 20  # bytes; ten times the largest cfg in use
_MOST_SECTIONS = 5_000
_INTEGER = re.compile(r"[+-]?\d{1,9}(\.0*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


class DarknetError(ValueError):
    """A cfg or weights file that cannot be used as it is; the message names the place and the fix."""


@dataclass(frozen=True)
class Section:
    """One ``[section]`` of a cfg.

    Its readers raise `DarknetError`, naming the line, for a value of another type than they are asked for.
    """

    kind: str
    """Layer type by its long name: ``convolutional``."""
    source: str
    """File that the section was read from, as errors call it."""
    line: int
    """Line number of the header, from 1."""
    values: Mapping[str, str]
    """Value of each key, without blanks."""
    lines: Mapping[str, int]
    """Line number of each key."""

    def error(self, complaint: str, key: str | None = None) -> DarknetError:
        """The error for this section, or for one of its values."""
        if key is not None and key in self.values:
            return DarknetError(f"{self.source}:{self.lines[key]}: {key}={_short(self.values[key])} {complaint}")
        subject = f"[{self.kind}]" if key is None else f"[{self.kind}] {key}"
        return DarknetError(f"{self.source}:{self.line}: {subject} {complaint}")

    def text(self, key: str, default: str) -> str:
        """A value as written."""
        return self.values.get(key, default)

    def integer(self, key: str, default: int | None = None, at_least: int | None = None) -> int:
        """A whole number; a key without a default is required."""
        if key not in self.values and default is not None:
            return default
        (value,) = self._list(key, count=1)
        return self._integer(key, value, at_least)

    def integers(
        self, key: str, default: tuple[int, ...] | None = None, at_least: int | None = None
    ) -> tuple[int, ...]:
        """Whole numbers, separated by commas."""
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
        """Numbers, separated by commas."""
        return tuple(self._number(key, value) for value in self._list(key))

    def flag(self, key: str) -> bool:
        """Whether the key is present with a number other than 0."""
        return self.integer(key, default=0) != 0

    def _list(self, key: str, count: int | None = None) -> list[str]:
        if key not in self.values:
            raise self.error(f"has no '{key}'; add it")
        values = self.values[key].rstrip(",").split(",")
        if count is not None and len(values) != count:
            raise self.error("must be one number", key)
        return values

    def _integer(self, key: str, value: str, at_least: int | None) -> int:
        if not _INTEGER.fullmatch(value):
            is_alone = value == self.values[key]
            raise self.error("must be a whole number" if is_alone else "must be whole numbers", key)
        number = int(value.partition(".")[0])
        if at_least is not None and number < at_least:
            raise self.error(f"must be at least {at_least}", key)
        return number

    def _number(self, key: str, value: str) -> float:
        if not _NUMBER.fullmatch(value) or not math.isfinite(float(value)):
            is_alone = value == self.values[key]
            raise self.error("must be a number" if is_alone else "must be numbers", key)
        return float(value)


def read_cfg(cfg: str | os.PathLike[str]) -> tuple[str, str]:
    """The text of a cfg and its name for error messages.

    Args:
        cfg: Path of a file, name of a shipped cfg (``yolov3`` or ``yolov3.cfg``), or the text itself. A file with the
            name of a shipped cfg takes precedence over it.

    Raises:
        DarknetError: A file that is missing or far too large for a cfg.
    """
    if isinstance(cfg, str) and ("\n" in cfg or cfg.lstrip().startswith("[")):
        return cfg, "<cfg>"
    path = Path(cfg)
    try:
        path = shipped_cfg(cfg) or path
        if path.is_file() and path.stat().st_size > _LARGEST_FILE:
            raise DarknetError(f"{path}: {path.stat().st_size:,} bytes is no cfg; is it the .weights file?")
        # comments may be in any encoding; everything else is ASCII
        return path.read_text(encoding="utf-8-sig", errors="replace"), str(path)
    except DarknetError:
        raise
    except (OSError, ValueError) as error:
        shipped = ", ".join(shipped_cfgs())
        raise DarknetError(
            f"{str(cfg)[:200]!r} is neither a cfg file nor one that comes with yolo3 ({shipped})"
        ) from error


def shipped_cfg(cfg: str | os.PathLike[str]) -> Path | None:
    """The file of a shipped cfg, by its name with or without the suffix; None for any other path, and for a file."""
    path = Path(cfg)
    if path.name != os.fspath(cfg) or path.is_file():
        return None
    candidates = (_SHIPPED / path.name, _SHIPPED / f"{path.name}.cfg")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def shipped_cfgs() -> list[str]:
    """The names of the cfgs that come with yolo3."""
    return sorted(path.name for path in _SHIPPED.glob("*.cfg"))


def parse_cfg(text: str, source: str = "<cfg>") -> tuple[Section, ...]:
    """The sections of a cfg, ``[net]`` first.

    Args:
        text: Text of the cfg. ``#`` and ``;`` begin a comment; blanks are dropped.
        source: Name of the cfg in error messages.

    Raises:
        DarknetError: A malformed line, an unknown section or key, a cfg that does not begin with ``[net]``.

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
            values = {}
            lines = {}
            sections.append(Section(_kind(content, place), source, number, values, lines))
            if len(sections) > _MOST_SECTIONS:
                raise DarknetError(f"{place}: more than {_MOST_SECTIONS:,} sections")
        elif not sections:
            raise DarknetError(f"{place}: {_shown(content)} comes before the first section; a cfg begins with [net]")
        else:
            _add(sections[-1], content, place, number, values, lines)
    if not sections or sections[0].kind != "net":
        first_line = sections[0].line if sections else 1
        raise DarknetError(f"{source}:{first_line}: a cfg begins with [net]")
    for section in sections[1:]:
        if section.kind == "net":
            raise section.error("appears a second time; a cfg has one, at its beginning")
    return tuple(sections)


def _kind(header: str, place: str) -> str:
    if not header.endswith("]"):
        raise DarknetError(f"{place}: {_shown(header)} is not a section header; write [type]")
    kind = ALIASES.get(header[1:-1], header[1:-1])
    if kind in REFUSED_LAYERS:
        raise DarknetError(f"{place}: [{kind}] {REFUSED_LAYERS[kind]}; it is not supported")
    if kind not in KEYS:
        raise DarknetError(f"{place}: unknown layer type {_shown(header)}; known are {', '.join(KEYS)}")
    return kind


def _add(
    section: Section, content: str, place: str, number: int, values: dict[str, str], lines: dict[str, int]
) -> None:
    """Add a line key=value to a section."""
    key, equals, value = content.partition("=")
    if not equals or not key or not value:
        raise DarknetError(f"{place}: {_shown(content)} does not have the form key=value")
    keys = KEYS[section.kind]
    if key in REFUSED_KEYS and key not in keys.fixed and key not in keys.used:
        raise DarknetError(f"{place}: {_shown(content)} {REFUSED_KEYS[key]}; it is not supported")
    if key not in keys.used | keys.kept | keys.fixed.keys():
        raise DarknetError(
            f"{place}: unknown key {_shown(key)} in [{section.kind}]; it might change what the layer computes"
        )
    if key not in values:  # Darknet too takes the first of two values
        values[key] = value
        lines[key] = number
    elif values[key] != value and key not in keys.kept:
        raise DarknetError(f"{place}: {key} is {_shown(values[key])} in line {lines[key]} and {_shown(value)} here")
    if key in keys.fixed and section.number(key, keys.fixed[key]) != keys.fixed[key]:
        what = f"{REFUSED_KEYS[key]}; it is not supported" if key in REFUSED_KEYS else "is not supported"
        raise section.error(f"{what}; only {keys.fixed[key]:g} is", key)


def _shown(text: str) -> str:
    return repr(_short(text))


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:80] + "…"
