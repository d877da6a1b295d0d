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
