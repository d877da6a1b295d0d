"""The meaning of split names, such as ``Train``, ``val2017`` and ``my_validation``."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from yolo3.data.faults import DataError

Meaning = Literal["train", "val", "test", "trainval"]

_MEANINGS: dict[str, Meaning] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "trainval": "trainval",
}
_WITH_PARTS = ({"trainval", "train"}, {"trainval", "val"})
_CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # myTrain, RGBTrain


def split_meaning(name: str) -> Meaning | None:
    """The purpose of a split, or of a folder with that name; None if the name does not tell.

    Words are compared case-insensitively: ``custom_train``, ``Val``, ``valid-2``, ``TrainingImages``.
    """
    found = [_MEANINGS[word] for word in _words(name) if word in _MEANINGS]
    if "trainval" in found or {"train", "val"} <= set(found):
        return "trainval"
    if "test" in found and "train" not in found:  # test-dev
        return "test"
    return found[0] if len(set(found)) == 1 else None


def names_a_split(name: str) -> bool:
    """Whether a name contains the word for a split."""
    return not _MEANINGS.keys().isdisjoint(_words(name))


def is_split_word(name: str) -> bool:
    """Whether a name is just the word for a split, apart from digits: ``train``, ``Val``, ``test2017``."""
    return split_meaning(name) is not None and len(_words(name)) == 1


def find_split(splits: Collection[str], asked: str, place: str) -> str:
    """The split with the given name, or with the same meaning, such as ``train2017`` for ``train``.

    Raises:
        DataError: No such split, or several; the message lists them.
    """
    if asked in splits:
        return asked
    same = [split for split in splits if split.casefold() == asked.casefold()]
    if not same and is_split_word(asked):
        same = of_meaning(splits, split_meaning(asked))
    if len(same) == 1:
        return same[0]
    if same:
        raise DataError(f"{place}: split {asked!r} may be {' or '.join(sorted(same))}; give the full name")
    raise DataError(f"{place}: no split {asked!r}; available: {', '.join(sorted(splits)) or 'none'}")


def of_meaning(splits: Iterable[str], meaning: Meaning | None) -> list[str]:
    """The splits with a meaning. Of several, the plainest: ``train`` before ``train2017`` before ``mini_train``."""
    fitting = sorted(split for split in splits if split_meaning(split) == meaning)
    for is_plain in (lambda split: split.casefold() in _MEANINGS, is_split_word):
        plain = [split for split in fitting if is_plain(split)]
        if plain:
            return plain
    return fitting


def may_share(one: str, other: str) -> bool:
    """Whether two splits are expected to share images, such as ``train`` and ``trainval`` or ``mini_train``."""
    meanings = {split_meaning(one), split_meaning(other)}
    if None in meanings:
        words = [set(re.findall(r"[^\W_]+", name.casefold())) for name in (one, other)]
        return words[0] <= words[1] or words[1] <= words[0]
    return len(meanings) == 1 or ("trainval" in meanings and "test" not in meanings)


def same_split(folder: str, split: str, others: Sequence[str] = ()) -> bool | None:
    """Whether a folder's name stands for a split (True), for another split (False), or for neither (None).

    Args:
        folder: Name of the folder.
        split: Name of the split in question.
        others: Names of the data set's other splits.
    """
    rivals = [other for other in others if _occurs(other, folder)]
    if not _occurs(split, folder):
        if rivals:
            return False
    elif any(_occurs(split, rival) for rival in rivals):  # fold1 in my_fold1
        return False
    else:
        return True if all(_occurs(rival, split) for rival in rivals) else None
    ours = split_meaning(split)
    theirs = map(split_meaning, others)
    meaning = split_meaning(folder)
    if meaning is None or (ours is None and meaning not in theirs) or {ours, meaning} in _WITH_PARTS:
        return None
    return ours == meaning


def _occurs(split: str, name: str) -> bool:
    """Whether a split's name occurs in another name as whole words, ignoring case: ``fold1`` in ``fold1_images``."""
    return re.search(rf"(?<![^\W_]){re.escape(split.casefold())}(?![^\W_])", name.casefold()) is not None


def _words(name: str) -> list[str]:
    return [word.casefold() for word in re.findall(r"[^\W\d_]+", _CAPITALS.sub(" ", name))]
