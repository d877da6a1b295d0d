"""Where the captions of boxes stand: inside the image, and off each other where there is room."""

from collections.abc import Iterator, Sequence

WidthHeight = tuple[int, int]
"""Width and height, pixels."""
Edges = tuple[int, int, int, int]
"""Left, top, right, bottom, pixels."""


def place_labels(sizes: Sequence[WidthHeight], boxes: Sequence[Edges], canvas: WidthHeight) -> list[tuple[int, int]]:
    """The (left, top) of every label, the first of them with the first choice.

    A label stands above its box where there is room, else inside at the top, below, inside at the bottom, or beside
    it, from left to right. It takes the first place that covers no label before it, or else the one that covers least.

    Args:
        sizes: Size of each label.
        boxes: Box of each label.
        canvas: Size of the image.
    """
    placed: list[Edges] = []
    for (width, height), box in zip(sizes, boxes, strict=True):
        best: Edges = (0, 0, 0, 0)
        least: int | None = None
        for wanted_x, wanted_y in _choices(box, width, height):
            x = max(0, min(wanted_x, canvas[0] - width))
            y = max(0, min(wanted_y, canvas[1] - height))
            here = (x, y, x + width, y + height)
            # one that was moved up or down lies on its object; to the side it is still at its edge
            cost = sum(_shared(here, other) for other in placed) + width * abs(y - wanted_y)
            if least is None or cost < least:
                best = here
                least = cost
            if cost == 0:
                break
        placed.append(best)
    return [(left, top) for left, top, _, _ in placed]


def _choices(box: Edges, width: int, height: int) -> Iterator[tuple[int, int]]:
    """The (left, top) of the places around a box, the best first."""
    left, top, right, bottom = box
    middle = (left + right - width) // 2
    for y in (top - height, top, bottom, bottom - height):
        for x in (left, right - width, middle):
            yield x, y
    for x in (right, left - width):
        for y in (top, bottom - height):
            yield x, y


def _shared(one: Edges, other: Edges) -> int:
    """Pixels that two labels have in common."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, across) * max(0, down)
