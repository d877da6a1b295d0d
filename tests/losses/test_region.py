"""YOLOv2's loss: figures of the original program, and its loop written slowly."""

import math

import pytest
import torch
from torch import Tensor

from yolo3 import Anchors, GroundTruth
from yolo3.assign import BestAnchorInCell
from yolo3.boxes import box_iou, cxcywh_to_xyxy
from yolo3.losses import MultiLabelClasses, RegionLoss

ROWS = 4
COLUMNS = 5
STRIDE = 32
CLASSES = 3
ANCHORS = Anchors((((32, 48), (80, 40)),), (STRIDE,))
OBJECTS = [
    (0, 0.31, 0.40, 0.20, 0.45, 0),  # image, cx, cy, w, h (shares of the image), class; the first two share a slot
    (0, 0.36, 0.47, 0.22, 0.40, 2),
    (0, 0.85, 0.90, 0.30, 0.20, 1),
    (1, 0.50, 0.50, 0.55, 0.35, 2),
    (1, 0.05, 0.10, 0.10, 0.20, 0),
]
FILE_ORDER = [4, 0, 1, 2, 3, 5, 6, 7]  # where objectness, x, y, w, h and the classes are in Darknet's layout


def logits() -> Tensor:
    """(2, 2, 4, 5, 8) in the library's order: the values that the original program was given."""
    k = torch.arange(2 * 2 * 8 * ROWS * COLUMNS, dtype=torch.float64)
    values = (0.8 * torch.sin(1.7 * k + 0.3 * torch.sin(0.11 * k))).float().double()
    return values.view(2, 2, 8, ROWS, COLUMNS)[:, :, FILE_ORDER].permute(0, 1, 3, 4, 2).contiguous()


def truth() -> GroundTruth:
    numbers = torch.tensor(OBJECTS).double()
    size = torch.tensor([COLUMNS, ROWS, COLUMNS, ROWS]) * STRIDE
    boxes = cxcywh_to_xyxy(numbers[:, 1:5] * size)
    return GroundTruth(boxes, numbers[:, 5].long(), numbers[:, 0].long())


def gradient(loss: RegionLoss) -> Tensor:
    """What Darknet calls delta: minus the derivative of the sum over the batch."""
    predictions = logits().requires_grad_()
    (found,) = torch.autograd.grad(2 * loss((predictions,), truth()), predictions)
    return -found


# pjreddie's Darknet, commit f6afaab: `forward_region_layer` with thresh=.6, object_scale=5, then the derivative of the
# sigmoid for x, y and objectness, as in `backward_region_layer_gpu`. Per anchor, in the order of the file: sum of the
# deltas of each channel, and sum of their magnitudes.
IOU_AND_ANCHORS = """
-0.074565,0.468731 0.169445,0.240336 -1.541515,3.637909 -0.712176,3.446948 -5.081176,5.081176 0.053522,1.574261
-0.070985,1.761173 0.017463,1.358886
-0.043945,0.043945 -0.215526,0.215526 0.320126,0.320126 -1.139374,1.139374 -4.369876,4.737696 -0.532507,0.532507
-0.202940,0.202940 0.735448,0.735448
"""
ONE_AND_PREDICTIONS = """
-0.271648,0.271648 0.018161,0.089051 -0.832666,2.929060 -1.759707,2.399417 -3.339558,5.485221 0.209224,1.418559
0.461487,1.228700 -0.670712,0.670712
0.147115,0.235005 -0.109686,0.321366 0.223114,0.417138 -1.811357,1.811357 -2.995876,5.931742 -0.776528,0.776528
-0.788904,0.788904 1.565432,1.565432
"""
FIRST_IMAGES = """
-0.074573,0.479145 0.169209,0.250918 -1.529576,3.829285 -0.721864,3.637917 -5.081176,5.081176 0.053522,1.574261
-0.070985,1.761173 0.017463,1.358886
-0.043925,0.054761 -0.215530,0.226593 0.320791,0.526120 -1.133949,1.338723 -4.369876,4.737696 -0.532507,0.532507
-0.202940,0.202940 0.735448,0.735448
"""


@pytest.mark.parametrize(
    ("loss", "figures"),
    [
        (RegionLoss(ANCHORS), IOU_AND_ANCHORS),
        (
            RegionLoss(ANCHORS, objectness_target="binary", assigner=BestAnchorInCell(0.6, match="predictions")),
            ONE_AND_PREDICTIONS,
        ),
        (RegionLoss(ANCHORS, prior_weight=0.01), FIRST_IMAGES),
    ],
    ids=["rescore and bias_match", "neither", "first images"],
)
def test_the_gradient_is_that_of_the_original_program(loss: RegionLoss, figures: str) -> None:
    expected = torch.tensor([[float(number) for number in pair.split(",")] for pair in figures.split()]).double()
    found = gradient(loss)[..., [1, 2, 3, 4, 0, 5, 6, 7]].permute(1, 4, 0, 2, 3).flatten(2)  # (A, 5 + C, B·S·S)
    sums = torch.stack([found.sum(dim=2), found.abs().sum(dim=2)], dim=-1).flatten(0, 1)
    torch.testing.assert_close(sums, expected, rtol=0, atol=2e-5)


def deltas(x: Tensor, ignore_iou: float, rescore: bool, bias_match: bool, prior: float, softmax: bool) -> Tensor:
    """The program's loop over every slot and object, in plain numbers."""
    x = x.clone()
    sigmoid = x.sigmoid()
    classes = x[..., 5:].softmax(dim=-1) if softmax else sigmoid[..., 5:]
    delta = torch.zeros_like(x)
    objects = list(zip(truth().boxes, OBJECTS, strict=True))

    def predicted(b: int, a: int, row: int, column: int) -> list[float]:
        width, height = ANCHORS.sizes[0][a]
        _, px, py, tw, th = x[b, a, row, column, :5].tolist()
        centre = [(1 / (1 + math.exp(-px)) + column) * STRIDE, (1 / (1 + math.exp(-py)) + row) * STRIDE]
        return [*centre, math.exp(tw) * width, math.exp(th) * height]

    def draw(slot: tuple[int, int, int, int], wanted: list[float], scale: float) -> None:
        for place, value in enumerate(wanted, start=1):
            now = sigmoid[slot][place] if place < 3 else x[slot][place]
            slope = now * (1 - now) if place < 3 else 1.0
            delta[slot][place] = scale * (value - now) * slope

    for b in range(2):
        for a in range(2):
            for row in range(ROWS):
                for column in range(COLUMNS):
                    box = cxcywh_to_xyxy(torch.tensor(predicted(b, a, row, column)).double())
                    best = max((box_iou(box, one).item() for one, each in objects if each[0] == b), default=0.0)
                    slot = (b, a, row, column)
                    p = sigmoid[slot][0]
                    delta[slot][0] = 0 if best > ignore_iou else -p * p * (1 - p)
                    if prior:
                        draw(slot, [0.5, 0.5, 0, 0], prior)
    for one, (b, cx, cy, w, h, label) in objects:
        column, row = int(cx * COLUMNS), int(cy * ROWS)
        width, height = w * COLUMNS * STRIDE, h * ROWS * STRIDE
        fits = []
        for a, size in enumerate(ANCHORS.sizes[0]):
            edges = size if bias_match else predicted(b, a, row, column)[2:]
            inside = min(edges[0], width) * min(edges[1], height)
            fits.append(inside / (edges[0] * edges[1] + width * height - inside))
        a = fits.index(max(fits))
        slot = (b, a, row, column)
        anchor = ANCHORS.sizes[0][a]
        wanted = [cx * COLUMNS - column, cy * ROWS - row, math.log(width / anchor[0]), math.log(height / anchor[1])]
        draw(slot, wanted, 2 - w * h)
        iou = box_iou(cxcywh_to_xyxy(torch.tensor(predicted(*slot)).double()), one).item()
        p = sigmoid[slot][0]
        delta[slot][0] = 5 * ((iou if rescore else 1) - p) * p * (1 - p)
        for number in range(CLASSES):
            delta[slot][5 + number] = (1 if number == label else 0) - classes[slot][number]
    return delta


@pytest.mark.parametrize("ignore_iou", [0.2, 0.6])
@pytest.mark.parametrize("rescore", [False, True])
@pytest.mark.parametrize("bias_match", [False, True])
@pytest.mark.parametrize(("prior", "softmax"), [(0.0, True), (0.01, False)])
def test_the_gradient_is_that_of_a_slow_loop(
    ignore_iou: float, rescore: bool, bias_match: bool, prior: float, softmax: bool
) -> None:
    loss = RegionLoss(
        ANCHORS,
        objectness_target="iou" if rescore else "binary",
        assigner=BestAnchorInCell(ignore_iou, "anchors" if bias_match else "predictions"),
        prior_weight=prior,
    )
    if not softmax:
        loss = RegionLoss(**{**vars(loss), "classes": MultiLabelClasses()})
    expected = deltas(logits(), ignore_iou, rescore, bias_match, prior, softmax)
    torch.testing.assert_close(gradient(loss), expected, rtol=1e-6, atol=1e-7)


def test_of_two_objects_in_a_slot_the_last_counts() -> None:
    (targets,) = RegionLoss(ANCHORS).assign((logits(),), truth())
    assert len(targets) == 4
    assert targets.labels[(targets.slots[:, 0] == 0) & (targets.slots[:, 3] == 1)].tolist() == [2]


def test_a_larger_ignore_iou_leaves_less_ignored() -> None:
    (some,), (none,) = (RegionLoss(ANCHORS, ignore_iou=iou).assign((logits(),), truth()) for iou in (0.2, 0.99))
    assert some.ignore.sum() > none.ignore.sum() == 0


def test_options_out_of_range() -> None:
    with pytest.raises(ValueError, match="objectness_target is 'giou'; choose binary or iou"):
        RegionLoss(ANCHORS, objectness_target="giou")
    with pytest.raises(ValueError, match="match is 'cells'; choose anchors or predictions"):
        BestAnchorInCell(match="cells")
