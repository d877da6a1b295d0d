"""Captions inside the image, and off each other where there is room."""

from hypothesis import given
from hypothesis import strategies as st

from yolo3.draw.labels import place_labels

_CANVAS = (300, 200)


def _edges(places: list[tuple[int, int]], sizes: list[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    return [(x, y, x + width, y + height) for (x, y), (width, height) in zip(places, sizes, strict=True)]


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_one_label_stands_above_its_box_or_inside() -> None:
    assert place_labels([(40, 10)], [(50, 60, 120, 150)], _CANVAS) == [(50, 50)]
    assert place_labels([(40, 10)], [(50, 3, 120, 150)], _CANVAS) == [(50, 3)]
    assert place_labels([(40, 10)], [(280, 60, 299, 150)], _CANVAS) == [(260, 50)]  # up to the edge


def test_labels_of_one_corner_go_to_different_places() -> None:
    """Above at the left; above at the right; then inside."""
    box = (50, 60, 150, 150)
    assert place_labels([(60, 10)] * 3, [box] * 3, _CANVAS) == [(50, 50), (50, 60), (50, 150)]
    assert place_labels([(40, 10)] * 2, [box] * 2, _CANVAS) == [(50, 50), (110, 50)]


def test_the_first_has_the_first_choice() -> None:
    first, *_ = place_labels([(60, 10)] * 5, [(50, 60, 150, 150)] * 5, _CANVAS)
    assert first == (50, 50)


_box = st.tuples(st.integers(0, 250), st.integers(0, 150), st.integers(5, 200), st.integers(5, 150))


@given(st.lists(_box, min_size=1, max_size=30), st.integers(5, 120), st.integers(5, 30))
def test_labels_stay_inside(boxes: list[tuple[int, int, int, int]], width: int, height: int) -> None:
    edges = [(x, y, min(299, x + across), min(199, y + down)) for x, y, across, down in boxes]
    sizes = [(width, height)] * len(edges)
    for left, top, right, bottom in _edges(place_labels(sizes, edges, _CANVAS), sizes):
        assert 0 <= left
        assert 0 <= top
        assert right <= 300
        assert bottom <= 200


def test_neighbours_whose_first_places_collide_do_not_cover_each_other() -> None:
    """Eight objects side by side, narrower than their labels."""
    boxes = [(10 + 35 * number, 60, 30 + 35 * number, 140) for number in range(8)]
    sizes = [(50, 12)] * 8
    placed = _edges(place_labels(sizes, boxes, _CANVAS), sizes)
    assert not any(_overlap(one, other) for number, one in enumerate(placed) for other in placed[:number])


def test_a_label_larger_than_the_image() -> None:
    assert place_labels([(500, 12)], [(50, 60, 120, 150)], _CANVAS) == [(0, 48)]
