"""Which splits of a data set train a detector and which measure it, by their names."""

from collections.abc import Sequence

from yolo3.data import DataError
from yolo3.data.split_names import Meaning, find_split, of_meaning, split_meaning


def choose_splits(
    available: Sequence[str], train_split: str | None = None, val_split: str | None = None
) -> tuple[str | None, str | None]:
    """Fill in the splits that were not named, by what their names mean.

    Where there are ``trainval`` and ``test`` they train and measure, as for Pascal VOC, unless another split is to
    measure. Else ``train`` trains, and ``val`` measures, or ``test`` where there is no ``val``. None stands for all
    images, and for a part of those that train.

    Raises:
        ValueError: there are splits and none that trains, or several that may be meant.
    """
    train_split, val_split = _as_it_is_called(available, train_split), _as_it_is_called(available, val_split)
    if train_split is None:
        train_split = _to_train_on(available, val_split, "--train-split")
    if val_split is None:
        val_split = _to_measure_on(available, train_split, "--val-split")
    return train_split, val_split


def measures_test_split(available: Sequence[str], train_split: str | None, val_split: str | None) -> bool:
    """Whether a training measures on the test split, which is there to be measured once and to choose nothing.

    Raises:
        ValueError: as `choose_splits`.
    """
    chosen = choose_splits(available, train_split, val_split)[1]
    return chosen is not None and split_meaning(chosen) == "test"


def training_split(available: Sequence[str], split: str | None = None) -> str | None:
    """The split that `choose_splits` trains on where none is named; the only one, whatever it is called.

    Raises:
        ValueError: as `choose_splits`.
    """
    if split is not None or len(available) < 2:
        return split
    return _to_train_on(available, None, "--split")


def measuring_split(available: Sequence[str], split: str | None = None) -> str | None:
    """The split that a detector is measured on where none is named: what `choose_splits` leaves for that.

    Where there is none, all images are measured, unless some of them are there to train on and some are not.

    Raises:
        ValueError: there are splits to train on and others, and none that measures; several that may be meant.
    """
    if split is not None:
        return split
    whole = _one(available, "trainval", "--split") if of_meaning(available, "test") else None
    found = _to_measure_on(available, whole, "--split")
    if found is None and len(available) > 1 and any(map(split_meaning, available)):
        raise ValueError(f"no split to measure on among {', '.join(sorted(available))}; name one with --split")
    return found


def _as_it_is_called(available: Sequence[str], split: str | None) -> str | None:
    """The data set's own name of a split, ``valid`` for ``val``; what it does not have is left to those who read it."""
    try:
        return None if split is None else find_split(available, split, "")
    except DataError:
        return split


def _to_train_on(available: Sequence[str], val_split: str | None, option: str) -> str | None:
    measures = "test" if val_split is None else split_meaning(val_split)
    whole = _one(available, "trainval", option)
    if whole is not None and measures == "test" and of_meaning(available, "test"):
        return whole
    found = _one(available, "train", option)
    if found is not None:
        return found
    if whole is not None and (measures == "val" or of_meaning(available, "val")):
        val = val_split or of_meaning(available, "val")[0]
        raise ValueError(
            f"split {whole!r} holds {val!r} too, and there is none without it; --train-split {whole} --val-split {val} "
            f"trains on {whole} without the images of {val}"
        )
    if whole is None and available and (len(available) > 1 or split_meaning(available[0]) is not None):
        raise ValueError(f"no split to train on among {', '.join(sorted(available))}; name one with {option}")
    return whole


def _to_measure_on(available: Sequence[str], train_split: str | None, option: str) -> str | None:
    others = [split for split in available if split != train_split]
    is_whole = train_split is not None and split_meaning(train_split) == "trainval"
    found = None if is_whole else _one(others, "val", option)
    return found or _one(others, "test", option)


def _one(available: Sequence[str], meaning: Meaning, option: str) -> str | None:
    """The split of a meaning, if there is one."""
    found = of_meaning(available, meaning)
    if len(found) > 1:
        raise ValueError(f"{' and '.join(found)} are splits for {meaning}; name one with {option}")
    return found[0] if found else None
