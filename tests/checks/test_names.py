import pytest

from yolo3 import Predictor, YOLOv3
from yolo3.checks.names import check_class_names, printable


@pytest.mark.parametrize(
    "names", [(), ("a",), ("Straße", "猫", "étoile\u00a0noire", "👩\u200d🚀", "क्\u200dष", "traffic light")]
)
def test_names_of_any_writing(names: tuple[str, ...]) -> None:
    check_class_names(names)


@pytest.mark.parametrize(
    "control", ["\n", "\r", "\t", "\0", "\x1b[2J", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066", "\ud800"]
)
def test_control_characters(control: str) -> None:
    with pytest.raises(ValueError, match=r"class name 'b\\.* has control characters; remove them") as told:
        check_class_names(("a", f"b{control}"))
    assert str(told.value).isprintable()


def test_two_classes_of_one_name() -> None:
    """Whoever asks for the class by name would get the first."""
    with pytest.raises(ValueError, match="class name 'a' appears twice; give every class a name of its own"):
        check_class_names(("a", "b", "a"))
    with pytest.raises(ValueError, match="class name 'a' appears twice"):
        Predictor(YOLOv3(2, width=0.1), ("a", "a"), classes=["a"])


def test_text_for_messages() -> None:
    assert printable("plain – text") == "plain – text"
    assert printable("a\nb\x1b[1m") == r"a\nb\x1b[1m"
    assert printable("x" * 300) == "x" * 200 + "…"
    assert printable("é\n" * 3, longest=4) == "é\\né…"
