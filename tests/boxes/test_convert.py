import torch
from hypothesis import given
from hypothesis import strategies as st

from yolo3.boxes import clip_boxes, cxcywh_to_xyxy, xyxy_to_cxcywh

number = st.floats(-1000, 1000, width=32)


def test_known_boxes() -> None:
    corners = torch.tensor([[10.0, 20.0, 30.0, 60.0]])
    assert xyxy_to_cxcywh(corners).tolist() == [[20.0, 40.0, 20.0, 40.0]]
    assert cxcywh_to_xyxy(torch.tensor([[20.0, 40.0, 20.0, 40.0]])).tolist() == corners.tolist()


@given(st.lists(st.tuples(number, number, number, number), max_size=5))
def test_there_and_back(boxes: list[tuple[float, ...]]) -> None:
    given_boxes = torch.tensor(boxes).reshape(-1, 4)
    torch.testing.assert_close(cxcywh_to_xyxy(xyxy_to_cxcywh(given_boxes)), given_boxes, atol=1e-3, rtol=0)


def test_clip_keeps_boxes_within_the_image() -> None:
    clipped = clip_boxes(torch.tensor([[[-5.0, 2.0, 30.0, 50.0]]]), height=40, width=20)
    assert clipped.tolist() == [[[0.0, 2.0, 20.0, 40.0]]]
