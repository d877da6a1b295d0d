import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo3 import COCO_ANCHORS, Anchors
from yolo3.boxes import wh_iou
from yolo3.boxes.kmeans import best_wh_iou, kmeans_sizes

edge = st.floats(1, 500)


def heaps(*centres: tuple[float, float]) -> torch.Tensor:
    """Fifty sizes near each centre."""
    return torch.cat([torch.tensor(centre) * (1 + 0.02 * torch.randn(50, 2)) for centre in centres])


def test_finds_the_heaps() -> None:
    centres = [(10.0, 30.0), (100.0, 40.0), (90.0, 200.0)]
    found = kmeans_sizes(heaps(*centres), 3)
    torch.testing.assert_close(found, torch.tensor(centres).double(), rtol=0.02, atol=0)


@settings(max_examples=30)
@given(st.lists(st.tuples(edge, edge), min_size=4, max_size=40, unique=True), st.integers(0, 99))
def test_fits_at_least_as_well_as_one_mean_and_repeats_itself(sizes: list[tuple[float, float]], seed: int) -> None:
    given_ = torch.tensor(sizes, dtype=torch.double)
    found = kmeans_sizes(given_, 4, seed=seed, starts=3)
    assert torch.equal(found, kmeans_sizes(given_, 4, seed=seed, starts=3))
    assert (found.prod(1).diff() >= 0).all()
    assert best_wh_iou(given_, found).mean() >= best_wh_iou(given_, given_.mean(0)[None]).mean() - 0.05
    if len(given_) == 4:
        torch.testing.assert_close(best_wh_iou(given_, found), torch.ones(4).double())


def test_more_starts_are_never_worse() -> None:
    sizes = torch.rand(300, 2) * 200 + 2
    one, many = (best_wh_iou(sizes, kmeans_sizes(sizes, 9, starts=starts)).mean() for starts in (1, 8))
    assert many >= one


def test_anchors_are_split_into_scales_largest_first() -> None:
    sizes = [(10.0 * k, 10.0 * k) for k in range(1, 7)]
    anchors = Anchors.fit(torch.tensor(sizes), num_scales=2, per_scale=3, strides=(32, 16))
    assert anchors == Anchors((((40, 40), (50, 50), (60, 60)), ((10, 10), (20, 20), (30, 30))), (32, 16))


def test_fitted_anchors_beat_the_defaults_on_their_own_data() -> None:
    sizes = heaps((50, 55), (70, 60), (25, 25), (150, 140))
    fitted = Anchors.fit(sizes)
    assert fitted.best_iou(sizes).mean() > COCO_ANCHORS.best_iou(sizes).mean()


def test_best_iou_looks_at_every_scale() -> None:
    sizes = torch.tensor([[10.0, 13.0], [373.0, 326.0], [60.0, 60.0]])
    flat = torch.tensor([size for scale in COCO_ANCHORS.sizes for size in scale])
    expected = [max(float(wh_iou(size, anchor)) for anchor in flat) for size in sizes]
    assert COCO_ANCHORS.best_iou(sizes).tolist() == pytest.approx(expected)
    assert expected[:2] == [1, 1]


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        (torch.zeros(3), r"sizes must be \(N, 2\) width and height, not \(3,\)"),
        (
            torch.tensor([[1.0, 2.0], [0.0, 2.0]]),
            r"size 1 is \[0.0, 2.0\]; widths and heights must be finite and above 0",
        ),
        (torch.tensor([[float("nan"), 2.0]]), "size 0 is"),
        (torch.ones(20, 2), "9 anchors from 1 different sizes"),
        (torch.zeros(0, 2), "9 anchors from 0 different sizes"),
    ],
)
def test_refuses_what_cannot_be_fitted(sizes: torch.Tensor, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Anchors.fit(sizes)


def test_every_scale_needs_a_stride() -> None:
    with pytest.raises(ValueError, match=r"2 scales and strides \(32, 16, 8\); give one stride per scale"):
        Anchors.fit(torch.rand(20, 2) + 1, num_scales=2)
