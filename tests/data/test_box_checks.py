import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from yolo3.data.box_checks import box_fault, cut, cut_all, sound

_EDGES = st.one_of(
    st.sampled_from([-1.0, -1.01, 0.0, 63.995, 64.0, 65.0, 65.01, float("nan"), float("inf")]), st.floats()
)
_BOXES = st.lists(st.tuples(_EDGES, _EDGES, _EDGES, _EDGES, _EDGES), max_size=5)


@given(_BOXES)
@example([(0.0, 0.0, 65.0, 49.0, 1.0), (-1.0, -1.0, 64.0, 48.0, float("nan"))])
def test_many_boxes_are_judged_as_one_after_the_other(rows: list[tuple[float, ...]]) -> None:
    values = np.array(rows, dtype=np.float64).reshape(-1, 5)
    sizes = np.tile(np.array([[48, 64]]), (len(rows), 1))
    fit = sound(values[:, :4], values[:, 4], sizes)
    boxes = [(left, top, right, bottom) for left, top, right, bottom, _ in rows]
    assert fit.tolist() == [box_fault(box, row[4], (48, 64)) is None for box, row in zip(boxes, rows, strict=True)]
    kept = [box for box, is_fit in zip(boxes, fit, strict=True) if is_fit]
    assert cut_all(values[fit, :4], sizes[fit]).tolist() == [list(cut(box, (48, 64))) for box in kept]
