import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from yolo3.boxes import InputFormat
from yolo3.data import DataError, ImageCache, ImageReader, Key, SampleSet, open_dataset, write_shapes
from yolo3.data.cache import reserve

SIZE = (64, 96)


@pytest.fixture
def samples(tmp_path: Path) -> SampleSet:
    write_shapes(tmp_path / "shapes", num_train=5, num_test=1, image_size=(90, 120))
    return open_dataset(tmp_path / "shapes")


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_cache_gives_what_reading_gives(samples: SampleSet, on_disk: bool, tmp_path: Path) -> None:
    cache = ImageCache.of(samples, InputFormat(SIZE), folder=tmp_path / "cache" if on_disk else None)
    assert len(cache) == len(samples)
    for number in range(len(samples)):
        one, other = (ImageReader(source).load(Key(number, SIZE)) for source in (samples, cache))
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
    assert ImageCache.of(samples, InputFormat(SIZE)).pixels.is_shared()


def test_changing_an_image_does_not_change_the_cache(samples: SampleSet) -> None:
    cache = ImageCache.of(samples, InputFormat(SIZE))
    before = cache.pixels.clone()
    ImageReader(cache).load(Key(0, SIZE)).image[:] = 0
    assert torch.equal(cache.pixels, before)


def test_a_file_is_found_again_until_an_image_changes(samples: SampleSet, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    first = ImageCache.of(samples, InputFormat(SIZE), folder=folder)
    (file,) = folder.iterdir()
    written = file.stat().st_mtime_ns
    again = ImageCache.of(samples, InputFormat(SIZE), folder=folder)
    assert file.stat().st_mtime_ns == written
    assert torch.equal(first.pixels, again.pixels)
    (samples.path(1)).write_bytes(samples.path(2).read_bytes())
    changed = ImageCache.of(samples, InputFormat(SIZE), folder=folder)
    assert len(list(folder.iterdir())) == 2
    assert np.array_equal(changed[1].image, changed[2].image)
    assert not np.array_equal(first[1].image, changed[1].image)


def test_a_damaged_image_leaves_no_file(samples: SampleSet, tmp_path: Path) -> None:
    samples.path(3).write_bytes(samples.path(3).read_bytes()[:500])
    with pytest.raises(DataError, match=r"shapes_0003\.jpg"):
        ImageCache.of(samples, InputFormat(SIZE), folder=tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*"))


def test_a_missing_image_is_named(samples: SampleSet, tmp_path: Path) -> None:
    samples.path(2).unlink()
    with pytest.raises(DataError, match=r"shapes_0002\.jpg: no such image"):
        ImageCache.of(samples, InputFormat(SIZE), folder=tmp_path / "cache")


def test_a_cache_of_nothing_is_empty() -> None:
    assert len(ImageCache.of(SampleSet.from_samples(["thing"], []), InputFormat(SIZE))) == 0


@pytest.mark.parametrize("kept", [0, 1, 5000])
def test_a_file_cut_short_is_made_anew(samples: SampleSet, tmp_path: Path, kept: int) -> None:
    whole = ImageCache.of(samples, InputFormat(SIZE), folder=tmp_path / "cache").pixels.clone()
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    assert torch.equal(ImageCache.of(samples, InputFormat(SIZE), folder=tmp_path / "cache").pixels, whole)
    assert list((tmp_path / "cache").iterdir()) == [file]
    assert file.stat().st_size == len(whole)


@pytest.mark.parametrize("reserves", [True, False])
def test_the_room_on_the_disk_is_reserved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reserves: bool) -> None:
    if not reserves:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
        monkeypatch.setattr("yolo3.data.cache._BLOCK", 1000)
    reserve(tmp_path / "file", 3500)
    assert (tmp_path / "file").stat().st_size == 3500
    assert (tmp_path / "file").stat().st_blocks * 512 >= 3500
    reserve(tmp_path / "nothing", 0)
    assert (tmp_path / "nothing").stat().st_size == 0


def test_a_full_disk_is_told_and_not_a_bus_error(samples: SampleSet, tmp_path: Path) -> None:
    """In a process that may write no file above 100 kB, which is what it takes for a disk to be full for it alone."""
    pytest.importorskip("resource", reason="limits a process")
    script = """
import resource, sys
from pathlib import Path
from yolo3.boxes import InputFormat
from yolo3.data import ImageCache, open_dataset
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    ImageCache.of(open_dataset(sys.argv[1]), InputFormat((128, 192)), folder=Path(sys.argv[2]))
except ValueError as error:
    print(error)
"""
    where = [str(samples.path(0).parents[1]), str(tmp_path / "cache")]
    run = subprocess.run([sys.executable, "-c", script, *where], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    said = r"the images take 0\.00 GB and the disk has [\d.]+ GB left; free some space, or choose another folder\n"
    assert re.fullmatch(f"{re.escape(where[1])}: {said}", run.stdout)
    assert not list((tmp_path / "cache").iterdir())


def test_too_little_shared_memory_is_told(monkeypatch: pytest.MonkeyPatch, samples: SampleSet) -> None:
    def refuse(self: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(
            "unable to allocate shared memory(shm) for file </torch_1_2_3>: No space left on device (28)"
        )

    monkeypatch.setattr("torch.Tensor.share_memory_", refuse)
    with pytest.raises(DataError, match=r"0\.00 GB of shared memory, .* keep them in a folder, or .*--shm-size"):
        ImageCache.of(samples, InputFormat(SIZE))
