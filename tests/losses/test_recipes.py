"""What every recipe owes, whatever its formula."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from yolo3 import Anchors, GroundTruth, ScaleOutput, Targets, YoloLoss
from yolo3.assign import BestAnchorPerScale, centre_cells
from yolo3.boxes import Overlap, box_iou, cxcywh_to_xyxy, xyxy_to_cxcywh
from yolo3.losses import (
    DarknetLoss,
    FocalCrossEntropy,
    FocalGIoULoss,
    IoUBox,
    MultiAnchorLoss,
    QualityLoss,
    RegionLoss,
)
from yolo3.protocols import DetectionLoss, Predictions

ANCHORS = Anchors((((40, 30), (20, 50)), ((12, 9), (7, 20))), (32, 16))
RECIPES: list[DetectionLoss] = [
    YoloLoss(ANCHORS),
    YoloLoss(ANCHORS, objectness_target="iou"),
    MultiAnchorLoss(ANCHORS),
    MultiAnchorLoss(ANCHORS, objectness_iou_ratio=1.0, focal_gamma=1.5, label_smoothing=0.1, reduction="sum"),
    FocalGIoULoss(ANCHORS),
    DarknetLoss(ANCHORS),
    QualityLoss(ANCHORS),
    RegionLoss(ANCHORS),
]
each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)


def case(
    objects: Sequence[int] = (3, 0), num_classes: int = 3, size: tuple[int, int] = (64, 96)
) -> tuple[Predictions, GroundTruth]:
    """Predictions of an input of (height, width), and so many objects an image."""
    height, width = size
    predictions = tuple(
        torch.randn(len(objects), 2, height // stride, width // stride, 5 + num_classes, dtype=torch.double)
        for stride in ANCHORS.strides
    )
    predictions = tuple(logits.requires_grad_() for logits in predictions)
    truths = []
    for count in objects:
        centre, half = torch.rand(count, 2) * torch.tensor([width, height]), torch.rand(count, 2) * 20 + 3
        truths.append((torch.cat([centre - half, centre + half], 1).double(), torch.randint(num_classes, (count,))))
    return predictions, GroundTruth.collate(truths)


@each_recipe
def test_the_loss_is_the_sum_of_its_terms(recipe: DetectionLoss) -> None:
    predictions, truth = case()
    terms = recipe.terms(predictions, truth)
    assert {"box", "objectness", "classes"} <= terms.keys() <= {"box", "objectness", "background", "classes"}
    torch.testing.assert_close(recipe(predictions, truth), sum(terms.values()))
    torch.testing.assert_close(recipe(predictions, recipe.assign(predictions, truth)), recipe(predictions, truth))


@each_recipe
def test_gradient(recipe: DetectionLoss) -> None:
    predictions, truth = case((2,), size=(32, 32))
    targets = recipe.assign(predictions, truth)
    # what objectness should be depends on the boxes, without a gradient
    if recipe in (RECIPES[1], RECIPES[3]) or isinstance(recipe, QualityLoss | RegionLoss):
        boxes = [logits[..., 1:5].detach().clone() for logits in predictions]

        def loss(*logits: Tensor) -> Tensor:
            fixed = [torch.cat([x[..., :1], box, x[..., 5:]], dim=-1) for x, box in zip(logits, boxes, strict=True)]
            return recipe(tuple(fixed), targets)

        assert torch.autograd.gradcheck(loss, predictions)
    else:
        assert torch.autograd.gradcheck(lambda *logits: recipe(logits, targets), predictions)


@each_recipe
@pytest.mark.parametrize("objects", [(0, 0), (0, 1), (1,)])
def test_without_objects_it_is_finite_and_every_prediction_has_a_gradient(
    recipe: DetectionLoss, objects: tuple[int, ...]
) -> None:
    predictions, truth = case(objects)
    terms = recipe.terms(predictions, truth)
    for name, value in terms.items():
        gradients = torch.autograd.grad(value, predictions, retain_graph=True)
        assert value.isfinite(), name
        assert all(gradient.isfinite().all() for gradient in gradients), name
    if sum(objects) == 0:
        assert terms["box"] == terms["classes"] == 0


@each_recipe
def test_one_class(recipe: DetectionLoss) -> None:
    predictions, truth = case(num_classes=1)
    loss = recipe(predictions, truth)
    loss.backward()
    assert loss.isfinite()
    if isinstance(recipe, MultiAnchorLoss):
        assert recipe.terms(predictions, truth)["classes"] == 0


@each_recipe
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_float32(recipe: DetectionLoss, dtype: torch.dtype) -> None:
    predictions, truth = case()
    truth = replace(truth, boxes=truth.boxes.float())
    half = tuple((p.detach() * 20).to(dtype).requires_grad_() for p in predictions)
    loss = recipe(half, truth)
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, recipe(tuple(p.float() for p in half), truth))
    assert all(p.grad is not None and p.grad.isfinite().all() for p in half)


@each_recipe
def test_compiles_as_one_graph(recipe: DetectionLoss) -> None:
    predictions, truth = case()
    targets = recipe.assign(predictions, truth)
    torch._dynamo.reset()
    compiled = torch.compile(recipe.__call__, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(predictions, targets), recipe(predictions, targets))


@each_recipe
def test_inputs_stay_as_they_are(recipe: DetectionLoss) -> None:
    predictions, truth = case()
    targets = recipe.assign(predictions, truth)
    before = [p.clone() for p in predictions], [{k: v.clone() for k, v in vars(t).items()} for t in targets]
    recipe(predictions, targets).backward()
    assert all(torch.equal(a, b) for a, b in zip(before[0], predictions, strict=True))
    for fields, target in zip(before[1], targets, strict=True):
        assert all(torch.equal(value, getattr(target, name)) for name, value in fields.items())


@each_recipe
def test_an_ignored_slot_counts_nothing(recipe: DetectionLoss) -> None:
    if isinstance(recipe, MultiAnchorLoss):
        pytest.skip("it ignores nothing, by definition")
    predictions, truth = case((2,))
    targets = recipe.assign(predictions, truth)
    everything = [replace(t, ignore=torch.ones_like(t.ignore), slots=t.slots[:0], boxes=t.boxes[:0],
                          labels=t.labels[:0], weights=t.weights[:0]) for t in targets]  # fmt: skip
    assert recipe(predictions, everything) == 0


@each_recipe
def test_object_weights_scale_what_belongs_to_objects(recipe: DetectionLoss) -> None:
    predictions, truth = case((1,))
    plain = recipe.terms(predictions, truth)
    halved = recipe.terms(predictions, replace(truth, weights=torch.tensor([0.5], dtype=torch.double)))
    for name in ("box", "classes"):
        torch.testing.assert_close(halved[name], plain[name] / 2)
    assert halved["objectness"] < plain["objectness"]
    nothing = recipe.terms(predictions, replace(truth, weights=torch.zeros(1, dtype=torch.double)))
    assert nothing["box"] == nothing["classes"] == 0


@each_recipe
def test_multi_hot_labels_of_one_class_are_that_class(recipe: DetectionLoss) -> None:
    predictions, truth = case()
    hot = replace(truth, labels=torch.eye(3, dtype=torch.double)[truth.labels])
    torch.testing.assert_close(recipe(predictions, hot), recipe(predictions, truth))


@each_recipe
def test_names_the_object_that_no_target_can_be_made_of(recipe: DetectionLoss) -> None:
    predictions, truth = case((2, 1))
    truth.labels[2] = 3
    with pytest.raises(ValueError, match=r"box 2 \(image 1, label 3, .* not in 0..2"):
        recipe(predictions, truth)


@each_recipe
def test_refuses_targets_of_another_grid(recipe: DetectionLoss) -> None:
    predictions, truth = case()
    targets = recipe.assign(predictions, truth)
    with pytest.raises(ValueError, match="targets of 1 scales for predictions of 2"):
        recipe(predictions, targets[:1])
    for strange in (None, [None, None], "ab"):
        with pytest.raises(ValueError, match=r"targets hold a .*; pass one GroundTruth"):
            recipe(predictions, strange)
    with pytest.raises(ValueError, match="targets are one tensor; pass one GroundTruth"):
        recipe(predictions, targets[0].boxes)
    with pytest.raises(ValueError, match="were both made for the same image size and anchors"):
        recipe(predictions, targets[::-1])


@dataclass(frozen=True)
class FirstAnchor:
    """A policy of one's own: the first anchor of every scale answers."""

    def __call__(self, truth: GroundTruth, scales: Sequence[ScaleOutput]) -> list[Targets]:
        boxes = xyxy_to_cxcywh(truth.boxes)
        targets = []
        for scale in scales:
            row, column = centre_cells(boxes, scale)
            slots = torch.stack([truth.image, torch.zeros_like(row), row, column], dim=1)
            ignore = torch.zeros(scale.logits.shape[:4], dtype=torch.bool)
            targets.append(Targets(slots, boxes, truth.labels, truth.object_weights, ignore))
        return targets


@dataclass(frozen=True)
class SmoothL1Box:
    """A term of one's own, on the offsets."""

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        wanted = (targets.boxes[:, 2:] / positives.anchors).log()
        return torch.nn.functional.smooth_l1_loss(positives.log_ratios, wanted, reduction="none").sum(dim=1)


@dataclass(frozen=True)
class Hinge:
    """A term of one's own, for logits."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        return (1 - (2 * target - 1) * logits).clamp(min=0)


@dataclass(frozen=True)
class HingeClasses:
    """And for classes."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        hot = labels if labels.ndim == 2 else torch.nn.functional.one_hot(labels, logits.shape[1])
        return Hinge()(logits, hot.to(logits.dtype)).sum(dim=1)


@pytest.mark.parametrize("kind", [YoloLoss, MultiAnchorLoss, FocalGIoULoss, DarknetLoss, QualityLoss])
def test_takes_a_policy_and_terms_of_ones_own(kind: type[YoloLoss]) -> None:
    predictions, truth = case((2, 1), size=(32, 32))
    loss = kind(ANCHORS, assigner=FirstAnchor(), box=SmoothL1Box(), objectness=Hinge(), classes=HingeClasses())
    own, stock = loss.terms(predictions, truth), kind(ANCHORS).terms(predictions, truth)
    assert [len(targets) for targets in loss.assign(predictions, truth)] == [3, 3]
    assert all(own[name].isfinite() and own[name] != stock[name] for name in own)
    if kind is not QualityLoss:  # whose target of objectness depends on the boxes, without a gradient
        assert torch.autograd.gradcheck(lambda *p: loss(p, truth), predictions, fast_mode=True)


def test_dense_targets_are_taken() -> None:
    predictions, truth = case((2, 1))
    for recipe in RECIPES:
        sparse = BestAnchorPerScale()(truth, ScaleOutput.from_predictions(predictions, ANCHORS))
        dense = [targets.to_dense(stride) for targets, stride in zip(sparse, ANCHORS.strides, strict=True)]
        torch.testing.assert_close(recipe(predictions, dense), recipe(predictions, sparse))


@pytest.mark.parametrize(
    ("kind", "option", "complaint"),
    [
        (YoloLoss, {"objectness_target": "iuo"}, "objectness_target is 'iuo'; choose binary or iou"),
        (MultiAnchorLoss, {"reduction": "none"}, "reduction is 'none'; choose mean or sum"),
        (MultiAnchorLoss, {"objectness_overlap": "miou"}, "objectness_overlap is 'miou'; choose iou"),
    ],
)
def test_refuses_unknown_options(kind: type[YoloLoss], option: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        kind(**option)


@pytest.mark.parametrize("kind", [YoloLoss, MultiAnchorLoss, FocalGIoULoss, DarknetLoss, QualityLoss, RegionLoss])
def test_refuses_parts_that_are_not_built(kind: type[YoloLoss]) -> None:
    name = kind.__name__
    with pytest.raises(ValueError, match=f"anchors of {name} is 20; pass those of the detector"):
        kind(20)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"assigner of {name} is the class FirstAnchor; pass a built one: FirstAnchor"):
        kind(ANCHORS, assigner=FirstAnchor)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"classes of {name} is 'softmax'; pass a built part"):
        kind(ANCHORS, classes="softmax")  # type: ignore[arg-type]
    if kind is not RegionLoss:
        with pytest.raises(ValueError, match=rf"box of {name} is 'ciou'; pass a built part, as in box=IoUBox"):
            kind(ANCHORS, box="ciou")  # type: ignore[arg-type]


@pytest.mark.parametrize("recipe", [YoloLoss, MultiAnchorLoss, FocalGIoULoss, DarknetLoss, QualityLoss])
def test_every_term_has_a_weight(recipe: type[DarknetLoss]) -> None:
    """Doubling the weight of a term doubles that term and no other."""
    predictions, truth = case()
    plain = recipe(ANCHORS)
    terms = plain.terms(predictions, truth)
    names = {"box": "box_weight", "objectness": "objectness_weight", "classes": "class_weight"}
    names |= {"background": "background_weight"} if "background" in terms else {}
    assert names.keys() == terms.keys()
    for term, weight in names.items():
        doubled = replace(plain, **{weight: 2 * getattr(plain, weight)}).terms(predictions, truth)
        for name, value in terms.items():
            torch.testing.assert_close(doubled[name], value * (2 if name == term else 1))


def test_focal_giou_is_darknets_loss_with_other_terms() -> None:
    """To the bit, gradients included."""
    predictions, truth = case()
    one = FocalGIoULoss(ANCHORS, ignore_iou=0.6, gamma=1.5)
    other = DarknetLoss(ANCHORS, ignore_iou=0.6, box=IoUBox("giou"), objectness=FocalCrossEntropy(1.5))
    assert torch.equal(one(predictions, truth), other(predictions, truth))
    gradients = [torch.autograd.grad(loss(predictions, truth), predictions) for loss in (one, other)]
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("kind", ["giou", "diou", "ciou"])
def test_objectness_of_the_2020_recipe_is_the_overlap_of_its_box_term(kind: Overlap) -> None:
    """By a loop over the positives: t = (1 - r) + r · max(overlap, 0), and 0 elsewhere."""
    predictions, truth = case()
    ratio = 0.7
    loss = MultiAnchorLoss(ANCHORS, objectness_iou_ratio=ratio, box=IoUBox(kind), objectness_weight=1.0)
    expected = torch.zeros((), dtype=torch.double)
    scales = ScaleOutput.from_predictions(predictions, ANCHORS)
    for scale, targets in zip(scales, loss.assign(predictions, truth), strict=True):
        wanted = torch.zeros_like(scale.objectness)
        for slot, box in zip(targets.slots.tolist(), targets.boxes, strict=True):
            reached = box_iou(scale.xyxy[tuple(slot)], cxcywh_to_xyxy(box), kind)
            wanted[tuple(slot)] = (1 - ratio) + ratio * max(float(reached.detach()), 0)  # the last one counts
        expected += torch.nn.functional.binary_cross_entropy_with_logits(scale.objectness, wanted)
    torch.testing.assert_close(loss.terms(predictions, truth)["objectness"], expected)
    giou = replace(loss, objectness_overlap="giou").terms(predictions, truth)["objectness"]
    assert torch.allclose(giou, expected, rtol=1e-6) is (kind == "giou")


def test_quality_loss_by_a_loop() -> None:
    """Every slot by itself: the target of objectness is the IoU reached, in a slot of two objects that of the last."""
    predictions, truth = case((4, 2))
    loss = QualityLoss(ANCHORS)
    scales = ScaleOutput.from_predictions([logits.detach() for logits in predictions], ANCHORS)
    terms = dict.fromkeys(("box", "objectness", "classes"), 0.0)
    count = 0
    for scale, targets in zip(scales, loss.assign(predictions, truth), strict=True):
        wanted: dict[tuple[int, ...], float] = {}
        for index, slot in enumerate(map(tuple, targets.slots.tolist())):
            box = cxcywh_to_xyxy(targets.boxes[index])
            wanted[slot] = float(box_iou(scale.xyxy[slot], box))
            terms["box"] += 1 - float(box_iou(scale.xyxy[slot], box, "ciou"))
            for number, logit in enumerate(scale.classes[slot].tolist()):
                p = 1 / (1 + math.exp(-logit))
                terms["classes"] -= math.log(p if number == targets.labels[index] else 1 - p)
            count += 1
        for slot in itertools.product(*map(range, scale.objectness.shape)):
            t = wanted.get(slot, 0.0)
            p = 1 / (1 + math.exp(-float(scale.objectness[slot])))
            terms["objectness"] -= (t - p) ** 2 * (t * math.log(p) + (1 - t) * math.log(1 - p))
    found = {name: value.detach() for name, value in loss.terms(predictions, truth).items()}
    assert count > 6
    assert float(found["box"]) == pytest.approx(2 * terms["box"] / count, rel=1e-6)
    assert float(found["objectness"]) == pytest.approx(terms["objectness"] / count, rel=1e-6)
    assert float(found["classes"]) == pytest.approx(terms["classes"] / count, rel=1e-6)
