from pathlib import Path

import numpy as np
import pytest
import torch

from yolo3.data import DataError, Key, PictureCache, PictureReader, SampleSet, open_dataset, write_shapes

SIZE = (64, 96)


@pytest.fixture
def samples(tmp_path: Path) -> SampleSet:
    write_shapes(tmp_path / "shapes", num_train=5, num_test=1, image_size=(90, 120))
    return open_dataset(tmp_path / "shapes")


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_cache_gives_what_reading_gives(samples: SampleSet, on_disk: bool, tmp_path: Path) -> None:
    cache = PictureCache.of(samples, SIZE, folder=tmp_path / "cache" if on_disk else None)
    assert len(cache) == len(samples)
    for number in range(len(samples)):
        one, other = (PictureReader(source).picture(Key(number, SIZE)) for source in (samples, cache))
        assert np.array_equal(one.image, other.image)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-5)
        assert np.array_equal(one.labels, other.labels)
        assert other.weights.tolist() == [1] * len(one.boxes)
        assert one.files == other.files == (samples[number].image,)
    assert np.array_equal(cache[-1].image, cache[5].image)
    assert len(cache[1:3]) == 2
    with pytest.raises(IndexError):
        cache[6]


def test_processes_share_the_memory(samples: SampleSet) -> None:
    assert PictureCache.of(samples, SIZE).pixels.is_shared()


def test_changing_a_picture_does_not_change_the_cache(samples: SampleSet) -> None:
    cache = PictureCache.of(samples, SIZE)
    before = cache.pixels.clone()
    PictureReader(cache).picture(Key(0, SIZE)).image[:] = 0
    assert torch.equal(cache.pixels, before)


def test_a_file_is_found_again_until_a_picture_changes(samples: SampleSet, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    first = PictureCache.of(samples, SIZE, folder=folder)
    (file,) = folder.iterdir()
    written = file.stat().st_mtime_ns
    again = PictureCache.of(samples, SIZE, folder=folder)
    assert file.stat().st_mtime_ns == written
    assert torch.equal(first.pixels, again.pixels)
    (samples.path(1)).write_bytes(samples.path(2).read_bytes())
    changed = PictureCache.of(samples, SIZE, folder=folder)
    assert len(list(folder.iterdir())) == 2
    assert np.array_equal(changed[1].image, changed[2].image)
    assert not np.array_equal(first[1].image, changed[1].image)


def test_a_damaged_picture_leaves_no_file(samples: SampleSet, tmp_path: Path) -> None:
    samples.path(3).write_bytes(samples.path(3).read_bytes()[:500])
    with pytest.raises(DataError, match=r"shapes_0003\.jpg"):
        PictureCache.of(samples, SIZE, folder=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_missing_picture_is_named(samples: SampleSet, tmp_path: Path) -> None:
    samples.path(2).unlink()
    with pytest.raises(DataError, match=r"shapes_0002\.jpg: no such image"):
        PictureCache.of(samples, SIZE, folder=tmp_path / "cache")


def test_a_cache_of_nothing_is_empty() -> None:
    assert len(PictureCache.of(SampleSet.from_samples(["thing"], []), SIZE)) == 0
