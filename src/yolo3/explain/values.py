"""What an explanation of a prediction consists of: numbers alone, in plain types."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from yolo3.boxes import Letterbox
from yolo3.suppression import Suppression

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

Outcome = Literal[
    "found",
    "dropped by NMS",
    "beyond the limit",
    "wrong class",
    "badly placed",
    "not looked for",
    "no slot",
    "no box",
    "below threshold",
]
"""Result of the search for an object, or for a class that is asked for."""


@dataclass(frozen=True)
class Slot:
    """A place in the grid of a scale that can answer for an object."""

    scale: int
    """Number of the scale, coarse to fine."""
    stride: int
    """Pixels per cell."""
    anchor: int
    """Index of the anchor within its scale."""
    anchor_size: tuple[float, float]
    """(width, height) of the anchor, pixels of the network input."""
    row: int
    """Row of the cell."""
    column: int
    """Column of the cell."""

    @property
    def cell(self) -> Box:
        """The cell, in pixels of the network input."""
        left = float(self.column * self.stride)
        top = float(self.row * self.stride)
        return left, top, left + self.stride, top + self.stride

    def __str__(self) -> str:
        width, height = self.anchor_size
        return (
            f"stride {self.stride}, row {self.row}, column {self.column}, anchor {self.anchor} ({width:g} x {height:g})"
        )


@dataclass(frozen=True)
class ClassScore:
    """What a slot says of one class."""

    label: int
    """Class number."""
    name: str
    """Class name; the number where classes have no names."""
    logit: float
    """Raw output of the network."""
    probability: float
    """P(class): the sigmoid of the logit, or the softmax where the classes exclude each other."""
    score: float
    """P(object) · P(class)."""


@dataclass(frozen=True)
class SlotPrediction:
    """What the network predicts at one slot, raw and decoded, read for one class."""

    slot: Slot
    of_class: ClassScore
    """The class in question."""
    best_classes: tuple[ClassScore, ...]
    """The classes of highest score at this slot, best first."""
    objectness_logit: float
    objectness: float
    """P(object): the sigmoid of the logit."""
    centre_logits: tuple[float, float]
    """Raw x and y."""
    size_logits: tuple[float, float]
    """Raw width and height."""
    centre_in_cell: tuple[float, float]
    """x and y within the cell, in cells."""
    size_ratios: tuple[float, float]
    """Width and height relative to the anchor."""
    network_box: Box
    """The box, in pixels of the network input."""
    box: Box
    """The box, in pixels of the image and clipped to it."""

    @property
    def score(self) -> float:
        """Score for the class in question."""
        return self.of_class.score


@dataclass(frozen=True)
class Dropped:
    """A box that NMS dropped in favour of a better one."""

    prediction: SlotPrediction
    iou: float
    """IoU with the box that was kept."""


@dataclass(frozen=True)
class ExplainedDetection:
    """A detection, the slot that it comes from, and the boxes that NMS dropped for it."""

    prediction: SlotPrediction
    dropped: tuple[Dropped, ...]
    """Boxes that NMS dropped for it, best first."""
    finds: int | None = None
    """Index of the object that it found, where the ground truth is known."""


@dataclass(frozen=True)
class Verdict:
    """What became of an object or a class, and why."""

    outcome: Outcome
    reason: str
    """One sentence with the numbers."""
    closest: SlotPrediction | None
    """The prediction that the sentence speaks of; None where no slot comes into question."""


@dataclass(frozen=True)
class ResponsibleSlot:
    """A slot that is responsible for an object in training, and what the network predicts there."""

    fit: float
    """wh-IoU of the anchor and the object."""
    prediction: SlotPrediction
    iou: float
    """IoU of the predicted box and the object."""


@dataclass(frozen=True)
class ExplainedObject:
    """A labelled object, the slots responsible for it, and whether and why it was missed."""

    label: int
    """Class number."""
    name: str
    """Class name."""
    box: Box
    """Pixels of the image."""
    network_box: Box
    """Pixels of the network input."""
    responsible: tuple[ResponsibleSlot, ...]
    """Responsible slots, best fit first; empty where other objects have taken them all."""
    verdict: Verdict

    @property
    def is_found(self) -> bool:
        """Whether a detection of its class overlaps it enough."""
        return self.verdict.outcome == "found"


@dataclass(frozen=True)
class ExplainedClass:
    """A class that is asked for: what became of it, and which parts of the image speak for it."""

    label: int
    """Class number."""
    name: str
    """Class name."""
    threshold: float
    """Confidence threshold of the class; infinite where it is not looked for."""
    verdict: Verdict
    targets: tuple[SlotPrediction, ...]
    """Predictions that the LayerCAM explains: the detections of the class, or the one that came closest."""
    at_detections: tuple[ClassScore, ...]
    """Score of the class at the slot of each detection."""


@dataclass(frozen=True, eq=False)
class ScaleMaps:
    """Maps of one scale, one value per cell."""

    stride: int
    """Pixels per cell."""
    anchors: tuple[tuple[float, float], ...]
    """(width, height) of each anchor, pixels of the network input."""
    objectness: Tensor
    """(S, S) highest P(object) of the anchors of each cell."""
    scores: Tensor
    """(S, S) highest score of the class that is asked for."""
    cam: Tensor
    """(S, S) LayerCAM of that class, from 0 to 1; all 0 where nothing in these cells speaks for it."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.objectness.shape[0], self.objectness.shape[1]


@dataclass(frozen=True, eq=False)
class PredictionExplanation:
    """Everything that leads to the detections in one image; prints as text, and `explanation_page` shows it.

    All numbers are those that the `Predictor` works with, not computed a second time.
    """

    name: str
    """Name of the image."""
    model: str
    """Name of the model; empty where it has none."""
    network_input: Tensor
    """(C, H, W) the image as the network sees it, in [0, 1]."""
    letterbox: Letterbox
    """Mapping between pixels of the image and of the network input."""
    suppression: Suppression
    """Thresholds and limits that the detections were made with."""
    detections: tuple[ExplainedDetection, ...]
    """Detections, best first, as the `Predictor` gives them."""
    num_candidates: int
    """Number of boxes that the network predicts."""
    num_passing: int
    """Number of pairs of a box and a class above the confidence threshold, before NMS."""
    scales: tuple[ScaleMaps, ...]
    """Maps of every scale, coarse to fine."""
    asked: ExplainedClass
    """The class that is asked for."""
    objects: tuple[ExplainedObject, ...] | None = None
    """The labelled objects; None where the ground truth is not known."""

    def __str__(self) -> str:
        from yolo3.explain.text import explanation_text

        return explanation_text(self)
