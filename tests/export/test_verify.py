from pathlib import Path

import pytest
import torch
from PIL import Image

from yolo3.checkpoint import ModelCard
from yolo3.export.verify import Receipt, difference, trial_inputs, verify
from yolo3.system.files import new_file

_CARD = ModelCard(image_size=(32, 48))


def test_differences_are_absolute_near_zero_and_relative_above_one():
    assert difference(torch.tensor([0.5, 0.25]), torch.tensor([0.0, 0.25])) == 0.5
    assert difference(torch.tensor([400.0]), torch.tensor([500.0])) == pytest.approx(0.2)
    assert difference(torch.zeros(0, 7), torch.zeros(0, 7)) == 0
    assert difference(torch.zeros(1, 7), torch.zeros(0, 7)) == float("inf")


def test_the_receipt_keeps_the_largest_of_each_output():
    inputs = {"zeros": torch.zeros(1), "ones": torch.ones(1)}
    receipt = verify(inputs, lambda images: {"a": (images * 1.0005, images), "b": (images, images)})
    assert receipt == Receipt(("zeros", "ones"), {"a": pytest.approx(5e-4, rel=1e-2), "b": 0.0})
    assert receipt.largest_difference == receipt.differences["a"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.tensor([1.0, 1.002]), r"for ones its a and the detector's differ by 0\.002, rounding explains 0\.001"),
        (torch.ones(3), "differ by inf"),
        (torch.tensor([1.0, float("nan")]), "differ by nan"),
    ],
)
def test_a_wrong_answer_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        verify({"ones": torch.ones(2)}, lambda images: {"a": (wrong, images)})


def test_a_detector_that_gives_nan_is_refused():
    with pytest.raises(ValueError, match="differ by nan"):
        verify({"x": torch.ones(1)}, lambda images: {"a": (images * float("nan"), images * float("nan"))})


def test_trial_inputs_are_of_two_sizes_and_batches(small):
    inputs = trial_inputs(small, _CARD, dynamic_size=True)
    assert list(inputs) == [
        "noise 2 x 1 x 32 x 48",
        "drawings 1 x 1 x 32 x 48",
        "noise 1 x 1 x 48 x 80",
        "drawings 2 x 1 x 48 x 80",
    ]
    for what, images in inputs.items():
        assert what.endswith(" x ".join(map(str, images.shape)))
        assert 0 <= images.min() < images.max() <= 1
    again = trial_inputs(small, _CARD, dynamic_size=True)
    assert all(torch.equal(images, again[what]) for what, images in inputs.items())


def test_trial_inputs_of_one_size(small):
    small.in_channels = 3
    shapes = [tuple(images.shape) for images in trial_inputs(small, _CARD, dynamic_size=False).values()]
    assert shapes == [(2, 3, 32, 48), (1, 3, 32, 48), (1, 3, 32, 48), (2, 3, 32, 48)]


def test_trial_inputs_with_images(small, tmp_path):
    small.in_channels = 3
    for number, colour in enumerate(("red", "blue", "lime")):
        Image.new("RGB", (96, 32), colour).save(tmp_path / f"{number}.png")
    inputs = trial_inputs(small, _CARD, True, sorted(tmp_path.iterdir()))
    assert list(inputs)[2::3] == ["images 1 x 3 x 32 x 48", "images 2 x 3 x 48 x 80"]
    red = inputs["images 1 x 3 x 32 x 48"][0]  # scaled to 16 rows, 8 of grey above and below
    assert red[:, 7, 20].tolist() == pytest.approx([0.5] * 3, abs=0.01)
    assert red[:, 8, 20].tolist() == [1, 0, 0]
    assert inputs["images 2 x 3 x 48 x 80"][:, :, 24, 40].tolist() == [[1, 0, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match=r"nowhere\.jpg"):
        trial_inputs(small, _CARD, True, [tmp_path / "nowhere.jpg"])


def test_a_file_that_cannot_be_made_is_told_before_the_work(tmp_path: Path):
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ValueError, match=r"folder\.onnx is a folder; name a file"), new_file(tmp_path / "folder.onnx"):
        pytest.fail("it began to work")
    with pytest.raises(OSError, match="proc"), new_file(Path("/proc/missing.onnx")):
        pytest.fail("it began to work")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder.onnx"]


def test_a_new_file_takes_its_name_at_the_end(tmp_path: Path):
    path = tmp_path / "new" / "model.onnx"
    with new_file(path) as partial:
        partial.write_text("first")
        assert partial.suffix == ".onnx"
        assert not path.exists()
    assert path.read_text() == "first"

    def interrupted() -> None:
        with new_file(path) as partial:
            partial.write_text("second")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]
