import io
import threading
import tracemalloc
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import Tensor, nn

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.choices import LetterboxName
from yolo3.models import YOLOv3
from yolo3.predictor import Predictor
from yolo3.sources import Frame
from yolo3.structures import Candidates


class RedFinder(nn.Module):
    """A detector that finds the red patch of an image, to the pixel: class 1 of 2, or a box of no area."""

    num_classes, stride = 2, 8
    ran_in: torch.dtype | None = None

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 1, 1)
        with torch.no_grad():
            self.mix.weight.copy_(torch.tensor([1.0, -1, -1]).view(1, 3, 1, 1))
            self.mix.bias.zero_()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        assert not self.training
        redness = self.mix(images)
        RedFinder.ran_in = redness.dtype
        return (redness,)

    def decode(self, predictions: tuple[Tensor, ...]) -> Candidates:
        boxes = torch.zeros(len(predictions[0]), 1, 4)
        for box, redness in zip(boxes[:, 0], predictions[0][:, 0], strict=True):
            rows, columns = (redness > 0.5).nonzero(as_tuple=True)
            if len(rows):
                box[:] = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        return Candidates(boxes, torch.tensor([0.0, 0.9]).expand(len(boxes), 1, 2))


def _image(box: tuple[int, int, int, int], size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """(H, W, 3) grey with a red patch."""
    image = np.full((*size, 3), 100, dtype=np.uint8)
    left, top, right, bottom = box
    image[top:bottom, left:right] = (255, 0, 0)
    return image


_BOXES = [(8, 8, 40, 32), (16, 0, 96, 64), (0, 40, 24, 64), (50, 20, 70, 60), (80, 50, 96, 64)]


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(RedFinder(), ("blue", "red"), image_size=(64, 96), precision="fp32", batch_size=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    (images / "more").mkdir(parents=True)
    for number, box in enumerate(_BOXES):
        Image.fromarray(_image(box)).save(images / ("more" if number == 4 else "") / f"{number}.png")
    (images / "notes.txt").write_text("not an image")
    return images


def _boxes(found) -> list[tuple[float, ...]]:
    return [tuple(detections.boxes[0].tolist()) for detections in found]


def test_any_source_gives_boxes_in_its_own_pixels(predictor, folder):
    array = _image(_BOXES[0])
    first = folder / "0.png"
    tensor = torch.from_numpy(array).permute(2, 0, 1) / 255
    for source in (first, str(first), array, Image.fromarray(array), tensor, [array], str(folder / "0*")):
        (found,) = predictor(source)
        assert _boxes([found]) == [_BOXES[0]]
        assert (found.names, found.labels.tolist()) == (["red"], [1])
        assert found.scores.tolist() == pytest.approx([0.9])


def test_images_come_in_order_with_their_names(predictor, folder):
    assert _boxes(predictor(folder)) == _BOXES
    mixed = [folder / "1.png", _image(_BOXES[2]), str(folder / "more"), _image(_BOXES[0])]
    named = list(predictor.stream(mixed))
    assert [name for name, _ in named] == [str(folder / "1.png"), "image 0", str(folder / "more/4.png"), "image 1"]
    assert _boxes(found for _, found in named) == [_BOXES[1], _BOXES[2], _BOXES[4], _BOXES[0]]


def test_frames_come_beside_their_detections(predictor, folder):
    frames = [Frame(f"{number}", f"{number}", partial(_image, box)) for number, box in enumerate(_BOXES)]
    results = list(predictor.frames(frames))
    assert [frame for frame, _ in results] == frames  # the very same ones
    assert _boxes(found for _, found in results) == _BOXES
    assert [frame.name for frame, _ in predictor.frames(folder)] == [name for name, _ in predictor.stream(folder)]


def test_globs_reach_into_folders_and_skip_what_is_no_image(predictor, folder):
    assert _boxes(predictor(str(folder / "**" / "*"))) == _BOXES
    assert _boxes(predictor(str(folder / "[13].*"))) == [_BOXES[1], _BOXES[3]]


@pytest.mark.parametrize("letterbox", ["default", "darknet", "stretch"])
@pytest.mark.parametrize("size", [(640, 480), (96, 800), (33, 47)])
def test_boxes_return_through_the_letterbox(letterbox: LetterboxName, size):
    height, width = size
    box = (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
    predictor = Predictor(RedFinder(), image_size=(320, 416), letterbox=letterbox)
    (found,) = predictor(_image(box, size))
    pixel = max(height / 320, width / 416, 1)  # one of the network's input
    assert found.boxes[0].tolist() == pytest.approx(box, abs=1.01 * pixel)


def test_a_file_is_read_upright_and_an_image_as_it_stands(predictor, tmp_path):
    image = Image.fromarray(_image(_BOXES[0], (96, 96)))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "turned.png", exif=exif)
    left, top, right, bottom = _BOXES[0]
    square = Predictor(RedFinder(), image_size=96)
    with Image.open(tmp_path / "turned.png") as opened:
        assert _boxes(square(opened)) == [_BOXES[0]]
    assert _boxes(square(tmp_path / "turned.png")) == [(96 - right, 96 - bottom, 96 - left, 96 - top)]


def test_an_image_may_stand_in_a_list_twice_and_go_on_to_its_next_frame(predictor, tmp_path):
    first, *others = [Image.fromarray(_image(box)) for box in _BOXES]
    first.save(tmp_path / "moving.png", save_all=True, append_images=others)
    with Image.open(tmp_path / "moving.png") as opened:
        assert _boxes(predictor(ImageSequence.Iterator(opened))) == _BOXES
    large = (800, 800, 1984, 1600)
    Image.fromarray(_image(large, (2048, 3072))).save(tmp_path / "large.png", compress_level=1)
    with Image.open(tmp_path / "large.png") as opened:  # not read yet
        assert [tuple(map(round, box)) for box in _boxes(predictor([opened] * 6))] == [large] * 6


def test_a_image_with_nothing_in_it(predictor):
    (found,) = predictor(_image((0, 0, 0, 0)))
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.names == []


def test_a_stream_may_be_endless(predictor):
    def camera():
        while True:
            yield _image(_BOXES[1])

    taken = list(islice(predictor.stream(camera()), 7))
    assert [name for name, _ in taken] == [f"image {number}" for number in range(7)]


def test_memory_stays_flat(predictor):
    stream = predictor.stream(_image(_BOXES[number % 5]) for number in range(400))
    for _ in islice(stream, 50):
        pass
    tracemalloc.start()
    try:
        for _ in stream:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # 350 images are 6.5 million bytes


def test_batch_size_and_order_change_nothing():
    detector = YOLOv3(3, width=0.1)
    images = [(torch.rand(60 + 9 * number, 80, 3) * 255).byte().numpy() for number in range(5)]
    settings = {"image_size": 64, "precision": "fp32", "min_score": 0.0, "max_detections": 20}
    one_by_one = Predictor(detector, batch_size=1, **settings)(images)
    together = Predictor(detector, batch_size=4, **settings)(images)
    backwards = Predictor(detector, batch_size=3, **settings)(images[::-1])[::-1]
    for other in (together, backwards):
        for expected, found in zip(one_by_one, other, strict=True):
            torch.testing.assert_close(found.scores, expected.scores, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(found.boxes, expected.boxes, rtol=1e-4, atol=1e-2)


def test_images_of_other_depths_may_share_a_batch():
    dice = np.random.default_rng(0)
    images = [
        dice.integers(0, 256, (64, 64, 3), dtype=np.uint8),
        dice.integers(0, 65536, (64, 64, 3)).astype(np.uint16),
    ]
    detector = YOLOv3(3, width=0.1)
    settings = {"image_size": 64, "min_score": 0.0, "max_detections": 5, "precision": "fp32"}
    together = Predictor(detector, batch_size=2, **settings)(images)
    for expected, found in zip(Predictor(detector, batch_size=1, **settings)(images), together, strict=True):
        torch.testing.assert_close(found.scores, expected.scores, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found.boxes, expected.boxes, rtol=1e-4, atol=1e-2)


def test_in_half_precision_too_a_image_is_seen_alone_as_among_others():
    predictor = Predictor(YOLOv3(3, width=0.1), image_size=64, precision="bf16")
    images = torch.rand(5, 3, 64, 64)
    together = predictor.runtime(images)
    for number in range(5):
        for expected, found in zip(together, predictor.runtime(images[number : number + 1]), strict=True):
            torch.testing.assert_close(found[0], expected[number], rtol=0.02, atol=0.02)


def test_what_was_found_before_a_bad_image_is_given(predictor, folder):
    (folder / "damaged.png").write_bytes(b"no image")
    found = predictor.stream([folder / "0.png", folder / "1.png", folder / "2.png", folder / "damaged.png"])
    assert _boxes(detections for _, detections in islice(found, 3)) == _BOXES[:3]
    with pytest.raises(ValueError, match=r"damaged\.png: not an image that can be read"):
        next(found)


def test_threads_end_with_the_stream(predictor, folder):
    before = set(threading.enumerate())
    stream = predictor.stream(folder)
    next(stream)
    stream.close()
    assert set(threading.enumerate()) <= before  # those of earlier tests may end meanwhile


def test_some_classes_only_and_scores_by_class(folder):
    def found(**settings):
        return len(Predictor(RedFinder(), ("blue", "red"), image_size=(64, 96), **settings)(folder / "0.png")[0])

    assert found(classes=("red",)) == found(classes=[1]) == found(classes=("blue", "red")) == 1
    assert found(classes=("blue",)) == 0
    assert found(min_score={"blue": 0.99}) == 1  # red scores 0.9
    assert found(min_score={"red": 0.95}) == found(min_score={"red": 0.95}, classes=["red"]) == 0


def test_compiled_it_finds_the_same(monkeypatch, folder, predictor):
    shapes = []

    def compile(network, **settings):
        def compiled(images):
            shapes.append(tuple(images.shape))
            return network(images)

        return compiled

    monkeypatch.setattr(torch, "compile", compile)
    compiled = Predictor(RedFinder(), image_size=(64, 96), precision="fp32", batch_size=3, compile=True)
    assert _boxes(compiled(folder)) == _BOXES
    assert _boxes(compiled(folder / "0.png")) == _BOXES[:1]
    assert set(shapes) == {(3, 3, 64, 96), (1, 3, 64, 96)}  # the last two of five were filled up to three
    assert len(compiled.candidates([compiled.prepare(folder / "0.png")] * 2)) == 2


def test_half_precision_finds_the_same():
    detector = YOLOv3(3, width=0.1)
    image = (torch.rand(60, 80, 3) * 255).byte().numpy()
    full, half = (
        Predictor(detector, image_size=64, precision=precision, min_score=0.0, max_detections=5)(image)[0]
        for precision in ("fp32", "bf16")
    )
    assert half.scores.dtype == half.boxes.dtype == torch.float32
    torch.testing.assert_close(half.scores, full.scores, rtol=0.02, atol=0)


def test_the_network_runs_in_the_precision_asked_for():
    image = _image(_BOXES[0])
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        Predictor(RedFinder(), image_size=96, precision=precision)(image)
        assert RedFinder.ran_in == dtype


def test_the_detector_handed_in_stays_as_it_is():
    detector = RedFinder().train()
    Predictor(detector, image_size=96, precision="bf16")(_image(_BOXES[0]))
    assert detector.training
    assert detector.mix.weight.dtype == torch.float32


def test_detections_belong_to_the_user(predictor):
    (found,) = predictor(_image(_BOXES[0]))
    for tensor in (found.boxes, found.scores, found.labels):
        tensor.mul_(2)  # fails on what inference mode made
    assert not torch.is_inference_mode_enabled()


def test_the_image_size_is_the_detectors_own_unless_given():
    detector = RedFinder()
    assert Predictor(detector).image_size == (416, 416)
    detector.image_size = (64, 128)
    assert Predictor(detector).image_size == (64, 128)
    assert Predictor(detector, image_size=96).image_size == (96, 96)


def test_from_a_checkpoint(tmp_path):
    card = ModelCard(("a", "b"), image_size=(64, 96), letterbox="stretch")
    save_checkpoint(tmp_path, YOLOv3(2, width=0.1), card)
    predictor = Predictor.from_checkpoint(tmp_path)
    assert (predictor.names, predictor.image_size, predictor.letterbox) == (card.names, card.image_size, "stretch")
    with pytest.raises(ValueError, match="image size 0 x 0 is not a multiple of 32"):
        Predictor.from_checkpoint(tmp_path, image_size=0)
    changed = Predictor.from_checkpoint(tmp_path, image_size=32, letterbox="darknet", min_score=0.0, max_detections=7)
    assert (changed.image_size, changed.letterbox) == ((32, 32), "darknet")
    assert len(changed(_image(_BOXES[0]))[0]) == 7


def test_wrong_settings_are_refused():
    for settings, message in (
        ({"names": ["a"]}, "1 names for a detector of 2 classes"),
        ({"image_size": 100}, "image size 100 x 100 is not a multiple of 8"),
        ({"precision": "fp8"}, "unknown precision 'fp8'; choose auto, fp32, bf16 or fp16"),
        ({"letterbox": "round"}, "unknown letterbox 'round'"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"max_detections": -1}, "max_detections is -1; it must be at least 0"),
        ({"min_score": 2.0}, r"min_score is 2.0; it must lie in \[0, 1\]"),
        ({"iou_threshold": -1}, r"iou_threshold is -1; it must lie in \[0, 1\]"),
        ({"min_score": {"dog": 0.5}}, "no class is called 'dog'; the classes have no names here, only numbers"),
        ({"classes": [2]}, r"class 2 is not in 0\.\.1"),
        ({"compile": True, "backend": "onnxruntime"}, "compile goes with backend torch"),
        ({"device": "abacus"}, r"device 'abacus' cannot be used \(.*\); choose auto.* cpu"),
    ):
        with pytest.raises(ValueError, match=message):
            Predictor(RedFinder(), **settings)


def test_a_detector_is_a_module():
    class NoModule:
        num_classes, stride = 2, 32

    with pytest.raises(ValueError, match=r"a detector is an nn\.Module, not a NoModule"):
        Predictor(NoModule())


def test_sources_that_are_none(predictor, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    bad = torch.full((3, 8, 8), 1.5)
    for source, message in (
        (tmp_path / "nowhere.jpg", r"nowhere\.jpg: no such file or folder; a source is an image file, a folder"),
        (tmp_path / "empty", r"folder .*empty holds no images \(.*\.jpg"),
        (str(tmp_path / "*.jpg"), r"glob .*\*\.jpg matches no images"),
        (tmp_path / "notes.txt", r"notes\.txt: no image: no such file or folder"),
        ([], "the source holds no images; a source is"),
        (5, "5 is a int; a source is"),
        ([None], "None is a NoneType; a source is"),
        (np.zeros((8, 8, 3), int), r"image 0: an array must be \(H, W, C\) or \(H, W\), .*, not \(8, 8, 3\) int64"),
        (np.zeros((1, 8, 8, 3), dtype=np.uint8), r"not \(1, 8, 8, 3\) uint8"),
        (np.zeros((8, 8, 4), dtype=np.uint8), "image 0: the image has 4 channels, and the network takes 3"),
        (torch.zeros(1, 3, 8, 8), r"image 0: a tensor must be \(C, H, W\) floats in \[0, 1\], not \(1, 3, 8, 8\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), r"not \(3, 8, 8\) torch.uint8"),
        (bad, r"image 0: a tensor's values must lie in \[0, 1\], not \[1.5, 1.5\]; divide by 255\?"),
        (bad * float("nan"), r"not \[nan, nan\]"),
        (b"\xff\xd8" * 1000, r"\.\.\..* is a bytes; a source is"),
        (io.BytesIO(b"\xff\xd8"), r"is a BytesIO; a source is"),
        (Image.new("F", (8, 8), 2.0), r"image 0: .*floating-point values from 2 to 2, and they must lie in \[0, 1\]"),
    ):
        with pytest.raises(ValueError, match=message):
            predictor(source)
