import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yolo3.data.held_out import held_out
from yolo3.data.sample import Sample, SampleSet


def _sample(name: str, labels: Iterable[int] = ()) -> Sample:
    numbers = np.array(list(labels), np.int64)
    count = len(numbers)
    box = np.tile(np.array([0, 0, 4, 4], np.float32), (count, 1))
    no = np.zeros(count, dtype=np.bool_)
    return Sample(Path(name), box, numbers, no, no, np.full(count, 16, np.float32), (8, 8))


def _held(names: Iterable[str], seed: int = 0) -> list[str]:
    samples = SampleSet.from_samples(("a",), map(_sample, names))
    return [str(samples.path(index)) for index in held_out(samples, seed=seed)]


def _labels_held(labels: list[set[int]], seed: int = 0) -> list[set[int]]:
    """The labels of the images held out, of images whose names have nothing in common."""
    names = [f"{chr(97 + index // 26)}{chr(97 + index % 26)}.jpg" for index in range(len(labels))]
    samples = SampleSet.from_samples(tuple("abcdef"), map(_sample, names, labels))
    return [labels[index] for index in held_out(samples, seed=seed)]


def test_whole_clips_are_held_out() -> None:
    """12 clips of 20 near-equal frames."""
    names = [f"clip{clip:02}_{frame:04}.png" for frame in range(20) for clip in range(12)]
    held = _held(names)
    assert len(held) == 20
    assert len({name[:6] for name in held}) == 1
    folders = [f"clips/{clip}/{frame}.png" for clip in range(12) for frame in range(20)]
    assert len({Path(name).parent for name in _held(folders)}) == 1


def test_of_one_clip_a_stretch_is_held_out() -> None:
    held = _held(f"frame_{number}.jpg" for number in range(200))
    numbers = sorted(int(re.sub(r"\D", "", name)) for name in held)
    assert len(numbers) == 20
    assert numbers == list(range(numbers[0], numbers[0] + 20))  # 9 before 10


def test_copies_of_an_image_stay_together() -> None:
    """35 of 35 had their like in training in a public set, by every tenth image."""
    names = [f"photo-{photo}_jpg.rf.{photo * 7 + copy:032x}.jpg" for photo in range(117) for copy in range(3)]
    held = set(_held(names))
    assert 30 <= len(held) <= 40
    originals = {name.split(".rf.")[0] for name in held}
    assert not originals & {name.split(".rf.")[0] for name in set(names) - held}


def test_images_that_have_nothing_in_common_are_taken_from_all_over() -> None:
    names = [f"{letter}{other}.jpg" for letter in "abcdefghij" for other in "abcdefghij"]
    held = _held(names)
    assert len(held) == 10
    assert len({name[0] for name in held}) > 3


def test_the_seed_draws() -> None:
    names = [f"{letter}{other}.jpg" for letter in "abcdefghij" for other in "abcdefghij"]
    assert _held(names) == _held(names)
    assert len({tuple(_held(names, seed)) for seed in range(5)}) == 5


def test_classes_that_lie_one_after_the_other_are_all_held_out() -> None:
    kinds = ("date", "fig", "nut")
    samples = SampleSet.from_samples(
        kinds, [_sample(f"{kind}_{number}.jpg", [label]) for label, kind in enumerate(kinds) for number in range(100)]
    )
    held = [samples.path(index).name for index in held_out(samples)]
    assert [sum(name.startswith(kind) for name in held) for kind in kinds] == [10, 10, 10]


@given(st.integers(0, 20))
def test_of_each_class_its_share_is_held_out(seed: int) -> None:
    """200 images: all have a 0, every second a 1, every tenth a 2, every fiftieth (4) a 3; one has a 4."""
    labels = [
        {0} | {label for label, every in ((1, 2), (2, 10), (3, 50), (4, 200)) if not i % every} for i in range(200)
    ]
    held = _labels_held(labels, seed)
    count = [sum(label in each for each in held) for label in range(5)]
    assert 19 <= count[0] <= 21
    assert 8 <= count[1] <= 12
    assert 1 <= count[2] <= 3
    assert count[3] <= 3
    assert count[4] == 0  # the only image of a class is trained on


@given(st.lists(st.sets(st.integers(0, 5)), min_size=2, max_size=60), st.integers(0, 3))
def test_no_class_is_held_out_whole(labels: list[set[int]], seed: int) -> None:
    held = _labels_held(labels, seed)
    assert 0 < len(held) < len(labels)
    if len(held) > 1:
        for label in range(6):
            in_all = sum(label in each for each in labels)
            assert sum(label in each for each in held) < max(in_all, 1)


def test_few_images() -> None:
    assert _held([]) == []
    assert _held(["a.jpg"]) == ["a.jpg"]
    assert len(_held(["a.jpg", "b.jpg", "c.jpg"])) == 1


@given(st.lists(st.from_regex(r"([ab]/)?(x|y)[0-9]{0,3}(_jpg\.rf\.[0-9a-f])?\.jpg", fullmatch=True), unique=True))
def test_some_are_held_out_and_no_copy_is_on_both_sides(names: list[str]) -> None:
    held = _held(names)
    assert len(held) == len(set(held))
    assert bool(held) == bool(names)
    if len(names) >= 20:
        assert len(held) <= len(names) / 2
    originals = {re.sub(r"(_jpg\.rf\.[0-9a-f])?\.jpg$", "", name) for name in held}
    assert not originals & {re.sub(r"(_jpg\.rf\.[0-9a-f])?\.jpg$", "", name) for name in set(names) - set(held)}
