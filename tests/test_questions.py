"""The answers of `docs/questions.md`: every number in them is computed with the library."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from yolo3 import COCO_ANCHORS, Candidates, GroundTruth, ScaleOutput, TargetEncoder, YoloLoss, YOLOv3, suppress
from yolo3.assign import BestAnchorPerScale, explain
from yolo3.blocks import start_from_prior
from yolo3.boxes import box_iou, wh_iou
from yolo3.losses import YoloV1Loss
from yolo3.metrics import ScoreCurve, average_precision

_PAGE = Path(__file__).parents[1] / "docs/questions.md"
_BOXES = torch.tensor([[90.0, 60, 154, 108], [106, 80, 130, 104], [10, 130, 130, 250]])
_LABELS = torch.tensor([2, 0, 1])
_LOGITS = torch.tensor([1, 0.2, -0.4, 0.5, -0.3, -1, 0, 2])
_SCALES = ScaleOutput.blank(COCO_ANCHORS, (256, 256))
_CELL = torch.tensor([[7, 5]])
_DETECTIONS = np.array([1, 1, 0, 1, 0, 0, 1, 0, 1, 0], dtype=bool)


def _sections() -> dict[int, tuple[str, str]]:
    """Question and answer by number."""
    parts = re.split(r"^\(question-(\d+)\)=$", _PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {int(number): _halves(text) for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def _halves(section: str) -> tuple[str, str]:
    question, answer = section.split("<details><summary>Answer</summary>")
    return question, answer.partition("</details>")[0]


def _numbers(text: str) -> list[float]:
    """The numbers in a text, without their sign; those in names such as YOLOv1 or $t_x$ are none."""
    return [float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)]


def _cells() -> list[float]:
    found = []
    for target in BestAnchorPerScale()(GroundTruth.collate([(_BOXES[:2], _LABELS[:2])]), _SCALES):
        found += target.slots[:, 2:].flatten().tolist()
    assert found == [2, 3, 2, 3, 5, 7, 5, 7, 10, 15, 11, 14]
    return [*found, 32, 16, 8]


def _slots(image_size: int) -> tuple[list[int], int]:
    """The width of each grid, and the number of slots."""
    grids = [scale.logits.shape[1:4] for scale in ScaleOutput.blank(COCO_ANCHORS, (image_size, image_size))]
    return [grid[1] for grid in grids], sum(math.prod(grid) for grid in grids)


def _counts() -> list[float]:
    small, slots = _slots(256)
    large, slots_at_416 = _slots(416)
    network = YOLOv3(3, width=0.0625).eval()
    with torch.no_grad():
        outputs = network(torch.zeros(1, 3, 256, 256))
    numbers = sum(output.numel() for output in outputs)
    anchors = len(COCO_ANCHORS.sizes[0])
    per_slot = outputs[0].shape[-1]
    return [*small, *large, *(edge**2 for edge in small), anchors, 5, 3, per_slot, numbers, slots, 416, slots_at_416]


def _best_anchors() -> list[float]:
    sizes = torch.cat([scale.anchors for scale in _SCALES])
    iou = wh_iou(torch.tensor([64.0, 48.0]), sizes)
    best, second = iou.argsort(descending=True)[:2].tolist()
    assert sizes[best].tolist() == [62, 45]
    assert sizes[second].tolist() == [30, 61]
    areas = [62 * 45, 64 * 48, 30 * 48, 30 * 61, 64 * 48 + 30 * 61 - 30 * 48]
    return [*areas, iou[best].item(), iou[second].item(), 62, 45, 64, 48, 30, 61]


def _encoded() -> list[float]:
    _, medium, _ = TargetEncoder(image_size=256)(_BOXES, _LABELS)
    slot = medium[1, 5, 7]
    assert slot.tolist() == [1, 0.625, 0.25, 4, 3, 2]
    anchor = _SCALES[1].anchors[1]
    logits = torch.cat([slot[1:3].logit(), (slot[3:5] * 16 / anchor).log()])
    exact = ScaleOutput(torch.cat([torch.zeros(1), logits, torch.zeros(1)])[None], anchor[None], 16, cells=_CELL)
    torch.testing.assert_close(exact.xyxy, _BOXES[:1])
    version1 = YoloV1Loss(num_classes=3).assign(
        torch.zeros(1, 4, 4, 13), GroundTruth(_BOXES[:1], _LABELS[:1], torch.tensor([0]))
    )
    assert version1[..., 3].nonzero().tolist() == [[0, 1, 1]]
    in_cells = version1[0, 1, 1, 4:8].tolist()
    steps = [122 / 16, 84 / 16, 122, 84, 16, 64, 48, 62, 45, 0.375, 0.75, 1, 5, 7]
    return [*slot.tolist(), *logits.tolist(), *in_cells, *steps]


def _collision() -> list[float]:
    given = explain(_BOXES, BestAnchorPerScale(), _SCALES).assignments
    circle = {each.stride: each for each in given if each.object == 1 and each.state == "responsible"}
    (ignored,) = [each for each in given if each.object == 1 and each.state == "ignored"]
    assert [circle[stride].anchor_size for stride in (32, 16, 8)] == [(156, 198), (30, 61), (33, 23)]
    assert [(each.stride, each.anchor_size) for each in given if each.state == "lost"] == [(32, (116, 90))]
    assert (ignored.anchor_size, ignored.row, ignored.column) == ((16, 30), 11, 14)
    sizes = [116, 90, 156, 198, 62, 45, 30, 61, 33, 23, 16, 30]
    return [32, 16, 8, *sizes, *(each.fit for each in circle.values()), ignored.fit, 11, 14, 0.5]


def _loss() -> list[float]:
    logits = [torch.zeros(1, 3, size, size, 8) for size in (8, 16, 32)]
    logits[1][0, 1, 5, 7] = _LOGITS
    logits = [each.requires_grad_() for each in logits]
    criterion = YoloLoss()
    targets = BestAnchorPerScale()(GroundTruth(_BOXES[:1], _LABELS[:1], torch.tensor([0])), _SCALES)
    for scale in (0, 2):  # the positives of the other scales are left out
        fields = {name: getattr(targets[scale], name)[:0] for name in ("slots", "boxes", "labels", "weights")}
        targets[scale] = replace(targets[scale], **fields)
    terms = criterion.terms(tuple(logits), targets)
    (gradient,) = torch.autograd.grad(terms["objectness"], logits[1])
    offsets = ScaleOutput(_LOGITS[None], _SCALES[1].anchors[1:2], 16, cells=_CELL).offsets[0]
    difference = offsets - torch.tensor([0.625, 0.25, math.log(64 / 62), math.log(48 / 45)])
    values = [terms[name].item() for name in ("objectness", "box", "classes")]
    return [
        *values,
        *difference.tolist(),
        difference.square().mean().item(),
        gradient[0, 1, 5, 7, 0].item(),
        1,
        0,
        2,
        10,
    ]


def _decoded() -> list[float]:
    slot = ScaleOutput(_LOGITS[None], _SCALES[1].anchors[1:2], 16, cells=_CELL)
    objectness, of_class = slot.objectness.sigmoid().item(), slot.classes[0, 2].sigmoid().item()
    iou = box_iou(slot.xyxy[0], _BOXES[0]).item()
    given = [7, 5, 0.2, 0.4, 0.5, 0.3, 16, 62, 45, 1, 2]
    return [*slot.cxcywh[0].tolist(), *slot.xyxy[0].tolist(), objectness, of_class, objectness * of_class, iou, *given]


def _overlaps() -> list[float]:
    question, _ = _sections()[8]
    rows = re.findall(r"\| ([A-E]) \| (\w+) \| (0\.\d+) \| \((.*)\) \|", question)
    boxes = torch.tensor([[float(edge) for edge in row[3].split(", ")] for row in rows])
    scores = torch.zeros(len(rows), 3)
    for number, (_, name, score, _) in enumerate(rows):
        scores[number, {"triangle": 2, "square": 1}[name]] = float(score)
    candidates = Candidates(boxes[None], scores[None])

    def kept(class_agnostic: bool) -> list[float]:
        return suppress(candidates, iou_threshold=0.45, class_agnostic=class_agnostic)[0].scores.tolist()

    assert kept(class_agnostic=False) == pytest.approx([0.9, 0.6, 0.55])  # A, D, E
    assert kept(class_agnostic=True) == pytest.approx([0.9, 0.6])  # A, D
    iou = box_iou(boxes[:, None], boxes)
    return [*iou[0, 1:].tolist(), iou[1, 3].item()]


def _average_precision() -> list[float]:
    recall = _DETECTIONS.cumsum() / 6
    precision = _DETECTIONS.cumsum() / np.arange(1, 11)
    curve = ScoreCurve.of(np.linspace(1, 0.1, 10), _DETECTIONS, 6)
    assert curve.precision.tolist() == pytest.approx(precision.tolist())
    area = average_precision(recall, precision)
    at_11 = average_precision(recall, precision, "11-point")
    tenths = [number / 10 for number in range(11)]
    return [precision[3], recall[3], *precision[_DETECTIONS], area, at_11, *tenths, 6, 11]


def _first_step() -> list[float]:
    def background(logit: float) -> float:
        predictions = tuple(torch.full((1, 3, size, size, 8), float(logit)) for size in (8, 16, 32))
        return YoloLoss().terms(predictions, GroundTruth.collate([(_BOXES[:0], _LABELS[:0])]))["background"].item()

    bias = torch.zeros(24)
    start_from_prior(bias, 3)
    assert bias.view(3, 8)[:, 0].tolist() == [-4.5] * 3
    probability = 1 / (1 + math.exp(4.5))
    entropies = [background(0) / 30, background(-4.5) / 30]
    return [background(0), background(-4.5), probability, *entropies, 0, 0.5, 4.5, 2, 3, 10, 20.8]


_ANSWERED = {
    1: _cells,
    2: _counts,
    3: _best_anchors,
    4: _encoded,
    5: _collision,
    6: _loss,
    7: _decoded,
    8: _overlaps,
    9: _average_precision,
    10: _first_step,
}
"""What the library gives for each question, with the given numbers that the answer repeats."""


@pytest.mark.parametrize("number", range(1, 11))
def test_every_number_of_an_answer_is_computed(number: int) -> None:
    _, answer = _sections()[number]
    computed = [abs(value) for value in _ANSWERED[number]()]
    for said in _numbers(answer):
        digits = len(f"{said}".rstrip("0").partition(".")[2])
        tolerance = 0.5001 * 10**-digits if digits else 1e-6
        assert any(abs(value - said) <= tolerance for value in computed), (said, computed)


@pytest.mark.parametrize("number", [1, 2, 3, 5, 6, 7, 8, 9, 10])
def test_an_answer_says_what_was_asked(number: int) -> None:
    """The first results of each question stand in its answer, rounded as there."""
    asked = {
        1: [2, 3, 5, 7, 10, 15],
        2: [4032, 32256, 10647],
        3: [0.908, 0.416],
        5: [0.019, 0.315, 0.705, 0.571],
        6: [0.313, 0.952, 0.17, 0.269],
        7: [69.69, 69.75, 171.91, 103.09, 0.644, 0.491],
        8: [0.768, 0.633, 0.422, 0.491, 0.939],
        9: [0.646, 0.653],
        10: [20.79, 0.331],
    }
    _, answer = _sections()[number]
    assert set(asked[number]) <= set(_numbers(answer))


def test_there_are_ten() -> None:
    assert list(_sections()) == list(range(1, 11))


def test_each_says_where_to_read() -> None:
    """In sections that are there."""
    table = _PAGE.read_text(encoding="utf-8").split("## Where to read")[1]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", table, flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 11))
    for _, links in rows:
        for page, section in re.findall(r"\((\S+)#(\S+)\)", links):
            headings = re.findall(r"^#+ (.*)$", (_PAGE.parent / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert section in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
