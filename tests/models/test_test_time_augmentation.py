import numpy as np
import pytest
import torch
from torch import Tensor, nn

from yolo3.models import YOLOv1, YOLOv3, fusing
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.predictor import Predictor
from yolo3.structures import Candidates
from yolo3.suppression import suppress


class PatchFinder(nn.Module):
    """Finds the one white patch of an image, if it is wide enough and not too far right."""

    num_classes, stride = 2, 8

    def __init__(self, min_width: int = 1, reach: float = 1.0) -> None:
        super().__init__()
        self.min_width, self.reach = min_width, reach

    def forward(self, images: Tensor) -> Tensor:
        return images[:, 0]

    def decode(self, predictions: Tensor) -> Candidates:
        boxes, scores = torch.zeros(len(predictions), 1, 4), torch.zeros(len(predictions), 1, 2)
        for image, values in enumerate(predictions):
            rows, columns = (values > 0.5).nonzero(as_tuple=True)
            if len(rows):
                left, right = columns.min(), columns.max() + 1
                boxes[image, 0] = torch.stack([left, rows.min(), right, rows.max() + 1])
                seen = right - left >= self.min_width and right <= self.reach * values.shape[1]
                scores[image, 0, 1] = 0.9 if seen else 0.0
        return Candidates(boxes, scores)


def _image(left: int, top: int, right: int, bottom: int) -> Tensor:
    """(3, 64, 96), black with a white patch."""
    image = torch.zeros(3, 64, 96)
    image[:, top:bottom, left:right] = 1
    return image


_PATCHES = ((8, 8, 40, 32), (0, 0, 96, 64), (50, 3, 71, 60))


def _boxes(detector, images: Tensor) -> list[list[list[float]]]:
    return [found.boxes.tolist() for found in suppress(detector.decode(detector(images)))]


def test_a_detector_to_which_left_and_right_are_alike_finds_the_same():
    images = torch.stack([_image(*patch) for patch in _PATCHES])
    for scales in ((1.0,), (1.0, 2.0), (2.0,)):  # doubled, the edges stay where they were
        found = _boxes(TestTimeAugmentation(PatchFinder(), scales=scales), images)
        assert found == [[list(map(float, patch))] for patch in _PATCHES]


def test_mirrored_it_sees_what_it_would_miss():
    detector = PatchFinder(reach=0.5)
    images = torch.stack([_image(*patch) for patch in ((10, 8, 40, 32), (60, 8, 90, 32))])
    assert _boxes(detector, images) == [[[10, 8, 40, 32]], []]
    assert _boxes(TestTimeAugmentation(detector, scales=(1,)), images) == [[[10, 8, 40, 32]], [[60, 8, 90, 32]]]
    assert _boxes(TestTimeAugmentation(detector, flip=False, scales=(1,)), images) == _boxes(detector, images)


def test_enlarged_it_sees_what_it_would_miss():
    detector = PatchFinder(min_width=30)
    images = _image(16, 8, 36, 32)[None]
    assert _boxes(detector, images) == [[]]
    for flip in (False, True):
        ((box,),) = _boxes(TestTimeAugmentation(detector, flip, scales=(1, 1.6)), images)
        assert box == pytest.approx([16, 8, 36, 32], abs=0.7)  # 1.6 comes to 104 x 152: not the same each way


def test_candidates_are_those_of_every_look_taken_by_hand():
    detector = YOLOv3(3, width=0.1).eval()
    images = torch.rand(2, 3, 64, 96)
    augmented = TestTimeAugmentation(detector, scales=(1, 1.5))
    with torch.no_grad():
        found = augmented.decode(augmented(images))
        larger = nn.functional.interpolate(images, (96, 128), mode="bilinear", antialias=True)  # not 144
        looks = [detector.decode(detector(view)) for view in (images, images.flip(3), larger, larger.flip(3))]
    boxes = [look.boxes.clone() for look in looks]
    for number in (2, 3):
        boxes[number] *= torch.tensor([96 / 128, 64 / 96, 96 / 128, 64 / 96])
    for number in (1, 3):
        boxes[number][..., [0, 2]] = 96 - boxes[number][..., [2, 0]]
    torch.testing.assert_close(found.boxes, torch.cat(boxes, dim=1), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found.scores, torch.cat([look.scores for look in looks], dim=1), rtol=1e-4, atol=1e-6)


def test_sizes_that_come_to_the_same_are_looked_at_once():
    augmented = TestTimeAugmentation(PatchFinder(), flip=False, scales=(0.99, 1, 1.01, 0.01))
    *looks, sizes = augmented(torch.rand(1, 3, 64, 96))
    assert [tuple(look.shape[1:]) for look in looks] == [(64, 96), (8, 8)]
    assert sizes.tolist() == [[64, 96], [64, 96], [8, 8]]
    only = TestTimeAugmentation(YOLOv1(2, width=0.02, hidden=8).eval())  # takes images of one size
    assert only.image_size == (448, 448)
    assert len(only(torch.rand(1, 3, 448, 448))) == 2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_in_a_predictor(precision):
    detector = YOLOv3(2, width=0.1)
    augmented = TestTimeAugmentation(detector)
    assert (augmented.num_classes, augmented.stride, augmented.image_size) == (2, 32, None)
    settings = {"image_size": 64, "precision": precision, "min_score": 0.0, "max_detections": 1}
    image = np.random.default_rng(0).integers(0, 256, (50, 80, 3), dtype=np.uint8)
    (found,) = Predictor(augmented, ("a", "b"), **settings)(image)
    (plain,) = Predictor(detector, ("a", "b"), **settings)(image)
    (mirrored,) = Predictor(detector, ("a", "b"), **settings)(np.ascontiguousarray(image[:, ::-1]))
    assert found.scores[0] >= torch.maximum(plain.scores, mirrored.scores)[0] - 1e-3
    assert not any("norm" in name for name, _ in fusing.fuse(augmented).named_buffers())
    assert any("norm" in name for name, _ in augmented.named_buffers())  # the copy alone is fused


def test_mistakes():
    with pytest.raises(ValueError, match=r"a detector is an nn\.Module, not a str"):
        TestTimeAugmentation("yolov3")
    for scales in ((), (1, 0), (-1,)):
        with pytest.raises(ValueError, match=r"scales are .*; at least one is needed, and each above 0"):
            TestTimeAugmentation(PatchFinder(), scales=scales)
