"""A part that owes something is told what."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from yolo3 import COCO_ANCHORS, Candidates, Darknet53, GroundTruth, ScaleOutput, Targets, YoloLoss, YOLOv3
from yolo3.assign import BestAnchorPerScale
from yolo3.losses import IoUBox, SquaredErrorBox
from yolo3.testing import (
    asking,
    assigner,
    box_term,
    check_assigner,
    check_backbone,
    check_box_term,
    check_detector,
    check_loss,
    loss,
    network,
)


class Grid(nn.Module):
    """One box per cell of 8 pixels: as small as a detector can be."""

    num_classes = 2
    stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 8, 8)

    def forward(self, images: Tensor) -> Tensor:
        return self.conv(images)

    def decode(self, predictions: Tensor) -> Candidates:
        values = predictions.float().flatten(2).mT
        return Candidates(values[..., :4], values[..., 4:].sigmoid())


class InPlace(Grid):
    def forward(self, images: Tensor) -> Tensor:
        return self.conv(images.mul_(2))


class Unused(Grid):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Linear(2, 2)


class OtherInTraining(Grid):
    def forward(self, images: Tensor) -> Any:
        return self.conv(images) if self.training else [self.conv(images)]


class Mixing(Grid):
    def forward(self, images: Tensor) -> Tensor:
        x = self.conv(images)
        return x + x.sum(dim=0, keepdim=True)


class Forgetful(Grid):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        self.register_state_dict_post_hook(self._forget)

    @staticmethod
    def _forget(module: nn.Module, state: dict[str, Tensor], prefix: str, info: object) -> None:
        state.pop("gain")

    def forward(self, images: Tensor) -> Tensor:
        return self.gain * self.conv(images)


class FloatsOnly(Grid):
    def forward(self, images: Tensor) -> Tensor:
        return self.conv(images + torch.zeros(1, 3, 1, 1))


class Untraceable(Grid):
    def forward(self, images: Tensor) -> Tensor:
        x = self.conv(images)
        return x if len(images) and x.max().item() > 1e9 else x + 0


class ListDecode(Grid):
    def decode(self, predictions: Tensor) -> Any:
        return list(predictions)


class ThreeScores(Grid):
    def decode(self, predictions: Tensor) -> Candidates:
        values = predictions.float().flatten(2).mT
        return Candidates(values[..., :4], values[..., 3:].sigmoid())


class NoClasses(Grid):
    num_classes = 0


class SwappedScales(YOLOv3):
    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return super().forward(images)[::-1]


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: object(), "object is no nn.Module"),
        (NoClasses, r"NoClasses\.num_classes is 0; it must be a positive int"),
        (InPlace, "InPlace changed images in place; work on a copy"),
        (Unused, r"Unused\.spare\.weight gets no gradient; its output does not depend on it"),
        (OtherInTraining, "OtherInTraining gives a list; predictions are a tensor or a tuple of tensors"),
        (Mixing, "Mixing sees an image otherwise in a batch than alone, in evaluation"),
        (Forgetful, "Forgetful does not load the state_dict of another one like it"),
        (FloatsOnly, r"FloatsOnly does not run in bfloat16 \(RuntimeError: "),
        (Untraceable, "Untraceable cannot be traced by torch.export"),
        (ListDecode, r"ListDecode\.decode gives a list; it must be Candidates"),
        (ThreeScores, r"ThreeScores\.decode gives boxes \(2, 4, 4\) and scores \(2, 4, 3\); they must be \(B, N, 4\)"),
        (lambda: SwappedScales(1, width=0.1), "SwappedScales gives predictions of .* its anchors ask for .* coarse to"),
    ],
)
def test_detectors(build: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint) as told:
        check_detector(build())
    assert "\n" not in str(told.value)


def test_the_smallest_detector_passes_and_stays_as_it_is() -> None:
    grid = Grid().train()
    before = {name: value.clone() for name, value in grid.state_dict().items()}
    drawn = torch.random.get_rng_state()
    check_detector(grid)
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert grid.training
    assert grid.conv.weight.grad is None
    assert all(torch.equal(value, before[name]) for name, value in grid.state_dict().items())


class Pools(nn.Module):
    out_channels: Any = (3, 3, 3)

    def forward(self, images: Tensor) -> Any:
        return [nn.functional.avg_pool2d(images, stride) for stride in (8, 16, 32)]


class PoolsOfFour(Pools):
    out_channels = (3, 3, 3, 3)


class PoolsReversed(Pools):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images)[::-1]


class OneTensor(Pools):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images)[0]


@pytest.mark.parametrize(
    ("backbone", "complaint"),
    [
        (nn.Identity(), r"Identity does not say its maps \(ValueError: Identity.out_channels is None"),
        (PoolsOfFour(), "PoolsOfFour gives 4 maps, .* the anchors have 3 scales"),
        (PoolsReversed(), r"PoolsReversed gives maps of \[\(2, 3, 2, 2\), .* out_channels and strides ask for"),
        (OneTensor(), "OneTensor gives a Tensor; it must be a tuple of maps, fine to coarse"),
    ],
)
def test_backbones(backbone: nn.Module, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_backbone(backbone)


def _ours(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    return BestAnchorPerScale()(truth, scales)


def one_scale(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    return _ours(truth, scales)[:1]


def sorting(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    truth.boxes.clamp_(min=5)
    return _ours(truth, scales)


def needs_objects(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    truth.boxes.amax()
    return _ours(truth, scales)


def outside(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    return [replace(targets, slots=targets.slots + 1) for targets in _ours(truth, scales)]


def shifted(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    return [replace(targets, boxes=targets.boxes + 0.5) for targets in _ours(truth, scales)]


def relabelled(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    return [replace(targets, labels=1 - targets.labels.clamp(max=1)) for targets in _ours(truth, scales)]


def attached(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    first = scales[0].logits.flatten()[0].sigmoid()
    return [replace(targets, weights=targets.weights * first) for targets in _ours(truth, scales)]


def nobody(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    return _ours(GroundTruth(truth.boxes[:0], truth.labels[:0], truth.image[:0]), scales)


def drawing_lots(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    return [_thinned(targets) for targets in _ours(truth, scales)]


def _thinned(targets: Targets) -> Targets:
    kept = torch.rand(len(targets)) < 0.5
    parts = {name: getattr(targets, name)[kept] for name in ("slots", "boxes", "labels", "weights")}
    return replace(targets, **parts)


def ignoring_for_all(truth: GroundTruth, scales: list[ScaleOutput]) -> list[Targets]:
    found = _ours(truth, scales)
    busy = len(set(truth.image.tolist())) > 1
    return [replace(targets, ignore=targets.background if busy else targets.ignore) for targets in found]


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        (one_scale, r"one_scale gives \['Targets'\]; it must be a list of 3 Targets, one per scale"),
        (sorting, r"sorting changed truth\.boxes in place"),
        (needs_objects, "needs_objects does not take a batch without objects"),
        (outside, "outside gives targets of scale 0 that do not fit its grid"),
        (shifted, "shifted gives positive 0 of scale 0 a box that no object of image 0 has"),
        (relabelled, "relabelled gives positive 0 of scale 0 a class that no object of image 0 has"),
        (attached, r"attached gives targets\.weights with a gradient; detach the predictions first"),
        (nobody, "nobody makes no slot responsible for any of four objects"),
        (drawing_lots, "drawing_lots gives other targets when it is asked again"),
        (ignoring_for_all, "ignoring_for_all gives an image other targets in a batch than alone"),
    ],
)
def test_assigners(policy: Any, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_assigner(policy)


def mean(positives: ScaleOutput, targets: Targets) -> Tensor:
    return SquaredErrorBox()(positives, targets).mean()


def detached(positives: ScaleOutput, targets: Targets) -> Tensor:
    return SquaredErrorBox()(positives, targets).detach()


def root(positives: ScaleOutput, targets: Targets) -> Tensor:
    return (positives.cxcywh - targets.boxes).square().sum(dim=1).sqrt()


def upside_down(positives: ScaleOutput, targets: Targets) -> Tensor:
    return -IoUBox()(positives, targets)


def in_place(positives: ScaleOutput, targets: Targets) -> Tensor:
    values = SquaredErrorBox()(positives, targets)
    targets.boxes.add_(1)
    return values


@pytest.mark.parametrize(
    ("term", "complaint"),
    [
        (mean, r"mean gives \(\); it must be one value per positive, \(4,\)"),
        (detached, "detached gives values without a gradient"),
        (root, "root has a gradient that is not finite"),
        (upside_down, "upside_down does not cost a box beside its object more than a perfect one"),
        (in_place, r"in_place changed targets\.boxes in place"),
    ],
)
def test_box_terms(term: Any, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_box_term(term)


@dataclass(frozen=True)
class Around:
    """A loss like ours but for one thing."""

    anchors = COCO_ANCHORS

    def __call__(self, predictions: Any, targets: Any) -> Tensor:
        return YoloLoss()(predictions, targets)

    def terms(self, predictions: Any, targets: Any) -> Any:
        return YoloLoss().terms(predictions, targets)

    def assign(self, predictions: Any, truth: GroundTruth) -> Any:
        return YoloLoss().assign(predictions, truth)


class Halved(Around):
    def __call__(self, predictions: Any, targets: Any) -> Tensor:
        return super().__call__(predictions, targets) / 2


class ListOfTerms(Around):
    def terms(self, predictions: Any, targets: Any) -> Any:
        return list(super().terms(predictions, targets).values())


class NotANumber(Around):
    def terms(self, predictions: Any, targets: Any) -> Any:
        terms = super().terms(predictions, targets)
        return {**terms, "box": terms["box"] / (0.0 if not len(targets) else 1.0)}


class CoarseOnly(Around):
    def terms(self, predictions: Any, targets: Any) -> Any:
        return super().terms((predictions[0], *(each.detach() for each in predictions[1:])), targets)

    def __call__(self, predictions: Any, targets: Any) -> Tensor:
        return sum(self.terms(predictions, targets).values())  # type: ignore[return-value]


class OthersAssigned(Around):
    def assign(self, predictions: Any, truth: GroundTruth) -> Any:
        return super().assign(predictions, GroundTruth(truth.boxes[:1], truth.labels[:1], truth.image[:1]))


class NoAnchors(Around):
    anchors = None  # type: ignore[assignment]


class Learned(nn.Module):
    """A recipe inside an `nn.Module`, with learned weights of its terms."""

    def __init__(self, unused: bool = False) -> None:
        super().__init__()
        self.recipe = YoloLoss()
        self.anchors = self.recipe.anchors
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in ("box", "classes")})
        if unused:
            self.spare = nn.Parameter(torch.zeros(()))

    def terms(self, predictions: Any, targets: Any) -> dict[str, Tensor]:
        terms = self.recipe.terms(predictions, targets)
        learned = {name: terms[name] * (-log).exp() + log for name, log in self.log_variance.items()}
        return {**terms, **learned}

    def forward(self, predictions: Any, targets: Any) -> Tensor:
        return torch.stack(list(self.terms(predictions, targets).values())).sum()

    def assign(self, predictions: Any, truth: GroundTruth) -> Any:
        return self.recipe.assign(predictions, truth)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (Halved(), r"Halved gives [\d.]+ for 4 objects, its terms sum to "),
        (ListOfTerms(), r"ListOfTerms\.terms gives a list; it must be a dict of named scalars"),
        (NotANumber(), r"NotANumber\.terms gives 'box' of nan, for a batch without objects"),
        (CoarseOnly(), "CoarseOnly does not depend on predictions 1, for 4 objects"),
        (OthersAssigned(), "OthersAssigned is not the same for objects and for the targets that it assigns"),
        (NoAnchors(), r"NoAnchors\.anchors is no Anchors; pass a `detector`"),
        (Learned(unused=True), r"Learned\.spare gets no gradient"),
        (object(), "object has no method `terms`"),
    ],
)
def test_losses(wrong: Any, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_loss(wrong)


def test_a_recipe_with_learned_weights() -> None:
    check_loss(Learned())


@pytest.mark.parametrize("module", [network, assigner, box_term, loss])
def test_the_checks_of_another_device_run(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On machines without one too: here the CPU stands in for it."""
    monkeypatch.setattr(module, "other_devices", lambda: ["cpu"])
    run: dict[Any, Callable[[], None]] = {
        network: lambda: check_detector(Grid()),  # type: ignore[arg-type]
        assigner: lambda: check_assigner(BestAnchorPerScale()),
        box_term: lambda: check_box_term(IoUBox()),
        loss: lambda: check_loss(YoloLoss()),
    }
    run[module]()
    if not torch.accelerator.is_available():
        assert asking.other_devices() == []


def test_a_backbone_with_width() -> None:
    check_backbone(Darknet53(in_channels=1, width=0.1))
