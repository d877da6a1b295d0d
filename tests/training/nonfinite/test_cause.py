"""Who makes a loss or a gradient that is not finite."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from yolo3 import CNNBlock, GroundTruth, YoloLoss, YOLOv1, YoloV1Loss, YOLOv3
from yolo3.losses import DarknetLoss, MultiAnchorLoss
from yolo3.losses.terms import BinaryCrossEntropy, SquaredErrorBox
from yolo3.protocols import DetectionLoss
from yolo3.structures import ScaleOutput, Targets
from yolo3.training.nonfinite.cause import find_cause

_CENTRE = (40.0, 24.0)
"""Of the third box: in cells of 16 pixels column 2, row 1."""


@dataclass(frozen=True)
class SpoiltBox:
    """A box term that spoils one box at one scale."""

    spoil: Callable[[Tensor], Tensor]
    stride: int = 16

    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        values = SquaredErrorBox()(positives, targets)
        stride = torch.as_tensor(positives.stride).expand(len(values), 1)[:, 0]
        chosen = (targets.boxes[:, :2] == torch.tensor(_CENTRE)).all(dim=1) & (stride == self.stride)
        return values.index_put((chosen,), self.spoil(values[chosen]))


@dataclass(frozen=True)
class SpoiltLogits:
    """An objectness term that is infinite for one logit."""

    logit: float

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        return BinaryCrossEntropy()(logits, target) / (logits != self.logit)


class Spoilt(nn.Module):
    """A layer whose output or gradient is spoilt for one image."""

    def __init__(self, forward: float = 1.0, backward: float = 1.0) -> None:
        super().__init__()
        self.there, self.back = forward, backward

    def forward(self, images: Tensor) -> Tensor:
        factors = torch.ones(len(images), 1, 1, 1)
        factors[1] = self.there
        if images.requires_grad:
            back = torch.ones_like(factors)
            back[1] = self.back
            images = images * 1
            images.register_hook(lambda gradient: gradient * back)
        return images * factors


@pytest.fixture
def detector() -> YOLOv3:
    return YOLOv3(3, width=0.125)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 64, 64)


@pytest.fixture
def truth() -> GroundTruth:
    """One box in the first image, two in the second."""
    boxes = torch.tensor([[4.0, 4, 30, 40], [10, 12, 50, 60], [20, 4, 60, 44]])
    return GroundTruth(boxes, torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1]))


@pytest.mark.parametrize("loss", [YoloLoss(), MultiAnchorLoss(), DarknetLoss()], ids=lambda loss: type(loss).__name__)
def test_a_sound_step_has_none(detector: YOLOv3, images: Tensor, truth: GroundTruth, loss: DetectionLoss) -> None:
    assert find_cause(detector, loss, images, truth) is None
    assert find_cause(detector, loss, images, GroundTruth(truth.boxes[:0], truth.labels[:0], truth.image[:0])) is None


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_pixel(detector: YOLOv3, images: Tensor, truth: GroundTruth, value: float) -> None:
    images[1, 2, 5, 7] = value

    found = find_cause(detector, YoloLoss(), images, truth)

    assert found is not None
    assert (found.image, found.box) == (1, None)
    assert "pixels are not finite" in found.what


def test_the_weight_of_an_object(detector: YOLOv3, images: Tensor, truth: GroundTruth) -> None:
    found = find_cause(detector, YoloLoss(), images, replace(truth, weights=torch.tensor([1.0, torch.nan, 1.0])))

    assert found is not None
    assert (found.image, found.box) == (1, 1)


def test_a_weight_that_was_lost_before(detector: YOLOv3, images: Tensor, truth: GroundTruth) -> None:
    name, weight = list(detector.named_parameters())[7]
    with torch.no_grad():
        weight.view(-1)[:2] = torch.nan

    found = find_cause(detector, YoloLoss(), images, truth)

    assert found is not None
    assert found.what == f"2 of {weight.numel()} values of the weight {name} were not finite before this step"


@pytest.mark.parametrize("stride", [32, 16, 8])
@pytest.mark.parametrize("recipe", [YoloLoss, MultiAnchorLoss, DarknetLoss])
def test_a_box_at_a_scale(
    detector: YOLOv3, images: Tensor, truth: GroundTruth, recipe: Callable[..., DetectionLoss], stride: int
) -> None:
    loss = recipe(box=SpoiltBox(lambda values: values * torch.nan, stride))
    answers = loss.assign(detector(images), truth)[{32: 0, 16: 1, 8: 2}[stride]]
    answering = (answers.boxes[:, :2] == torch.tensor(_CENTRE)).all(dim=1)

    found = find_cause(detector, loss, images, truth)

    if not answering.any():  # of all scales, DarknetLoss takes one
        assert found is None
        return
    assert found is not None
    assert (found.image, found.box, found.term, found.what) == (1, 2, "box", "the box term is nan")
    _, anchor, row, column = answers.slots[answering][0].tolist()
    assert found.place == f"at the scale of stride {stride}, anchor {anchor}, row {row}, column {column}"


def test_the_gradient_of_a_term(detector: YOLOv3, images: Tensor, truth: GroundTruth) -> None:
    loss = YoloLoss(box=SpoiltBox(lambda values: values + (values - values.detach()).sqrt()))  # √0

    found = find_cause(detector, loss, images, truth)

    assert found is not None
    assert (found.image, found.box, found.term) == (1, 2, "box")
    assert "but its gradient is not finite" in found.what
    assert "stride 16" in found.place
    assert "row 1, column 2" in found.place


def test_the_background(images: Tensor) -> None:
    detector = YOLOv3(3, width=0.125)
    logit = detector(images)[1][1, 2, 3, 0, 0].item()

    nothing = GroundTruth.collate([(torch.empty(0, 4), torch.empty(0, dtype=torch.long))] * 2)

    found = find_cause(detector, YoloLoss(objectness=SpoiltLogits(logit)), images, nothing)

    assert found is not None
    assert (found.image, found.box, found.term) == (1, None, "background")
    assert found.what == "the background term is inf on the background"
    assert found.place == "at the scale of stride 16"


def test_a_layer_forward(detector: YOLOv3, images: Tensor, truth: GroundTruth) -> None:
    found = find_cause(_with_a_spoilt_layer(detector, Spoilt(forward=torch.inf)), YoloLoss(), images, truth)

    assert found is not None
    assert found.image == 1
    assert "the output of layer backbone.0.conv.1 (Spoilt) in float32 is not finite" in found.what


def test_a_layer_backward(detector: YOLOv3, images: Tensor, truth: GroundTruth) -> None:
    found = find_cause(_with_a_spoilt_layer(detector, Spoilt(backward=torch.nan)), YoloLoss(), images, truth)

    assert found is not None
    assert found.image == 1
    assert "the gradient of the output of layer" in found.what


def test_the_gradient_of_a_weight(detector: YOLOv3, images: Tensor, truth: GroundTruth) -> None:
    name, weight = list(detector.named_parameters())[4]
    weight.register_hook(lambda gradient: gradient * torch.nan)

    found = find_cause(detector, YoloLoss(), images, truth)

    assert found is not None
    assert found.what == f"the gradient of the weight {name} is not finite"


def test_yolov1_has_cells(truth: GroundTruth) -> None:
    detector = YOLOv1(3, grid=2, width=0.0625, hidden=16)
    images = torch.rand(2, 3, 128, 128)
    boxes = torch.tensor([[4.0, 4, 30, 40], [70, 12, 120, 60], [20, 70, 60, 120]])
    truth = replace(truth, boxes=boxes, weights=torch.tensor([1.0, 1.0, 3e38]))

    found = find_cause(detector, YoloV1Loss(3, box_weight=1e30), images, truth)

    assert found is not None
    assert (found.image, found.box, found.term) == (1, 2, "box")
    assert (found.what, found.place) == ("the box term is inf", "in the cell of row 1, column 0")


def test_a_sum_over_images_that_is_too_large(detector: YOLOv3, images: Tensor, truth: GroundTruth) -> None:
    found = find_cause(detector, DarknetLoss(box=_Large()), images, truth)

    assert found is not None
    assert (found.image, found.term, found.what) == (None, "box", "the box term is inf over the whole batch")


@dataclass(frozen=True)
class _Large:
    def __call__(self, positives: ScaleOutput, targets: Targets) -> Tensor:
        return SquaredErrorBox()(positives, targets) * 0 + 1.5e38 / 2


def _with_a_spoilt_layer(detector: YOLOv3, layer: nn.Module) -> YOLOv3:
    """The detector with a layer after its first convolution."""
    first = next(module for module in detector.modules() if isinstance(module, CNNBlock))
    first.conv = nn.Sequential(first.conv, layer)
    return detector


@dataclass(frozen=True)
class OnlyTerms:
    """A loss of someone's own, which breaks where there is an object."""

    def terms(self, predictions: tuple[Tensor, ...], truth: GroundTruth) -> dict[str, Tensor]:
        size = sum(scale.square().mean() for scale in predictions)
        return {"size": size / (len(truth) == 0)}


def test_a_loss_needs_no_more_than_terms() -> None:
    truth = GroundTruth(torch.tensor([[8.0, 8.0, 24.0, 24.0]]), torch.tensor([0]), torch.tensor([1]))

    found = find_cause(YOLOv3(2, width=0.125), OnlyTerms(), torch.rand(2, 3, 32, 32), truth)

    assert found is not None
    assert (found.term, found.image, found.box, found.place) == ("size", 1, 0, "")
