"""From candidates to detections: non-maximum suppression (NMS)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral

import torch
from torch import Tensor

from yolo3.boxes import nms
from yolo3.structures import Candidates, Detections

MIN_SCORE = 0.25
"""Default confidence threshold."""
EVALUATION_SCORE = 0.001
"""Confidence threshold of an evaluation: average precision needs detections of low score too."""
EVALUATION_IOU = 0.5
"""IoU threshold of NMS in an evaluation."""


@dataclass(frozen=True, eq=False)
class Suppression:
    """Non-maximum suppression (NMS) with its thresholds and limits: a call makes detections of candidates.

    Args:
        min_score: Confidence threshold; a score counts when it is above this. One number, or (C,) with a number per
            class, see `class_scores`.
        iou_threshold: IoU above which a box is dropped in favour of a better one.
        max_detections: Largest number of detections per image; the best are kept.
        class_agnostic: Let a box drop boxes of other classes too.
        max_candidates: Largest number of candidates per image that are compared, the best, of equal scores the first;
            those left out could only have come after all of them. An untrained network asked for every score has a
            million.

    Raises:
        ValueError: A threshold outside [0, 1], a limit below 0 (of candidates, below 1).

    Source:
        Darknet's ``do_nms_sort``.
    """

    min_score: float | Tensor = MIN_SCORE
    iou_threshold: float = 0.45  # of Darknet's `test_detector`
    max_detections: int = 300
    class_agnostic: bool = False
    max_candidates: int = 30_000

    def __post_init__(self) -> None:
        if not isinstance(self.min_score, Tensor):
            check_share("min_score", self.min_score)
        check_share("iou_threshold", self.iou_threshold)
        check_count("max_detections", self.max_detections, 0)
        check_count("max_candidates", self.max_candidates, 1)

    def __call__(self, candidates: Candidates) -> list[Detections]:
        """Keep the candidates that score, and of those that overlap the best.

        A box may be found in several classes, since YOLOv3's classes do not exclude each other.

        Args:
            candidates: Candidates of a batch of images.

        Returns:
            The detections of each image, best first, in pixels of the network input. They tell whether
            ``max_detections`` left some out, and where there are none, the highest score that was not enough.

        Raises:
            ValueError: Thresholds per class for another number of classes.
        """
        pairs = zip(candidates.boxes, candidates.scores, strict=True)
        return [self._of_one_image(boxes, scores) for boxes, scores in pairs]

    def at(self, threshold: float) -> "Suppression":
        """The same with one confidence threshold for all classes that are looked for."""
        if isinstance(self.min_score, Tensor):
            check_share("min_score", threshold)
            return replace(self, min_score=self.min_score.where(self.min_score.isinf(), threshold))
        return replace(self, min_score=threshold)

    def choose(self, boxes: Tensor, scores: Tensor) -> "Choice":
        """Which candidates of one image are kept, and which are compared at all: `__call__` makes detections of it.

        Args:
            boxes: (N, 4) xyxy boxes.
            scores: (N, C) scores.

        Raises:
            ValueError: Thresholds per class for another number of classes.
        """
        candidate, label = (scores > self._threshold(scores)).nonzero(as_tuple=True)
        passing = scores[candidate, label]
        if len(passing) > self.max_candidates:
            best = _best(passing.cpu(), self.max_candidates).to(passing.device)  # MPS of older torch has no `kthvalue`
            candidate = candidate[best]
            label = label[best]
            passing = passing[best]
        classes = None if self.class_agnostic else label
        # one more than are kept, to know whether there are more
        limit = self.max_detections + 1
        kept = nms(boxes[candidate], passing, self.iou_threshold, classes, limit)
        limit_reached = len(kept) > self.max_detections
        return Choice(candidate, label, passing, kept[: self.max_detections], limit_reached)

    def _of_one_image(self, boxes: Tensor, scores: Tensor) -> Detections:
        """The detections among (N, 4) boxes with (N, C) scores."""
        choice = self.choose(boxes, scores)
        nothing_passes = len(choice.scores) == 0
        return Detections(
            boxes[choice.candidates[choice.kept]],
            choice.scores[choice.kept],
            choice.labels[choice.kept],
            limit_reached=choice.limit_reached,
            best_below=_best_below(scores, self._threshold(scores)) if nothing_passes else None,
        )

    def _threshold(self, scores: Tensor) -> float | Tensor:
        """The confidence threshold to compare (N, C) scores with."""
        if not isinstance(self.min_score, Tensor):
            return self.min_score
        if self.min_score.shape not in ((), scores.shape[1:]):
            raise ValueError(f"min_score has shape {tuple(self.min_score.shape)} for {scores.shape[1]} classes")
        return self.min_score.to(scores)


@dataclass(frozen=True, eq=False)
class Choice:
    """What suppression did with the candidates of one image: the P pairs of a candidate and a class that pass."""

    candidates: Tensor
    """(P,) int64 index of each pair's candidate."""
    labels: Tensor
    """(P,) int64 class of each pair."""
    scores: Tensor
    """(P,) score of each pair, above the confidence threshold."""
    kept: Tensor
    """(K,) int64 index of the pairs that become detections, best first."""
    limit_reached: bool
    """Whether pairs of lower score were left out, since there were more than ``max_detections``."""


def suppress(
    candidates: Candidates,
    min_score: float | Tensor = MIN_SCORE,
    iou_threshold: float = 0.45,
    max_detections: int = 300,
    class_agnostic: bool = False,
    max_candidates: int = 30_000,
) -> list[Detections]:
    """Non-maximum suppression (NMS) in one call: `Suppression` made of the keywords, called with the candidates."""
    return Suppression(min_score, iou_threshold, max_detections, class_agnostic, max_candidates)(candidates)


def class_scores(
    num_classes: int,
    threshold: float | Mapping[str, float] = MIN_SCORE,
    classes: Sequence[str | int] | None = None,
    names: Sequence[str] = (),
) -> float | Tensor:
    """Confidence thresholds for `suppress`, to look for some classes only, or for each at its own threshold.

    Args:
        num_classes: Number of classes, C.
        threshold: One threshold for all classes, or thresholds by class, the others at `MIN_SCORE`.
        classes: Names or numbers of the classes to look for; None is all.
        names: Class names, where there are any. Text that is no name is read as a number: ``"2"``.

    Returns:
        One number where it is the same for all, else (C,); infinite for classes that are not looked for.

    Raises:
        ValueError: An unknown class, no class at all, a score outside [0, 1].
    """
    if classes is None and not isinstance(threshold, Mapping):
        check_share("min_score", threshold)
        return threshold
    one = MIN_SCORE if isinstance(threshold, Mapping) else threshold
    check_share("min_score", one)
    scores = torch.full((num_classes,), float(one))
    if isinstance(threshold, Mapping):
        for name, score in threshold.items():
            check_share(f"min_score of {name!r}", score)
            scores[class_number(name, names, num_classes)] = score
    if classes is None:
        return scores
    looked_for = [] if isinstance(classes, str) else list(classes)
    if not looked_for:
        raise ValueError(f"classes is {classes!r}; give a list of at least one name or number, or None for all")
    wanted = [class_number(each, names, num_classes) for each in looked_for]
    chosen = torch.full_like(scores, torch.inf)
    chosen[wanted] = scores[wanted]
    return chosen


def check_share(name: str, value: float) -> None:
    """Raise the ValueError of a threshold outside [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; it must lie in [0, 1]")


def check_count(name: str, value: int, least: int) -> None:
    """Raise the ValueError of a number that is too small."""
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}")


def _best_below(scores: Tensor, least: float | Tensor) -> float | None:
    """The highest of (N, C) scores, none of which passes, in a class that is looked for."""
    if isinstance(least, Tensor):
        scores = scores[:, least.isfinite().expand(scores.shape[1])]
    return scores.max().item() if scores.numel() else None


def _best(scores: Tensor, count: int) -> Tensor:
    """(count,) int64: the best of (N,) scores, in the order given; of those that equal the last one, the first."""
    last = scores.kthvalue(len(scores) - count + 1).values
    above = (scores > last).nonzero()[:, 0]
    equal = (scores == last).nonzero()[:, 0]
    return torch.cat([above, equal[: count - len(above)]]).sort().values


def class_number(wanted: str | int, names: Sequence[str], num_classes: int) -> int:
    """The number of a class that is given by name or number.

    Args:
        wanted: Name or number; text that is no name is read as a number.
        names: Class names, where there are any.
        num_classes: Number of classes.

    Raises:
        ValueError: An unknown class.
    """
    if isinstance(wanted, str) and wanted in names:
        return list(names).index(wanted)
    if isinstance(wanted, Integral) or str(wanted).isdecimal():  # NumPy's numbers too
        if 0 <= int(wanted) < num_classes:
            return int(wanted)
        raise ValueError(f"class {wanted} is not in 0..{num_classes - 1}")
    known = f"there are {', '.join(names)}" if names else "the classes have no names here, only numbers"
    raise ValueError(f"no class is called {wanted!r}; {known}")
