"""All annotations at once, against one after the other."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo3.data.coco_table import annotation_table, unread_keys

_IMAGES, _CATEGORIES = {3: 0, 8: 1, 2: 2}, {1: "cat", 90: "dog"}


def _marked(value: Any) -> bool | None:
    known = {None: False, 0: False, 1: True, "0": False, "1": True, "true": True, "False": False}
    return known.get(value) if not isinstance(value, list) else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _slow(entry: dict[str, Any]) -> tuple[Any, ...] | str:
    """What an annotation says, or what is wrong with it, by plain Python."""
    image, category = (
        known.get(entry.get(key)) if isinstance(entry.get(key), int | float) else None
        for key, known in (("image_id", _IMAGES), ("category_id", _CATEGORIES))
    )
    if image is None:
        return "reference"
    box = entry.get("bbox")
    sides = [_number(side) for side in box] if isinstance(box, list | str) else []
    area = -1.0 if entry.get("area") is None else _number(entry["area"])
    if len(sides) != 4 or None in sides or area is None:
        return "syntax"
    marks = _marked(entry.get("iscrowd")), _marked(entry.get("difficult"))
    if None in marks:
        return "syntax"
    if category is None:
        return "class"
    left, top, width, height = sides
    return (image, int(entry["category_id"]), (left, top, left + width, top + height), area, *marks)


_NUMBERS = st.one_of(st.integers(-50, 50), st.floats(-50, 50, width=32))
_ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "image_id": st.sampled_from([3, 8.0, 2, 2, 4, None, "3", [3], {}]),
        "category_id": st.sampled_from([1, 90, 90.0, 1, 2, None, "1", [1]]),
        "bbox": st.one_of(
            st.lists(_NUMBERS, min_size=4, max_size=4),
            st.sampled_from([[1, 2, 3], None, "1234", [1, 2, 3, "x"], [1, 2, 3, None], 7, ["1", "2", "3.5", "4"]]),
        ),
        "area": st.one_of(_NUMBERS, st.sampled_from([None, "12.5", "large", [1]])),
        "iscrowd": st.sampled_from([0, 1, "0", "1", None, 0.0, "true", "maybe", [0]]),
        "difficult": st.sampled_from([0, 1, None, "False", [1]]),
    },
)


@given(st.lists(_ENTRIES, max_size=8))
def test_columns_are_what_a_loop_reads(entries: list[dict[str, Any]]) -> None:
    table = annotation_table(entries, _IMAGES, _CATEGORIES, "a.json")
    expected = [_slow(entry) for entry in entries]
    columns = (table.image, table.category, map(tuple, table.boxes.tolist()), table.area, table.crowd, table.difficult)
    found = [
        (int(image), int(category), box, float(area), bool(crowd), bool(difficult))
        for image, category, box, area, crowd, difficult in zip(*columns, strict=True)
    ]
    assert found == [each for each in expected if not isinstance(each, str)]
    assert [odd.fault.kind for odd in table.odd] == [each for each in expected if isinstance(each, str)]
    assert [entry for entry, each in zip(entries, expected, strict=True) if not isinstance(each, str)] == [
        *table.entries
    ]


def test_no_annotations() -> None:
    table = annotation_table([], _IMAGES, _CATEGORIES, "a.json")
    assert table.boxes.shape == (0, 4)
    assert table.image.dtype == np.int64
    assert table.odd == ()


@pytest.mark.parametrize("value", [10**400, float("nan"), "1e999"])
def test_numbers_beyond_all_measure(value: object) -> None:
    table = annotation_table([{"image_id": 3, "category_id": 1, "bbox": [value, 0, 1, 1]}], _IMAGES, _CATEGORIES, "a")
    assert len(table.odd) or not np.isfinite(table.boxes).all()


def test_what_is_not_read_is_counted() -> None:
    entries = [{"id": 1, "bbox": [], "segmentation": [[1, 2]]}, {"id": 2, "segmentation": [], "keypoints": [1]}]
    assert unread_keys(entries, "annotations") == ["'segmentation' of 1 annotations", "'keypoints' of 1 annotations"]
    many = [{f"key{number}": 1 for number in range(30)}]
    assert len(unread_keys(many, "images")) == 21
