import pickle
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yolo3.data.faults import Fault
from yolo3.data.sample import Sample, SampleSet
from yolo3.data.sample_builder import SampleSetBuilder

_NAMES = ("cat", "dog")
_ARRAYS = ("boxes", "labels", "difficult", "crowd", "area")


def _sample(name: str, boxes: list[list[float]], labels: list[int], image_id: int | None = None) -> Sample:
    corners = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    return Sample(
        image=Path("images") / name,
        boxes=corners,
        labels=np.array(labels, dtype=np.int64),
        difficult=np.array([label == 1 for label in labels], dtype=np.bool_),
        crowd=np.zeros(len(labels), dtype=np.bool_),
        area=(corners[:, 2:] - corners[:, :2]).prod(1),
        size=(48, 64),
        image_id=image_id,
    )


@pytest.fixture
def samples() -> list[Sample]:
    return [
        _sample("größe 1.jpg", [[1, 2, 11, 22], [0, 0, 5, 5]], [0, 1], image_id=7),
        _sample("empty.jpg", [], [], image_id=0),
        _sample("b.jpg", [[3, 3, 9, 9]], [1], image_id=3),
    ]


def _same(one: Sample, other: Sample) -> bool:
    arrays = [(getattr(one, name), getattr(other, name)) for name in _ARRAYS]
    equal = all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in arrays)
    return equal and one.image == other.image and one.size == other.size


def test_a_set_gives_back_what_it_was_made_of(samples: list[Sample]) -> None:
    flat = SampleSet.from_samples(_NAMES, samples)
    assert len(flat) == 3
    assert all(_same(one, other) for one, other in zip(flat, samples, strict=True))
    assert _same(flat[-1], samples[2])
    assert [sample.image_id for sample in flat] == [7, 0, 3]
    assert flat.counts.tolist() == [1, 2]
    assert flat.image.tolist() == [0, 0, 2]


def test_an_index_beyond_the_end_is_refused(samples: list[Sample]) -> None:
    with pytest.raises(IndexError):
        SampleSet.from_samples(_NAMES, samples)[3]


def test_slices_and_subsets(samples: list[Sample]) -> None:
    flat = SampleSet.from_samples(_NAMES, samples)
    assert [sample.image.name for sample in flat[1:]] == ["empty.jpg", "b.jpg"]
    reordered = flat.subset([2, 0])
    assert [sample.image.name for sample in reordered] == ["b.jpg", "größe 1.jpg"]
    assert reordered.names == _NAMES
    assert _same(reordered[1], samples[0])


def test_a_set_of_nothing() -> None:
    nothing = SampleSet.from_samples(_NAMES, [])
    assert len(nothing) == 0
    assert nothing.boxes.shape == (0, 4)
    assert nothing.counts.tolist() == [0, 0]
    assert nothing.image.tolist() == []
    assert nothing.image_ids is None
    assert len(nothing[:]) == 0


def test_changing_a_sample_leaves_the_set_alone(samples: list[Sample]) -> None:
    flat = SampleSet.from_samples(_NAMES, samples)
    flat[0].boxes[:] = 0
    assert _same(flat[0], samples[0])


def test_a_label_without_a_name_is_refused(samples: list[Sample]) -> None:
    with pytest.raises(ValueError, match=r"labels 0..1 for 1 names"):
        SampleSet.from_samples(("cat",), samples)


def test_a_box_without_a_label_is_refused(samples: list[Sample]) -> None:
    lame = replace(samples[0], labels=samples[0].labels[:1])
    with pytest.raises(ValueError, match=r"größe 1\.jpg: boxes, labels, .* must have the same length"):
        SampleSet.from_samples(_NAMES, [lame])


def test_a_box_that_is_not_all_numbers_is_refused(samples: list[Sample]) -> None:
    samples[0].boxes[0, 2] = np.nan
    with pytest.raises(ValueError, match=r"größe 1\.jpg: a box of \[.*nan.*\] is not all numbers"):
        SampleSet.from_samples(_NAMES, samples)


def test_the_digest_follows_the_annotations_but_not_the_folder(samples: list[Sample]) -> None:
    digest = SampleSet.from_samples(_NAMES, samples).digest()
    elsewhere = [replace(sample, image=Path("/tmp") / sample.image.name) for sample in samples]
    assert SampleSet.from_samples(_NAMES, elsewhere).digest() == digest
    assert SampleSet.from_samples(("cat", "cow"), samples).digest() != digest
    assert SampleSet.from_samples(_NAMES, samples[::-1]).digest() != digest
    samples[0].boxes[0, 0] += 0.5
    assert SampleSet.from_samples(_NAMES, samples).digest() != digest


def test_the_summary_tells_what_was_left_out() -> None:
    builder = SampleSetBuilder(_NAMES)
    builder.add_image(Path("a.jpg"), (48, 64))
    builder.add_object("a.xml:3", "dog", (5, 5, 5, 5))
    summary = builder.build("a test").summary()
    assert summary.splitlines() == [
        "a test: 1 images (0 without objects, 1 whose objects were all left out), 0 boxes (cat 0, dog 0)",
        "left out: a.xml:3: box (5, 5, 5, 5) has no area",
    ]


def test_a_subset_remembers_what_was_left_out() -> None:
    builder = SampleSetBuilder(_NAMES)
    builder.add_image(Path("a.jpg"), (48, 64))
    builder.skip(Fault("missing", "list:1", "no image b.jpg"))
    assert builder.build("a test")[:1].skipped[0].kind == "missing"


def test_a_set_travels_to_other_processes(samples: list[Sample]) -> None:
    flat = SampleSet.from_samples(_NAMES, samples)
    assert pickle.loads(pickle.dumps(flat)).digest() == flat.digest()


def test_a_hundred_thousand_annotations_are_small_and_do_not_grow() -> None:
    builder = SampleSetBuilder(_NAMES)
    for number in range(10_000):
        builder.add_image(Path(f"/a/folder/of/images/{number:012d}.jpg"), (480, 640))
        for index in range(10):
            builder.add_object("here", index % 2, (index, 0, 100, 100))
    samples = builder.build("a test")
    assert len(samples.boxes) == 100_000
    assert sum(value.nbytes for value in vars(samples).values() if isinstance(value, np.ndarray)) < 5e6
    for _ in samples[:100]:  # what is cached once is cached before the measurement
        pass
    tracemalloc.start()
    for index in range(0, len(samples), 10):
        samples[index]
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 10_000  # bytes: the last sample
