"""How the folders of two files differ."""

import re
from collections.abc import Sequence

from yolo3.data.split_names import split_meaning


def apart(ours: Sequence[str], theirs: Sequence[str]) -> tuple[list[str], list[str]]:
    """The parts of two paths without those at the beginning and the end that they share."""
    start = 0
    while start < min(len(ours), len(theirs)) and ours[start] == theirs[start]:
        start += 1
    end = 0
    while end < min(len(ours), len(theirs)) - start and ours[-1 - end].casefold() == theirs[-1 - end].casefold():
        end += 1
    return list(ours[start : len(ours) - end]), list(theirs[start : len(theirs) - end])


def rivals(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether two paths name different splits, or folders that differ only in a number: ``cam1`` and ``cam2``."""
    meanings = [{split_meaning(part) for part in parts} - {None} for parts in (ours, theirs)]
    if all(meanings) and meanings[0].isdisjoint(meanings[1]):
        return True
    return any(
        one.casefold() != other.casefold() and re.search(r"\d", one) is not None and _like(one) == _like(other)
        for one in ours
        for other in theirs
    )


def _like(name: str) -> str:
    return re.sub(r"\d+", "#", name.casefold())
