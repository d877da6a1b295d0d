from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo3.data.box_checks import BoxCorners
from yolo3.data.faults import DataError, Fault
from yolo3.data.reading import read_names, read_text
from yolo3.data.sample_builder import SampleSetBuilder
from yolo3.data.split_names import find_split

_NAN, _INF = float("nan"), float("inf")


def _builder(faults: list[Fault] | None = None) -> SampleSetBuilder:
    builder = SampleSetBuilder(("cat", "dog")) if faults is None else SampleSetBuilder(("cat", "dog"), faults.append)
    builder.add_image(Path("a.jpg"), (48, 64))
    return builder


@pytest.mark.parametrize(
    ("box", "kind", "text"),
    [
        ((_NAN, 0, 5, 5), "not finite", r"here: box \(nan, 0, 5, 5\) is not all numbers"),
        ((0, 0, _INF, 5), "not finite", r"box \(0, 0, inf, 5\) is not all numbers"),
        ((9, 0, 5, 5), "reversed", "ends before it begins"),
        ((0, 9, 5, 5), "reversed", "ends before it begins"),
        ((0, 0, 65.1, 5), "outside", r"box \(0, 0, 65.1, 5\) lies outside its image of 64 x 48"),
        ((0, 0, 5, 49.1), "outside", "lies outside"),
        ((-1.1, 0, 5, 5), "outside", "lies outside"),
        ((0, -1.1, 5, 5), "outside", "lies outside"),
    ],
)
def test_a_box_that_cannot_be_right_is_refused(box: BoxCorners, kind: str, text: str) -> None:
    with pytest.raises(DataError, match=text):
        _builder().add_object("here", "cat", box)
    faults: list[Fault] = []
    builder = _builder(faults)
    builder.add_object("here", "cat", box)
    assert [fault.kind for fault in faults] == [kind]
    assert len(builder.build("a test").boxes) == 0


def test_a_box_within_a_pixel_of_the_edge_is_cut_there() -> None:
    builder = _builder()
    builder.add_object("here", "cat", (-1, -0.5, 65, 49))
    samples = builder.build("a test")
    assert samples.boxes.tolist() == [[0, 0, 64, 48]]
    assert samples.area.tolist() == [64 * 48]


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 5, 9, 5), (5, 5, 5.001, 9), (64, 0, 64.5, 9), (-1, 0, 0, 9)])
def test_a_box_of_no_area_is_left_out_and_told(box: BoxCorners) -> None:
    builder = _builder()
    builder.add_object("here", "cat", box)
    samples = builder.build("a test")
    assert len(samples) == 1
    assert len(samples.boxes) == 0
    assert [fault.kind for fault in samples.skipped] == ["empty"]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("cow", r"class 'cow' is not among the names \(cat, dog\); add it"),
        (2, r"class 2 is not in 0..1 \('names' has 2\); are the labels 1-based\?"),
        (7, r"class 7 is not in 0..1 \('names' has 2\); fix the label"),
        (-1, r"class -1 is not in 0..1"),
    ],
)
def test_an_unknown_class_is_refused(label: int | str, text: str) -> None:
    with pytest.raises(DataError, match=f"here: {text}"):
        _builder().add_object("here", label, (0, 0, 5, 5))


def test_many_names_are_not_all_told() -> None:
    builder = SampleSetBuilder([f"class{number}" for number in range(80)])
    with pytest.raises(DataError, match=r"class8, class9, …\)"):
        builder.add_object("here", "cow", (0, 0, 5, 5))


def test_a_nonsensical_area_is_refused() -> None:
    with pytest.raises(DataError, match="not all numbers"):
        _builder().add_object("here", "cat", (0, 0, 5, 5), area=_NAN)


@given(st.lists(st.lists(st.tuples(st.integers(0, 63), st.integers(0, 47), st.integers(0, 1)), max_size=4), max_size=5))
def test_what_is_added_is_what_is_built(images: list[list[tuple[int, int, int]]]) -> None:
    builder = SampleSetBuilder(("cat", "dog"))
    for number, objects in enumerate(images):
        builder.add_image(Path(f"{number}.jpg"), (48, 64), image_id=number)
        for left, top, label in objects:
            builder.add_object("here", label, (left, top, 64, 48), crowd=label == 1, area=left)
    samples = builder.build("a test")
    assert len(samples) == len(images)
    for number, (sample, objects) in enumerate(zip(samples, images, strict=True)):
        assert (sample.image, sample.image_id) == (Path(f"{number}.jpg"), number)
        assert [(*box[:2], label) for box, label in zip(sample.boxes, sample.labels, strict=True)] == objects
        assert np.array_equal(sample.crowd, sample.labels == 1)
        assert sample.area.tolist() == [left for left, _, _ in objects]


@pytest.mark.parametrize(
    ("asked", "found"), [("train", "train2017"), ("val", "valid"), ("trainval", "trainval"), ("valid", "valid")]
)
def test_a_split_is_known_by_its_usual_other_names(asked: str, found: str) -> None:
    assert find_split(["trainval", "train2017", "valid"], asked, "here") == found


def test_an_unknown_split_lists_those_there_are() -> None:
    with pytest.raises(DataError, match="here: no split 'test'; available: train, val"):
        find_split(["val", "train"], "test", "here")
    with pytest.raises(DataError, match="available: none"):
        find_split([], "test", "here")


def test_names_are_lines_with_spaces_inside(tmp_path: Path) -> None:
    (tmp_path / "coco.names").write_bytes("\ufeffhot dog\r\nkøter\r\n\r\n".encode())
    assert read_names(tmp_path / "coco.names") == ("hot dog", "køter")


@pytest.mark.parametrize(("text", "box_fault"), [("", "no class names"), ("a\nb\na\n", "class 'a' is named twice")])
def test_useless_names_are_refused(tmp_path: Path, text: str, box_fault: str) -> None:
    (tmp_path / "some.names").write_text(text)
    with pytest.raises(DataError, match=rf"some\.names: {box_fault}"):
        read_names(tmp_path / "some.names")


def test_text_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: cannot be read \(No such file or directory\)"):
        read_text(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(DataError, match=r"latin\.txt: not a text file in UTF-8 \(.* at byte 3\)"):
        read_text(tmp_path / "latin.txt")
