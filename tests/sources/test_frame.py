import gc

import numpy as np
import pytest
from PIL import Image

from yolo3.sources import Frame, PixelBudget


def _counted(size=(10, 10)):
    """A frame, and how often its pixels were read."""
    reads = []

    def read():
        reads.append(1)
        return np.zeros((*size, 3), np.uint8)

    return read, reads


def test_pixels_are_read_when_they_are_asked_for():
    read, reads = _counted((4, 7))
    frame = Frame("a", "a", read)
    assert not reads
    assert frame.size == (4, 7)
    frame.pixels()
    assert len(reads) == 2
    assert frame.size == (4, 7)
    assert len(reads) == 2


def test_a_budget_holds_pixels_until_it_is_used_up():
    budget = PixelBudget(2 * 300)
    kinds = [_counted() for _ in range(3)]
    frames = [Frame("a", "a", read, budget=budget) for read, _ in kinds]
    for frame in frames:
        frame.pixels()
        frame.pixels()
    assert [len(reads) for _, reads in kinds] == [1, 1, 2]
    frames.pop(0)
    gc.collect()
    frames[-1].pixels()  # takes the share that the first gave back
    frames[-1].pixels()
    assert len(kinds[2][1]) == 3


def test_a_frame_of_a_file(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "dog.png")
    frame = Frame.of_file(tmp_path / "dog.png")
    assert (frame.name, frame.stem, frame.size) == (str(tmp_path / "dog.png"), "dog", (6, 8))
    with pytest.raises(ValueError, match=r"nowhere.png: no such image"):
        Frame.of_file("nowhere.png").pixels()


def _photograph(path, size=(2400, 3200)):
    noise = np.random.default_rng(0).integers(0, 256, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def test_a_large_jpeg_is_read_as_far_as_is_enough(tmp_path):
    frame = Frame.of_file(_photograph(tmp_path / "large.jpg"))
    pixels, size = frame.reduced(lambda whole: (whole[0] // 4, whole[1] // 4))
    assert (pixels.shape, size) == ((600, 800, 3), (2400, 3200))
    assert frame.size == (2400, 3200)
    assert frame.pixels().shape == (2400, 3200, 3)


def test_what_is_enough_does_not_depend_on_what_is_held(tmp_path):
    frame = Frame.of_path(_photograph(tmp_path / "large.jpg"), "large", PixelBudget())
    enough, _ = frame.reduced(lambda whole: (600, 800))
    whole = frame.pixels()
    assert frame.pixels() is whole  # held
    assert np.array_equal(frame.reduced(lambda size: (600, 800))[0], enough)
    assert frame.reduced(lambda size: None)[0] is whole


def test_what_is_read_whole_is_held(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "dog.png")
    frame = Frame.of_path(tmp_path / "dog.png", "dog", PixelBudget())
    pixels, size = frame.reduced(lambda whole: (3, 4))
    assert (pixels.shape, size) == ((6, 8, 3), (6, 8))
    assert frame.pixels() is pixels


def test_a_frame_in_memory_gives_all_of_it():
    read, reads = _counted((4, 7))
    assert Frame("a", "a", read).reduced(lambda size: (1, 1))[1] == (4, 7)
    assert len(reads) == 1
