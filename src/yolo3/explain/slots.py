"""What the network predicts at chosen slots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from yolo3.boxes import Letterbox
from yolo3.explain.values import Box, ClassScore, Slot, SlotPrediction
from yolo3.protocols import ClassActivation
from yolo3.structures import Candidates, ScaleOutput

_BEST = 3  # classes that are told for each slot


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads the predictions of one image at slots, which it knows by the index of their candidate.

    Raises:
        ValueError: Candidates that are not one per slot.
    """

    scales: Sequence[ScaleOutput]
    """Predictions of a batch of one image, coarse to fine, on the CPU."""
    candidates: Candidates
    """Decoded predictions: one candidate per slot, scale by scale."""
    letterbox: Letterbox
    """Mapping to pixels of the image."""
    names: tuple[str, ...]
    """Class names; empty where classes have none."""
    activation: ClassActivation
    """Conversion of class logits to probabilities."""

    def __post_init__(self) -> None:
        slots = sum(scale.objectness.numel() for scale in self.scales)
        if self.num_candidates != slots:
            raise ValueError(
                f"the detector decodes {self.num_candidates} boxes from {slots} slots; only detectors with one box per "
                "slot can be explained"
            )

    @property
    def num_candidates(self) -> int:
        """Number of candidates."""
        return self.candidates.boxes.shape[1]

    @property
    def boxes(self) -> Tensor:
        """(N, 4) boxes of the candidates, pixels of the network input."""
        return self.candidates.boxes[0]

    @property
    def scores(self) -> Tensor:
        """(N, C) scores of the candidates."""
        return self.candidates.scores[0]

    def class_name(self, label: int) -> str:
        """Name of a class; its number where classes have no names."""
        return self.names[label] if self.names else str(label)

    def predictions(self, candidates: Sequence[int], labels: Sequence[int]) -> list[SlotPrediction]:
        """The predictions of candidates, each read for one class."""
        return [self._prediction(*pair) for pair in zip(candidates, labels, strict=True)]

    def candidate(self, scale: int, anchor: int, row: int, column: int) -> int:
        """Index of the candidate of a slot."""
        before = sum(each.objectness.numel() for each in self.scales[:scale])
        _, _, rows, columns = self.scales[scale].objectness.shape
        return before + (anchor * rows + row) * columns + column

    def scale_with(self, stride: int, anchor: int, anchor_size: tuple[float, float]) -> int:
        """Number of the scale with a stride and an anchor; two scales may have the same stride."""
        return next(
            number
            for number, scale in enumerate(self.scales)
            if int(scale.stride) == stride
            and anchor < len(scale.anchors)
            and _pair(scale.anchors[anchor]) == anchor_size
        )

    def candidate_of(self, slot: Slot) -> int:
        """Index of the candidate of a slot."""
        return self.candidate(slot.scale, slot.anchor, slot.row, slot.column)

    def _prediction(self, candidate: int, label: int) -> SlotPrediction:
        slot, found = self._at(candidate)
        logits = found.classes[0]
        probabilities = logits.softmax(0) if self.activation == "softmax" else logits.sigmoid()
        scores = self.scores[candidate]

        def of_class(number: int) -> ClassScore:
            return ClassScore(
                number,
                self.class_name(number),
                logits[number].item(),
                probabilities[number].item(),
                scores[number].item(),
            )

        best = scores.topk(min(_BEST, len(scores))).indices.tolist()
        network_box = self.boxes[candidate]
        return SlotPrediction(
            slot=slot,
            of_class=of_class(label),
            best_classes=tuple(map(of_class, best)),
            objectness_logit=found.objectness.item(),
            objectness=found.objectness.sigmoid().item(),
            centre_logits=_pair(found.centre_logits[0]),
            size_logits=_pair(found.size_logits[0]),
            centre_in_cell=_pair(found.offsets[0, :2]),
            size_ratios=_pair(found.cxcywh[0, 2:] / found.anchors[0]),
            network_box=as_box(network_box),
            box=as_box(self.letterbox.invert(network_box)),
        )

    def _at(self, candidate: int) -> tuple[Slot, ScaleOutput]:
        """The slot of a candidate, and the predictions there as a list of one."""
        for number, scale in enumerate(self.scales):
            _, anchors, rows, columns = scale.objectness.shape
            if candidate < anchors * rows * columns:
                anchor, cell = divmod(candidate, rows * columns)
                row, column = divmod(cell, columns)
                size = _pair(scale.anchors[anchor])
                slot = Slot(number, int(scale.stride), anchor, size, row, column)
                return slot, scale.at(torch.tensor([[0, anchor, row, column]]))
            candidate -= anchors * rows * columns
        raise AssertionError("no such candidate")


def as_box(values: Tensor) -> Box:
    """(4,) -> left, top, right, bottom."""
    return cast(Box, tuple(values.tolist()))


def _pair(values: Tensor) -> tuple[float, float]:
    first, second = values.tolist()
    return first, second
