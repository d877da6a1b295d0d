"""Class names: what they may be, wherever they come from; and text of others in messages."""

import unicodedata
from collections.abc import Iterable, Sequence

_CONTROL = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories that steer a terminal, break a line or cannot be written."""
_REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the order in which the following text is shown."""


def check_class_names(names: Sequence[str]) -> None:
    """Raise the ValueError of a name that appears twice, so that nobody could ask for the second, or has control
    characters, which a terminal would obey.
    """  # noqa: D205
    seen: set[str] = set()
    for name in names:
        if any(unicodedata.category(each) in _CONTROL or each in _REORDERING for each in name):
            raise ValueError(f"class name {name!r} has control characters; remove them")
        if name in seen:
            raise ValueError(f"class name {name!r} appears twice; give every class a name of its own")
        seen.add(name)


def first_few(words: Iterable[str], most: int) -> str:
    """The first words of a list as a message shows them, ``a, b, …`` where there are more."""
    listed = list(words)
    text = ", ".join(listed[:most])
    return f"{text}, …" if len(listed) > most else text


def printable(text: str, longest: int = 200) -> str:
    """Text out of a file as a message may show it: not long, in one line, without what steers a terminal."""
    escaped = text if text.isprintable() else repr(text)[1:-1]
    return escaped if len(escaped) <= longest else f"{escaped[:longest]}…"
