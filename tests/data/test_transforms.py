import importlib
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from yolo3.data import Augmented, Key, ShapesDataset
from yolo3.data.transforms import A, light, overhead, pipeline, standard, strong

SIZE = (64, 64)
BUILDERS = pytest.mark.parametrize("build", [light, standard, strong, overhead])


@BUILDERS
def test_an_augmentation_changes_images_as_the_key_says(build: Callable[[], A.Compose]) -> None:
    source = Augmented(ShapesDataset(4, SIZE), build())
    made = [source.load(Key(2, SIZE, epoch)) for epoch in range(8)]
    again = [Augmented(ShapesDataset(4, SIZE), build()).load(Key(2, SIZE, epoch)) for epoch in range(8)]
    assert all(np.array_equal(one.image, other.image) for one, other in zip(made, again, strict=True))
    assert all(np.array_equal(one.boxes, other.boxes) for one, other in zip(made, again, strict=True))
    assert len({annotated.image.tobytes() for annotated in made}) > 3


def test_decisions_of_one_pipeline_are_independent() -> None:
    """Albumentations' own seeding gives every transform the same dice: all of one probability would act together."""
    transforms = pipeline([A.HorizontalFlip(), A.VerticalFlip()])
    image = np.zeros((*SIZE, 3), np.uint8)
    image[:32, :32] = 255
    boxes = np.zeros((0, 4), np.float32)
    seen = set()
    for epoch in range(40):
        rng = Key(0, SIZE, epoch)
        annotated = ShapesDataset(1, SIZE)[0].moved(image, boxes, np.zeros(0, int))
        corner = Augmented([annotated], transforms).load(rng).image[[0, 0, -1, -1], [0, -1, 0, -1], 0]
        seen.add(int(corner.argmax()))
    assert seen == {0, 1, 2, 3}


def test_slivers_are_dropped() -> None:
    shifted = pipeline([A.Affine(translate_px={"x": (40, 40), "y": (0, 0)}, p=1)])
    boxes = np.array([[22, 0, 42, 20], [0, 0, 40, 20]], np.float32)
    given = shifted(image=np.zeros((*SIZE, 3), np.uint8), bboxes=boxes, labels=np.array([5, 6]))
    assert np.asarray(given["labels"]).tolist() == [6]  # of the first a tenth is left, of this one six
    np.testing.assert_allclose(given["bboxes"], [[40, 0, 64, 20]], atol=1e-3)


def test_loading_it_is_quiet_and_stays_off_the_network_and_only_it_loads_albumentations() -> None:
    program = """
import socket, sys
import yolo3.data
assert not {"albumentations", "cv2"} & set(sys.modules), "yolo3.data must do without"
class Refused(socket.socket):
    def __init__(self, *args, **kwargs):
        raise AssertionError("the network")
socket.socket = Refused
from yolo3.data.transforms import standard
import cv2
standard()
assert cv2.getNumThreads() <= 1
"""
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "yolo3.data.transforms")
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(ImportError, match=r'augmentation needs albumentations: pip install "yolo3-torch\[train\]"'):
        importlib.import_module("yolo3.data.transforms")
