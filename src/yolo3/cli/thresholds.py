"""The scores of a command line: ``--min-score best``, ``--class-scores dog=0.5,cat=0.3``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from yolo3.hub import is_hub_address


def best_score(model: Path) -> float:
    """The score of highest F1 over all classes, as ``yolo3 evaluate MODEL`` wrote it down, which is also printed.

    Args:
        model: A checkpoint folder.

    Raises:
        ValueError: It was not evaluated, or nothing was found then.
    """
    if is_hub_address(model):
        raise ValueError(
            "--min-score best is what yolo3 evaluate found, and a checkpoint on the Hub has none; give a number"
        )
    from yolo3.evaluation import METRICS_FILE, read_best

    path = model / "evaluation" / METRICS_FILE
    try:
        score, f1 = read_best(path.parent)
    except OSError as error:
        raise ValueError(
            f"--min-score best is what an evaluation found, and {path} cannot be read ({error.strerror}); run yolo3 "
            f"evaluate {model} first, or give a number"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path} tells no best score; run yolo3 evaluate {model} again, or give a number") from error
    if f1 <= 0:
        raise ValueError(f"{path}: nothing was found at any score; give --min-score a number")
    print(f"min score {score:g}: the best of {path} (F1 {f1:.3f})")
    return score


def scores_by_class(words: Sequence[str]) -> dict[str, float]:
    """``dog=0.5`` -> the score of a dog.

    Raises:
        ValueError: Something else than that.
    """
    scores = {}
    for word in words:
        name, _, score = word.rpartition("=")
        try:
            scores[name.strip()] = float(score)
        except ValueError:
            name = ""
        if not name:
            raise ValueError(f"--class-scores {word!r} is not a class and its score; write dog=0.5,cat=0.3")
    return scores


def scores_of_all(
    score: float, by_class: Mapping[str, float], num_classes: int, names: tuple[str, ...]
) -> float | dict[str, float]:
    """What a `Predictor` takes as ``min_score``, where some classes have a score of their own.

    Args:
        score: The score of the others.
        by_class: The scores of some classes.
        num_classes: The number of classes.
        names: Their names; empty where they have none.
    """
    if not by_class:
        return score
    return dict.fromkeys(names or map(str, range(num_classes)), score) | dict(by_class)
