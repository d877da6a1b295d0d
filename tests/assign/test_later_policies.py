"""The policies of later years against the same policies in plain loops."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from yolo3 import COCO_ANCHORS, Anchors, GroundTruth, ScaleOutput
from yolo3.assign import ATSS, NeighbourCells, SimOTA, TaskAligned
from yolo3.boxes import box_iou
from yolo3.losses import DarknetLoss, FocalGIoULoss, MultiAnchorLoss, YoloLoss
from yolo3.protocols import Assigner

Positive = tuple[int, int, int, int, int, int]
"""Scale, image, anchor, row, column, object."""

POLICIES: list[Assigner] = [NeighbourCells(), SimOTA(), TaskAligned(), ATSS()]
NUM_CLASSES = 4


def random_case(
    count: int, seed: int, height: int = 96, width: int = 64, multi_hot: bool = False
) -> tuple[GroundTruth, list[ScaleOutput]]:
    """Two images with crowded objects, some exactly alike, some centred on the border of cells or at the edge."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    predictions = [
        torch.randn(2, 3, height // stride, width // stride, 5 + NUM_CLASSES, generator=generator, dtype=torch.float64)
        for stride in COCO_ANCHORS.strides
    ]
    centre = random(count, 2) * torch.tensor([width, height])
    on_border = random(count) < 0.3
    centre[on_border] = (centre[on_border] / 4).round() * 4
    half = 1 + random(count, 2) ** 2 * 40
    boxes = torch.cat([centre - half, centre + half], dim=1)
    if count > 2:
        boxes[-1] = boxes[0]
    labels = torch.randint(0, NUM_CLASSES, (count,), generator=generator)
    if multi_hot:
        labels = torch.nn.functional.one_hot(labels, NUM_CLASSES) | (random(count, NUM_CLASSES) < 0.3).long()
    image = torch.randint(0, 2, (count,), generator=generator)
    truth = GroundTruth(boxes, labels, image, random(count))
    return truth, ScaleOutput.from_predictions(predictions, COCO_ANCHORS)


def found(policy: Assigner, truth: GroundTruth, scales: list[ScaleOutput]) -> set[Positive]:
    """The positives of a policy; objects are told apart by their weights."""
    positives: list[Positive] = []
    for number, targets in enumerate(policy(truth, scales)):
        assert not targets.ignore.any()
        assert targets.ignore.shape == scales[number].logits.shape[:4]
        for slot, weight, box, label in zip(
            targets.slots.tolist(), targets.weights, targets.boxes, targets.labels, strict=True
        ):
            index = int((truth.object_weights == weight).nonzero()[0])
            left, top, right, bottom = truth.boxes[index].tolist()
            centred = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
            assert box.tolist() == pytest.approx(centred)
            assert torch.equal(label, truth.labels[index])
            image, anchor, row, column = slot
            positives.append((number, image, anchor, row, column, index))
    assert len(set(positives)) == len(positives)
    return set(positives)


def cells(scale: ScaleOutput) -> list[tuple[int, int]]:
    rows, columns = scale.logits.shape[2:4]
    return [(row, column) for row in range(rows) for column in range(columns)]


def own_cell(box: list[float], scale: ScaleOutput) -> tuple[int, int]:
    rows, columns = scale.logits.shape[2:4]
    row = int((box[1] + box[3]) / 2 / scale.stride)
    column = int((box[0] + box[2]) / 2 / scale.stride)
    return min(row, rows - 1), min(column, columns - 1)


def one_object_per_slot(claims: list[tuple[Positive, float]]) -> set[Positive]:
    """Of several objects the one of highest score, of equal ones the first."""
    owner: dict[tuple[int, ...], tuple[float, int]] = {}
    for (*slot, index), score in claims:
        best = owner.get(tuple(slot))
        if best is None or score > best[0] or (score == best[0] and index < best[1]):
            owner[tuple(slot)] = (score, index)
    return {(*slot, index) for slot, (_, index) in owner.items()}  # type: ignore[misc]


def slow_neighbour_cells(truth: GroundTruth, scales: list[ScaleOutput]) -> set[Positive]:
    positives = set()
    for index, box in enumerate(truth.boxes.tolist()):
        width, height = box[2] - box[0], box[3] - box[1]
        for number, scale in enumerate(scales):
            rows, columns = scale.logits.shape[2:4]
            row, column = own_cell(box, scale)
            x = (box[0] + box[2]) / 2 / scale.stride - column
            y = (box[1] + box[3]) / 2 / scale.stride - row
            chosen = [(row, column)]
            chosen += [(row, column - 1)] * (x < 0.5) + [(row, column + 1)] * (x > 0.5)
            chosen += [(row - 1, column)] * (y < 0.5) + [(row + 1, column)] * (y > 0.5)
            for anchor, (anchor_width, anchor_height) in enumerate(scale.anchors.tolist()):
                ratios = width / anchor_width, anchor_width / width, height / anchor_height, anchor_height / height
                for r, c in chosen:
                    if max(ratios) < 4 and 0 <= r < rows and 0 <= c < columns:
                        positives.add((number, int(truth.image[index]), anchor, r, c, index))
    return positives


def slow_simota(truth: GroundTruth, scales: list[ScaleOutput]) -> set[Positive]:
    claims = []
    for index, box in enumerate(truth.boxes):
        image = int(truth.image[index])
        left, top, right, bottom = box.tolist()
        candidates = []
        for number, scale in enumerate(scales):
            for row, column in cells(scale):
                x, y = (column + 0.5) * scale.stride, (row + 0.5) * scale.stride
                reach = 2.5 * scale.stride
                if abs(x - (left + right) / 2) >= reach or abs(y - (top + bottom) / 2) >= reach:
                    continue
                for anchor in range(3):
                    iou = float(box_iou(scale.xyxy[image, anchor, row, column], box))
                    objectness = float(scale.objectness[image, anchor, row, column].sigmoid())
                    cost = -3 * math.log(max(iou, 1e-8))
                    label = truth.labels[index]
                    for number_of_class in range(NUM_CLASSES):
                        logit = scale.classes[image, anchor, row, column, number_of_class]
                        score = math.sqrt(objectness * float(logit.sigmoid()))
                        is_class = bool(label[number_of_class]) if label.ndim else int(label) == number_of_class
                        cost -= math.log(score if is_class else 1 - score)
                    candidates.append((cost, iou, (number, image, anchor, row, column, index)))
        count = max(1, int(sum(sorted((iou for _, iou, _ in candidates), reverse=True)[:10])))
        claims += [(slot, -cost) for cost, _, slot in sorted(candidates, key=lambda each: each[0])[:count]]
    return one_object_per_slot(claims)


def slow_task_aligned(truth: GroundTruth, scales: list[ScaleOutput]) -> set[Positive]:
    claims = []
    for index, box in enumerate(truth.boxes):
        image = int(truth.image[index])
        left, top, right, bottom = box.tolist()
        candidates = []
        for number, scale in enumerate(scales):
            for row, column in cells(scale):
                x, y = (column + 0.5) * scale.stride, (row + 0.5) * scale.stride
                is_inside = left < x < right and top < y < bottom
                if not is_inside and (row, column) != own_cell(box.tolist(), scale):
                    continue
                for anchor in range(3):
                    iou = float(box_iou(scale.xyxy[image, anchor, row, column], box))
                    label = truth.labels[index]
                    its = label.nonzero().flatten().tolist() if label.ndim else [int(label)]
                    probabilities = scale.classes[image, anchor, row, column].sigmoid()[its]
                    score = float(scale.objectness[image, anchor, row, column].sigmoid() * probabilities.mean())
                    candidates.append((score * iou**6, iou, (number, image, anchor, row, column, index)))
        best = sorted(candidates, key=lambda each: -each[0])[:13]
        claims += [(slot, iou) for _, iou, slot in best]
    return one_object_per_slot(claims)


def slow_atss(truth: GroundTruth, scales: list[ScaleOutput]) -> set[Positive]:
    claims = []
    for index, box in enumerate(truth.boxes):
        image = int(truth.image[index])
        left, top, right, bottom = box.tolist()
        candidates = []
        for number, scale in enumerate(scales):

            def distance(cell: tuple[int, int], stride: int = int(scale.stride)) -> float:
                down = (cell[0] + 0.5) * stride - (top + bottom) / 2  # noqa: B023
                right_of = (cell[1] + 0.5) * stride - (left + right) / 2  # noqa: B023
                return down**2 + right_of**2

            for row, column in sorted(cells(scale), key=distance)[:9]:
                x, y = (column + 0.5) * scale.stride, (row + 0.5) * scale.stride
                for anchor, (width, height) in enumerate(scale.anchors.tolist()):
                    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
                    iou = float(box_iou(torch.tensor(corners, dtype=torch.float64), box))
                    is_inside = left < x < right and top < y < bottom
                    candidates.append((iou, is_inside, (number, image, anchor, row, column, index)))
        values = [iou for iou, _, _ in candidates]
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
        claims += [(slot, iou) for iou, is_inside, slot in candidates if is_inside and iou >= mean + deviation]
    return one_object_per_slot(claims)


@pytest.mark.parametrize(
    ("policy", "slow"),
    [
        (NeighbourCells(), slow_neighbour_cells),
        (SimOTA(), slow_simota),
        (TaskAligned(), slow_task_aligned),
        (ATSS(), slow_atss),
    ],
    ids=lambda each: type(each).__name__,
)
@settings(max_examples=12)
@given(count=st.integers(0, 9), seed=st.integers(0, 2**31), multi_hot=st.booleans())
def test_equals_the_policy_in_plain_loops(
    policy: Assigner,
    slow: Callable[[GroundTruth, list[ScaleOutput]], set[Positive]],
    count: int,
    seed: int,
    multi_hot: bool,
) -> None:
    truth, scales = random_case(count, seed, multi_hot=multi_hot)
    assert found(policy, truth, scales) == slow(truth, scales)


def test_neighbour_cells_by_hand() -> None:
    """A centre right of and above the middle of cell (1, 1): the right and the upper neighbour count too."""
    anchors = Anchors((((16, 16), (70, 16)),), (16,), (2.0,))
    box = torch.tensor([[20.0, 12.0, 36.0, 28.0]])  # centre (28, 20): 0.75 and 0.25 into its cell
    truth = GroundTruth(box, torch.tensor([0]), torch.tensor([0]))
    (targets,) = NeighbourCells()(truth, ScaleOutput.blank(anchors, (64, 64)))
    assert sorted(targets.slots.tolist()) == [[0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 1, 2]]


def test_neighbour_cells_at_exactly_half_a_cell_and_at_the_edge() -> None:
    anchors = Anchors((((16, 16),),), (16,))
    boxes = torch.tensor([[16.0, 16.0, 32.0, 32.0], [56.0, 0.0, 72.0, 8.0]])  # centres (24, 24) and (64, 4)
    truth = GroundTruth(boxes, torch.tensor([0, 0]), torch.tensor([0, 1]))
    (targets,) = NeighbourCells()(truth, ScaleOutput.blank(anchors, (64, 64), batch_size=2))
    # the middle of a cell is nearer to no border; beyond the grid there is no neighbour
    assert sorted(targets.slots.tolist()) == [[0, 0, 1, 1], [1, 0, 0, 3]]


def test_simota_takes_as_many_as_the_ious_add_up_to() -> None:
    """Every cell predicts a box of the object's size as near to it as it can: k is the sum of the ten best IoUs."""
    anchors = Anchors((((32, 32),),), (8,))
    logits = torch.zeros(1, 1, 8, 8, 6)
    logits[..., 0] = 4
    logits[..., 5] = 4
    scales = ScaleOutput.from_predictions([logits], anchors)
    centre = scales[0].cxcywh[0, 0, 4, 4, :2]
    for row in range(8):
        for column in range(8):  # each as near to the centre of cell (4, 4) as its own cell reaches
            wanted = (centre / 8 - torch.tensor([float(column), float(row)])).clamp(1e-4, 1 - 1e-4)
            logits[0, 0, row, column, 1:3] = torch.logit(wanted)
    half = torch.tensor([16.0, 16.0])
    truth = GroundTruth(torch.cat([centre - half, centre + half])[None], torch.tensor([0]), torch.tensor([0]))
    ious = box_iou(scales[0].xyxy[0, 0], truth.boxes[0]).flatten()
    near = [(row, column) for row in range(2, 7) for column in range(2, 7)]  # within 2.5 cells
    highest = sorted((float(ious[row * 8 + column]) for row, column in near), reverse=True)[:10]
    (targets,) = SimOTA()(truth, scales)
    assert len(targets) == int(sum(highest))
    assert [0, 0, 4, 4] in targets.slots.tolist()


def test_ties_go_to_the_first_object_and_the_first_slot() -> None:
    """Two objects exactly alike in one image: the first one keeps every slot that both choose."""
    truth, scales = random_case(1, seed=3)
    twice = GroundTruth(
        truth.boxes.repeat(2, 1), truth.labels.repeat(2), truth.image.repeat(2), torch.tensor([0.25, 0.75])
    )
    for policy in (SimOTA(), TaskAligned(), ATSS()):
        weights = torch.cat([targets.weights for targets in policy(twice, scales)])
        assert len(weights) > 0
        assert weights.unique().tolist() == [0.25]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: type(each).__name__)
def test_images_without_objects(policy: Assigner) -> None:
    truth, scales = random_case(0, seed=0)
    for targets, scale in zip(policy(truth, scales), scales, strict=True):
        assert len(targets) == 0
        assert targets.boxes.shape == (0, 4)
        assert targets.slots.shape == (0, 4)
        assert targets.background.all()
        assert targets.background.shape == scale.logits.shape[:4]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("recipe", [YoloLoss, MultiAnchorLoss, FocalGIoULoss, DarknetLoss])
def test_works_with_every_recipe(policy: Assigner, recipe: Callable[..., YoloLoss]) -> None:
    """A finite loss with a gradient on every scale, in half precision and with nothing in the batch too."""
    generator = torch.Generator().manual_seed(0)
    predictions = [
        torch.randn(2, 3, 96 // stride, 96 // stride, 9, generator=generator).requires_grad_()
        for stride in COCO_ANCHORS.strides
    ]
    boxes = torch.tensor([[10.0, 10.0, 60.0, 70.0], [50.0, 40.0, 62.0, 60.0], [0.0, 0.0, 96.0, 96.0]])
    truth = GroundTruth(boxes, torch.tensor([0, 3, 1]), torch.tensor([0, 0, 1]))
    loss = recipe(assigner=policy)
    loss(tuple(predictions), truth).backward()
    for part in predictions:
        assert part.grad is not None
        assert part.grad.isfinite().all()
        assert part.grad.abs().sum() > 0
    assert sum(len(targets) for targets in loss.assign(tuple(predictions), truth)) >= 3
    nothing = GroundTruth(torch.empty(0, 4), torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long))
    assert loss(tuple(predictions), nothing).isfinite()
    half = tuple(part.detach().bfloat16() for part in predictions)
    assert loss(half, truth).isfinite()


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: type(each).__name__)
def test_no_gradient_goes_through_the_choice(policy: Assigner) -> None:
    predictions = [torch.randn(1, 3, 64 // s, 64 // s, 9, requires_grad=True) for s in COCO_ANCHORS.strides]
    scales = ScaleOutput.from_predictions(predictions, COCO_ANCHORS)
    truth = GroundTruth(torch.tensor([[10.0, 10.0, 50.0, 40.0]]), torch.tensor([2]), torch.tensor([0]))
    for targets in policy(truth, scales):
        assert not targets.boxes.requires_grad
        assert not targets.weights.requires_grad
