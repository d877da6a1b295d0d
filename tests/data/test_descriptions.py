import os
from pathlib import Path

import pytest

from yolo3.data.descriptions import Nested, numbered, read_yaml
from yolo3.data.faults import DataError
from yolo3.data.yolo_description import describe


def _described(tmp_path: Path, text: str) -> tuple[str, ...]:
    (tmp_path / "data.yaml").write_text(f"train: images\n{text}\n", encoding="utf-8")
    return describe(tmp_path).names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [yes, no]", ("yes", "no")),
        ("names: [NO, 0123, 1_000, 12:30, ~, 2020-01-01, 1e3, .inf]", None),
        ("names: {0: on, 1: Off}", ("on", "Off")),
        ("names:\n- 'null'\n- \"007\"\n- hot dog", ("null", "007", "hot dog")),
        ("names: {1: b, 0: a}", ("a", "b")),
        ("names: [größe, 貓]", ("größe", "貓")),
    ],
)
def test_names_are_what_is_written(tmp_path: Path, text: str, names: tuple[str, ...] | None) -> None:
    expected = ("NO", "0123", "1_000", "12:30", "~", "2020-01-01", "1e3", ".inf") if names is None else names
    assert _described(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("names: [a, [b]]", "the name of class 1 must be text, not a list; put it in quotes"),
        ("names: [a, {b: c}]", "the name of class 1 must be text, not a mapping"),
        ("names: [a, null]", "the name of class 1 must be text, not nothing"),
        ("names: [a, ]\nnc: 2", "2 classes but 1 names"),
        ("names:\n- a\n-\n- b", "the name of class 1 must be text, not nothing"),
        ("names: [a, '']", "class 1 has an empty name"),
        ("names: {0: a, 0: b}", r"data\.yaml:2: a key of this mapping appears twice"),
        ("names: [a]\nval: x\nval: y", r"data\.yaml:4: key 'val' appears twice; keep one"),
        ("names: [a]\nval: {x: y}", "'val' must be a path or a list of paths; it is {'x': 'y'}"),
        ("names: [a]\nval: [x, [y]]", "'val' must be a path or a list of paths"),
    ],
)
def test_what_is_no_name_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        _described(tmp_path, text)


def test_keys_of_splits(tmp_path: Path) -> None:
    keys = ["validation: images/v", "Test: [a.txt, b.txt]", "train2017: t", "train_size: 640", "mine: c.txt", "val: ~"]
    (tmp_path / "data.yaml").write_text("\n".join([*keys, "dev:", "names: [a]"]))
    assert describe(tmp_path).splits == {
        "validation": ["images/v"],
        "Test": ["a.txt", "b.txt"],
        "train2017": ["t"],
        "mine": ["c.txt"],
    }


_LAUGHS = "\n".join([f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)])


@pytest.mark.parametrize(
    "text",
    [
        f"a0: &a0 [lol]\n{_LAUGHS}\nnames: *a29",
        f"a0: &a0 [lol]\n{_LAUGHS}\nnames: [a]\ntrain: *a29",
        "a: &a [*a]\nnames: *a",
        "names: " + "[" * 100_000,
        f"s: &s {'x' * 100_000}\nnames: {{{', '.join(f'{number}: *s' for number in range(1, 20_000))}}}",
        "x" * (2 << 20),
    ],
)
def test_a_bomb_does_not_go_off(tmp_path: Path, text: str) -> None:
    """Each is of some kilobytes, and of as many bytes as there are atoms once it is expanded."""
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DataError) as refused:
        describe(tmp_path)
    assert len(str(refused.value)) < 1000


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.yaml")
    with pytest.raises(DataError, match=r"data\.yaml: cannot be read \(not a file\)"):
        describe(tmp_path)


def test_lists_and_mappings_one_level_deep(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1, [2]]\nb: {c: null, d: {}}\n? [e]\n: f\ng:\n")
    assert read_yaml(tmp_path / "a.yaml") == {
        "a": ["1", Nested("a list")],
        "b": {"c": None, "d": Nested("a mapping")},
        "g": None,
    }
    assert numbered({"1": "b", "0": "a"}) == ["a", "b"]
    assert numbered({"1": "b", "2": "a"}) is None
