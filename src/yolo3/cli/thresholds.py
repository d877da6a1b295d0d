"""``--min-score best``: the score that an evaluation found to be best."""

import json
from pathlib import Path


def best_score(model: Path) -> float:
    """The score of highest F1 over all classes, as ``yolo3 evaluate MODEL`` wrote it down, which is also printed.

    Args:
        model: A checkpoint folder.

    Raises:
        ValueError: It was not evaluated, or nothing was found then.
    """
    path = model / "evaluation" / "metrics.json"
    try:
        best = json.loads(path.read_text(encoding="utf-8"))["best"]
        score, f1 = float(best["score"]), float(best["f1"])
    except OSError as error:
        raise ValueError(
            f"--min-score best is what an evaluation found, and {path} cannot be read ({error.strerror}); run yolo3 "
            f"evaluate {model} first, or give a number"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} tells no best score; run yolo3 evaluate {model} again, or give a number") from error
    if f1 <= 0:
        raise ValueError(f"{path}: nothing was found at any score; give --min-score a number")
    print(f"min score {score:g}: the best of {path} (F1 {f1:.3f})")
    return score
