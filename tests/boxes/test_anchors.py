import pytest
import torch

from yolo3.boxes import COCO_ANCHORS, Anchors


def test_coco_anchors_go_from_coarse_to_fine() -> None:
    assert [(sizes[-1], stride) for sizes, stride in COCO_ANCHORS] == [((373, 326), 32), ((59, 119), 16), ((33, 23), 8)]
    assert len(COCO_ANCHORS) == 3


def test_are_values() -> None:
    """They compare, print, and take lists as JSON gives them."""
    lists = [[list(size) for size in scale] for scale in COCO_ANCHORS.sizes]
    assert Anchors(lists, [32, 16, 8]) == COCO_ANCHORS  # type: ignore[arg-type]
    assert eval(repr(COCO_ANCHORS)) == COCO_ANCHORS


def test_tensor_is_typed_like_another() -> None:
    sizes = COCO_ANCHORS.tensor(2, like=torch.zeros(1, dtype=torch.float64))
    assert sizes.dtype == torch.float64
    assert sizes.tolist() == [[10, 13], [16, 30], [33, 23]]


@pytest.mark.parametrize(
    ("sizes", "strides", "complaint"),
    [
        ((((1, 1),),), (32, 16), "1 scales of anchors, 2 strides"),
        ((), (), "a scale without anchors"),
        (((),), (32,), "a scale without anchors"),
        ((((10, -1),),), (32,), "anchor sizes must be positive"),
        ((((10, float("nan")),),), (32,), "anchor sizes must be positive"),
        ((((10, 10),),), (0,), "strides must be positive"),
    ],
)
def test_refuses(sizes: tuple, strides: tuple, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Anchors(sizes, strides)
