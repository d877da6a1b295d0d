import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yolo3.data.held_out import held_out
from yolo3.data.sample import Sample, SampleSet


def _samples(names: Iterable[str]) -> SampleSet:
    no = np.zeros(0, dtype=np.bool_)
    empty = [np.zeros((0, 4), np.float32), np.zeros(0, np.int64), no, no, np.zeros(0, np.float32)]
    return SampleSet.from_samples(("a",), [Sample(Path(name), *empty, (8, 8)) for name in names])  # type: ignore[arg-type]


def _held(names: Iterable[str]) -> list[str]:
    samples = _samples(names)
    return [str(samples.path(index)) for index in held_out(samples)]


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
    assert {name[0] for name in held} == set("abcdefghij")


def test_classes_that_lie_one_after_the_other_are_all_held_out() -> None:
    held = _held(f"{kind}_{number}.jpg" for kind in ("date", "fig", "nut") for number in range(100))
    assert len(held) in range(25, 36)


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
