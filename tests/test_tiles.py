from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from yolo3.boxes import box_iou
from yolo3.predictor import Predictor
from yolo3.sources import find_frames
from yolo3.structures import Candidates
from yolo3.tiles import Tiled, _pieces

_MOST = 120  # candidates an image


class SquareFinder(nn.Module):
    """Finds red (class 0) and blue (class 1) rectangles on grey, to the pixel; the larger, the surer."""

    num_classes, stride = 2, 32

    def forward(self, images: Tensor) -> Tensor:
        return images[:, [0, 2]] - images[:, 1:2] > 0.5  # (B, 2, H, W)

    def decode(self, predictions: Tensor) -> Candidates:
        boxes, scores = torch.zeros(len(predictions), _MOST, 4), torch.zeros(len(predictions), _MOST, 2)
        for image, masks in enumerate(predictions):
            found = [(label, box) for label in range(2) for box in _rectangles(masks[label])]
            for number, (label, box) in enumerate(found):
                boxes[image, number] = torch.tensor(box)
                scores[image, number, label] = 0.5 + 0.4 * (1 - 1 / (1 + (box[2] - box[0]) * (box[3] - box[1])))
        return Candidates(boxes, scores)


def _rectangles(mask: Tensor) -> list[tuple[float, ...]]:
    """The filled rectangles of a mask, none of which touch."""
    padded = torch.nn.functional.pad(mask, (1, 1, 1, 1))
    found = []
    for top, left in (mask & ~padded[:-2, 1:-1] & ~padded[1:-1, :-2]).nonzero().tolist():
        right, bottom = left, top
        while padded[top + 1, right + 1]:
            right += 1
        while padded[bottom + 1, left + 1]:
            bottom += 1
        found.append((float(left), float(top), float(right), float(bottom)))
    return found


def _image(size: tuple[int, int], boxes, blue=()) -> np.ndarray:
    image = np.full((*size, 3), 100, dtype=np.uint8)
    for channel, those in ((0, boxes), (2, blue)):
        for left, top, right, bottom in those:
            image[top:bottom, left:right, channel] = 255
            image[top:bottom, left:right, 1] = 0
    return image


def _found(detections) -> list[tuple[int, ...]]:
    return sorted(tuple(map(round, box)) for box in detections.boxes.tolist())


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(SquareFinder(), ("red", "blue"), image_size=128, precision="fp32", batch_size=3)


@pytest.fixture
def tiled(predictor: Predictor) -> Tiled:
    return Tiled(predictor, tile_size=128, overlap=0.25)


def test_every_square_is_found_once_wherever_windows_end(tiled):
    size = (300, 420)
    edges = {edge for window in tiled.windows(size)[:-1].tolist() for edge in window[::2]}
    assert len(edges) == 10
    boxes = []
    for edge in sorted(edges):
        for row, shift in enumerate((-30, -24, -16, -9, -3, 0)):  # across the edge, at it, beside it
            left = min(max(edge + shift, 0), 420 - 30)
            boxes.append((left, 2 + 50 * row, left + 30, 32 + 50 * row))
    for box in boxes:
        (found,) = tiled(_image(size, [box]))
        assert _found(found) == [box]
    upright = [(top, left, bottom, right) for left, top, right, bottom in boxes]
    for box in upright[::5]:
        (found,) = tiled(_image(size[::-1], [box]))
        assert _found(found) == [box]


def test_many_squares_and_their_names(tiled):
    red = [(left, top, left + 20, top + 20) for left in range(3, 400, 41) for top in range(5, 280, 37)]
    blue = [(left + 24, top, left + 34, top + 30) for left, top, _, _ in red[::3]]
    (found,) = tiled(_image((300, 420), red, blue))
    assert _found(found) == sorted(red + blue)
    assert found.names.count("blue") == len(blue)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def test_a_image_that_fits_into_one_window_is_seen_as_the_predictor_sees_it(predictor, tiled):
    for size in ((128, 128), (60, 128), (50, 40)):
        image = _image(size, [(3, 4, 20, 30)], [(25, 10, 39, 29)])
        (plain,), (found,) = predictor(image), tiled(image)
        assert len(plain) == 2
        assert torch.equal(found.boxes, plain.boxes)
        assert torch.equal(found.scores, plain.scores)
        assert found.names == plain.names


def test_objects_larger_than_the_overlap_are_found_in_the_whole_image(predictor, tiled):
    large, small = (40, 30, 380, 270), (390, 10, 400, 20)
    (found,) = tiled(_image((300, 420), [large, small]))
    assert len(found) == 2
    assert _found(found)[1] == small
    expected = torch.tensor([large], dtype=torch.float32)
    assert box_iou(found.boxes[:1], expected).item() > 0.95  # as sharp as the image scaled down is
    (pieces,) = Tiled(predictor, 128, 0.25, whole=False)(_image((300, 420), [large]))
    assert len(pieces) > 2
    assert box_iou(pieces.boxes, expected).max() < 0.5


def test_small_objects_in_the_whole_image_are_left_to_the_windows(tiled):
    box = (100, 100, 124, 124)  # 7 pixels of the network's input when the image is scaled down
    (found,) = tiled(_image((430, 430), [box]))
    assert _found(found) == [box]


def test_the_limit_of_the_predictor_is_that_of_a_window(predictor):
    """All that the windows have is kept, and it is said where one of them has more."""
    few = Predictor(SquareFinder(), image_size=128, precision="fp32", max_detections=3)
    red = [(left, 5, left + left // 10 + 5, 20) for left in range(10, 400, 60)]
    (found,) = Tiled(few, 128, 0.25, whole=False)(_image((300, 420), red))
    assert _found(found) == red
    assert not found.limit_reached
    crowded = [(left, 40, left + 6, 46) for left in range(10, 90, 20)]
    (found,) = Tiled(few, 128, 0.25, whole=False)(_image((300, 420), red + crowded))
    assert len(found) < len(red + crowded)
    assert found.limit_reached


def test_of_a_whole_image_the_best_are_kept_and_no_more(predictor):
    red = [(left, 5, left + left // 10 + 5, 20) for left in range(10, 400, 60)]
    image = _image((300, 420), red)
    (found,) = Tiled(predictor, 128, 0.25, max_detections=3)(image)
    assert _found(found) == red[-3:]
    assert found.limit_reached
    (found,) = Tiled(predictor, 128, 0.25, max_detections=len(red))(image)
    assert (_found(found), found.limit_reached) == (red, False)
    (found,) = Tiled(predictor, 1000, max_detections=1)(image)  # in one window
    assert (len(found), found.limit_reached) == (1, True)


def test_more_objects_than_a_window_may_have_are_all_found():
    """Over 300 in an image, by default."""
    boxes = [(left, top, left + 5, top + 5) for top in range(3, 380, 16) for left in range(3, 380, 16)]
    assert len(boxes) > 500
    predictor = Predictor(SquareFinder(), image_size=128, precision="fp32")
    (found,) = Tiled(predictor, 128, 0.25, whole=False)(_image((384, 384), boxes))
    assert _found(found) == sorted(boxes)
    assert not found.limit_reached


def test_where_nothing_is_found_the_best_score_is_told():
    predictor = Predictor(SquareFinder(), image_size=128, precision="fp32", min_score=0.95)
    boxes = [(10, 10, 20, 20), (310, 200, 330, 220)]
    (found,) = Tiled(predictor, 128, 0.25, whole=False)(_image((300, 420), boxes))
    assert len(found) == 0
    assert found.best_below == pytest.approx(0.5 + 0.4 * (1 - 1 / 401))
    predictor = Predictor(SquareFinder(), image_size=128, precision="fp32")
    (found,) = Tiled(predictor, 128, 0.25, whole=False)(_image((300, 420), boxes))
    assert (len(found), found.best_below) == (2, None)


def test_classes_drop_each_other_only_if_asked_to():
    purple = [(100, 20, 129, 50)]  # red and blue; the first window cuts it
    image = _image((128, 300), purple, purple)
    for agnostic, labels in ((False, [0, 1]), (True, [0])):
        predictor = Predictor(SquareFinder(), image_size=128, precision="fp32", class_agnostic=agnostic)
        (found,) = Tiled(predictor, 128, 0.25)(image)
        assert sorted(found.labels.tolist()) == labels
        assert set(_found(found)) == set(purple)


def test_images_come_in_order_with_their_names_and_may_be_endless(tiled):
    boxes = [(10, 10, 30, 30), (100, 20, 130, 50), (1, 2, 20, 40), (230, 1, 250, 20)]

    def camera():
        for number in range(10_000_000):
            yield _image((90, 260) if number % 2 else (260, 140), [boxes[number % 3]])

    frames = list(find_frames(islice(camera(), 6)))
    assert [frame for frame, _ in tiled.frames(frames)] == frames
    taken = list(islice(tiled.stream(camera()), 6))
    assert [name for name, _ in taken] == [f"image {number}" for number in range(6)]
    assert [_found(found) for _, found in taken] == [[boxes[number % 3]] for number in range(6)]


def test_nothing(tiled):
    (found,) = tiled(_image((300, 420), []))
    assert found.boxes.shape == (0, 4)
    assert found.names == []
    assert tiled.names == ("red", "blue")


@given(
    length=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    tile=st.tuples(st.integers(32, 300), st.integers(32, 300)),
    overlap=st.floats(0, 0.9),
)
def test_an_object_as_large_as_the_overlap_is_whole_in_a_window(length, tile, overlap):
    windows = Tiled(Predictor(SquareFinder(), image_size=32), tile, overlap, whole=False).windows(length)
    for axis in (0, 1):  # columns, rows
        edge, size = length[1 - axis], tile[1 - axis]
        spans = sorted({(window[axis], window[axis + 2]) for window in windows.tolist()})
        assert spans[0][0] == 0
        assert spans[-1][1] == edge
        assert all(end - start == min(size, edge) for start, end in spans)
        shared = [end - start for (_, end), (start, _) in pairwise(spans)]
        assert all(pixels >= int(size * overlap) - 1 for pixels in shared)  # a pixel is lost to rounding
    assert len(windows) == len({tuple(window) for window in windows.tolist()})


def test_pieces_are_those_of_a_plain_loop():
    corner, labels, is_cut = torch.rand(400, 2) * 30, torch.randint(2, (400,)), torch.rand(400) < 0.8
    boxes = torch.cat([corner, corner + 1 + torch.rand(400, 2) * 20], dim=1)
    pieces = _pieces(boxes, labels, is_cut)
    assert 50 < pieces.sum() < is_cut.sum()
    for index, (left, top, right, bottom) in enumerate(boxes.tolist()):
        area, is_piece = (right - left) * (bottom - top), False
        for other, (left_2, top_2, right_2, bottom_2) in enumerate(boxes.tolist()):
            shared = max(0, min(right, right_2) - max(left, left_2)) * max(0, min(bottom, bottom_2) - max(top, top_2))
            larger = (right_2 - left_2) * (bottom_2 - top_2) > area
            is_piece |= larger and shared > 0.7 * area and bool(labels[index] == labels[other])
        assert bool(pieces[index]) == (is_piece and bool(is_cut[index]))


def test_mistakes(predictor):
    with pytest.raises(ValueError, match="tile size 16 x 64 is too small; it must be at least 32 pixels"):
        Tiled(predictor, (16, 64))
    for overlap in (-0.1, 0.95):
        with pytest.raises(ValueError, match=rf"tile overlap is {overlap}; it must lie in \[0, 0\.9\]"):
            Tiled(predictor, 640, overlap)
