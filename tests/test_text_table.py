"""Tables for a terminal."""

from yolo3.text_table import text_table


def test_names_to_the_left_and_numbers_to_the_right() -> None:
    assert text_table([("class", "AP"), ("dog", "0.5"), ("", "")]) == ["class   AP", "dog    0.5", ""]


def test_columns_have_a_least_width() -> None:
    assert text_table([("a", "b"), ("1", "22")], left=(), min_width=3) == ["  a    b", "  1   22"]
