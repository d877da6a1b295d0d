"""Images of any number of channels, from the data set to the detections: two ways to the same number agree."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo3 import Darknet, Predictor, YOLOv3
from yolo3.boxes import InputFormat
from yolo3.checkpoint import ModelCard
from yolo3.data import ImageCache, ImageReader, Key, Mixup, Mosaic, Sample, SampleSet, YoloDataset, collate
from yolo3.data.dataset import Augmented
from yolo3.data.shapes import ShapesDataset, write_shapes
from yolo3.data.transforms import ByDepth, augment, left_out, light, overhead, standard, strong
from yolo3.draw import draw_boxes
from yolo3.export import export_onnx
from yolo3.images import luma
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.sources import find_frames
from yolo3.tiles import Tiled
from yolo3.training import FittedImages


@pytest.fixture
def detector_of(small_cfg: Callable[..., str]) -> Callable[[int], Darknet]:
    """Makes a detector for images of some channels."""

    def make(channels: int) -> Darknet:
        torch.manual_seed(channels)
        network = Darknet(small_cfg(channels)).eval()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, 0, 0.3)
        return network

    return make


@pytest.fixture
def predictor_of(detector_of: Callable[[int], Darknet]) -> Callable[..., Predictor]:
    """Makes the predictor of such a detector."""

    def make(channels: int, **settings: object) -> Predictor:
        return Predictor(detector_of(channels), min_score=0.3, device="cpu", precision="fp32", **settings)

    return make


def _samples(folder: Path, channels: int, number: int = 4, deep: tuple[int, ...] = ()) -> SampleSet:
    """Drawn shapes in arrays; some of them with 16 bits."""
    folder.mkdir(exist_ok=True)
    samples = []
    for index, drawn in enumerate(ShapesDataset(number, (48, 80), channels=channels)):
        path = folder / f"{index}.npy"
        deeper = drawn.image.astype(np.uint16) * 257
        deeper += np.uint16(3) * (drawn.image < 200)
        np.save(path, deeper if index in deep else drawn.image)
        none = np.zeros(len(drawn.boxes), bool)
        samples.append(Sample(path, drawn.boxes, drawn.labels, none, none, np.ones(len(none), np.float32), (48, 80)))
    return SampleSet.from_samples(("a", "b", "c"), samples)


@pytest.mark.parametrize("letterbox", ["default", "darknet", "stretch"])
@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_training_and_detection_read_the_same(
    predictor_of: Callable[..., Predictor], tmp_path: Path, channels: int, letterbox: str
) -> None:
    samples = _samples(tmp_path / "a", channels, deep=(1, 3))
    data = YoloDataset(samples, encoder=None, image_size=64, letterbox=letterbox, channels=channels)
    fitted = FittedImages(samples, InputFormat((64, 64), letterbox, channels))
    predictor = predictor_of(channels, image_size=64, letterbox=letterbox)
    for index in range(4):
        seen = fitted[index].image
        assert seen.shape == (channels, 64, 64)
        assert torch.equal(seen, predictor.prepare(samples[index].image).image)
        trained = data[index].image
        assert trained.dtype == (torch.float32 if index in (1, 3) else torch.uint8)
        as_float = trained if trained.is_floating_point() else trained / 255
        torch.testing.assert_close(as_float, seen, atol=0.51 / 255 if letterbox != "default" else 1e-6, rtol=0)
    images, _ = collate([data[index] for index in range(4)])
    assert images.shape == (4, channels, 64, 64)
    assert images.dtype == torch.float32


@pytest.mark.parametrize("channels", [1, 4, 5])
def test_a_cache_gives_what_reading_gives(tmp_path: Path, channels: int) -> None:
    samples = _samples(tmp_path / "a", channels, deep=(1, 2))
    input_format = InputFormat((64, 64), channels=channels)
    reader = ImageReader(samples, input_format)
    caches = [ImageCache.of(samples, input_format)]
    caches += [ImageCache.of(samples, input_format, folder=tmp_path / "kept") for _ in range(2)]
    assert len(list((tmp_path / "kept").iterdir())) == 1
    for cache in caches:
        for index in range(4):
            expected = reader.load(Key(index, (64, 64)))
            np.testing.assert_array_equal(cache[index].image, expected.image)
            assert cache[index].image.dtype == expected.image.dtype
            again = ImageReader(cache, input_format).load(Key(index, (64, 64)))
            np.testing.assert_array_equal(again.image, expected.image)


@pytest.mark.parametrize("channels", [1, 4])
def test_mosaic_and_mixup_of_both_depths(tmp_path: Path, channels: int) -> None:
    shallow, mixed = (_samples(tmp_path / str(len(deep)), channels, 8, deep) for deep in ((), tuple(range(8))))
    for build in (Mosaic, lambda source: Mixup(source, 1.0)):
        for index in range(4):
            key = Key(index, (64, 96))
            plain = build(ImageReader(shallow, InputFormat(channels=channels))).load(key)
            deep = build(ImageReader(mixed, InputFormat(channels=channels))).load(key)
            assert plain.image.shape == (64, 96, channels)
            assert (plain.image.dtype, deep.image.dtype) == (np.uint8, np.float32)
            np.testing.assert_array_equal(plain.boxes, deep.boxes)
            assert np.abs(plain.image / 255 - deep.image).max() < 2.1 / 255


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("build", [light, standard, strong, overhead])
def test_every_augmentation_takes_every_image(build, channels: int, deep: bool) -> None:
    drawn = ShapesDataset(6, (64, 64), channels=channels)
    images = [replace(each, image=each.image / np.float32(255)) if deep else each for each in drawn]
    source = Augmented(ImageReader(images, InputFormat(channels=channels)), ByDepth.of(build, channels))
    for index in range(6):
        for epoch in range(3):
            found = source.load(Key(index, (64, 64), epoch)).image
            assert found.shape == (64, 64, channels)
            assert found.dtype == (np.float32 if deep else np.uint8)
            assert found.max() <= (1 if deep else 255)


def test_new_borders_are_grey_in_both_depths() -> None:
    black = replace(ShapesDataset(1, (64, 64), channels=4)[0], image=np.zeros((64, 64, 4), np.uint8))
    deep = replace(black, image=black.image.astype(np.float32))
    for image, grey in ((black, 128), (deep, np.float32(0.5))):
        source = Augmented(ImageReader([image], InputFormat(channels=4)), ByDepth.of(standard, 4))
        brightest = max(source.load(Key(0, (64, 64), epoch)).image.max() for epoch in range(8))
        assert 0.6 * grey < brightest <= 1.31 * grey  # times the brightness that is drawn last


def test_steps_that_need_colour_are_told() -> None:
    assert left_out("standard", 4) == left_out("overhead", 1) == "changes of saturation and hue"
    assert left_out("strong", 1).endswith("grey, and JPEG artefacts")
    assert left_out("strong", 3) == left_out("light", 1) == left_out("none", 4) == ""


def test_augmentation_changes_all_channels_alike() -> None:
    even = replace(ShapesDataset(1, (64, 64), channels=4)[0], image=np.full((64, 64, 4), 100, np.uint8))
    for name in ("light", "standard"):
        found = augment([even], name, mosaic=0, input_format=InputFormat(channels=4)).load(Key(0, (64, 64))).image
        assert (found == found[..., :1]).all()


def test_a_grey_network_sees_the_luma_of_colour(predictor_of: Callable[..., Predictor], tmp_path: Path) -> None:
    rgb = ShapesDataset(1, (60, 90))[0].image
    Image.fromarray(rgb).save(tmp_path / "colour.png")
    Image.fromarray(luma(rgb)[..., 0]).save(tmp_path / "grey.png")
    tensor = torch.from_numpy(rgb.copy()).permute(2, 0, 1) / 255
    predictor = predictor_of(1)
    ways = [tmp_path / "colour.png", tmp_path / "grey.png", rgb, luma(rgb), luma(rgb)[..., 0], Image.fromarray(rgb)]
    ways += [Image.fromarray(luma(rgb)[..., 0]), *find_frames(tmp_path / "colour.png")]
    expected = predictor.prepare(ways[0]).image
    found = predictor(ways)
    assert len(found[0])
    for way, detections in zip(ways, found, strict=True):
        assert torch.equal(predictor.prepare(way).image, expected)
        assert torch.equal(detections.boxes, found[0].boxes)
    assert (predictor.prepare(tensor).image - expected).abs().max() < 1.1 / 255


def test_a_colour_network_sees_grey_three_times(predictor_of: Callable[..., Predictor], tmp_path: Path) -> None:
    grey = ShapesDataset(1, (60, 90), channels=1)[0].image
    predictor = predictor_of(3)
    expected = predictor.prepare(np.repeat(grey, 3, axis=2)).image
    for way in (
        grey,
        grey[..., 0],
        Image.fromarray(grey[..., 0]),
        torch.from_numpy(grey.copy()).permute(2, 0, 1) / 255,
    ):
        assert torch.equal(predictor.prepare(way).image, expected)


def test_arrays_of_every_depth_are_taken(predictor_of: Callable[..., Predictor]) -> None:
    image = ShapesDataset(1, (64, 64), channels=4)[0].image
    predictor = predictor_of(4)
    expected = predictor.prepare(image).image
    deep = image.astype(np.uint16) * 257
    for way in (deep, image / 255, (image / 255).astype(np.float32)):
        torch.testing.assert_close(predictor.prepare(way).image, expected, atol=1e-6, rtol=0)
    for wrong, said in (
        (image * 1.0, r"from 0 to 255|from \d+ to 2\d\d"),
        (image / np.nan, "no number"),
        (image[..., :3], "3 channels"),
    ):
        with (
            pytest.raises(ValueError, match=f"the image: .*{said}")
            if said != "3 channels"
            else pytest.raises(ValueError, match="the image has 3 channels, and the network takes 4")
        ):
            predictor.prepare(wrong)


def test_a_file_of_other_channels_is_named(predictor_of: Callable[..., Predictor], tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "rgb.png")
    with pytest.raises(ValueError, match=r"rgb\.png: the image has 3 channels, and the network takes 4"):
        predictor_of(4)(tmp_path)
    with pytest.raises(ValueError, match=r"rgb\.png: the image has 3 channels, and the network takes 4"):
        predictor_of(4)(find_frames(tmp_path))  # frames that were read for eyes


@pytest.mark.parametrize("channels", [1, 4])
def test_an_exported_file_detects_the_same(
    detector_of: Callable[[int], Darknet], tmp_path: Path, channels: int
) -> None:
    images = [each.image for each in ShapesDataset(3, (60, 90), channels=channels)]
    np.save(tmp_path / "a.npy", images[0])
    detector = detector_of(channels)
    card = ModelCard(("a", "b", "c"), (64, 64))
    receipt = export_onnx(detector, tmp_path / "a.onnx", card, "decoded", images=[tmp_path / "a.npy"])
    assert any(f"x {channels} x" in each for each in receipt.inputs)
    assert receipt.largest_difference < 1e-4
    exported = Predictor.from_exported(tmp_path / "a.onnx", min_score=0.3)
    own = Predictor.from_card(detector, card, min_score=0.3, device="cpu", precision="fp32")
    assert exported.in_channels == channels
    for one, other in zip(exported(images), own(images), strict=True):
        assert len(one)
        torch.testing.assert_close(one.boxes, other.boxes, atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(one.scores, other.scores, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 4])
def test_tiles_and_augmentation_at_test_time(
    predictor_of: Callable[..., Predictor], detector_of: Callable[[int], Darknet], channels: int
) -> None:
    image = ShapesDataset(1, (100, 140), channels=channels)[0].image
    deep = image / np.float32(255)
    predictor = predictor_of(channels)
    tiled = Tiled(predictor, 64)
    (found,), (same,) = tiled(image), tiled(deep)
    windows = tiled.windows((100, 140)).tolist()
    alone = predictor([image[top:bottom, left:right] for left, top, right, bottom in windows])
    assert 0 < found.scores.max() <= max(each.scores.max() for each in alone if len(each))
    assert found.scores[0] == pytest.approx(same.scores[0].item(), abs=0.02)  # windows of bytes are resized in bytes
    (looked,) = Predictor(TestTimeAugmentation(detector_of(channels)), min_score=0.3, device="cpu")(image)
    assert looked.scores.max() >= predictor(image)[0].scores.max() - 1e-4


def test_drawing_shows_grey_as_grey_and_the_first_three_of_four() -> None:
    four = ShapesDataset(1, (64, 64), channels=4)[0].image
    for image in (four, four / np.float32(255)):
        np.testing.assert_array_equal(np.asarray(draw_boxes(image, [], [], [])), four[..., :3])
    for image in (four[..., :1], four[..., 0]):
        np.testing.assert_array_equal(np.asarray(draw_boxes(image, [], [], [])), np.repeat(four[..., :1], 3, axis=2))


def test_drawn_shapes_have_any_channels(tmp_path: Path) -> None:
    for channels, suffix in ((1, ".png"), (3, ".jpg"), (4, ".png"), (5, ".npy")):
        write_shapes(tmp_path / str(channels), 1, 1, (32, 32), channels=channels)
        files = sorted((tmp_path / str(channels) / "JPEGImages").iterdir())
        assert {file.suffix for file in files} == {suffix}
        assert f"<depth>{channels}<" in next((tmp_path / str(channels) / "Annotations").iterdir()).read_text()
    with pytest.raises(ValueError, match="channels is 0; an image has at least one"):
        ShapesDataset(1, channels=0)


def test_yolov3_of_one_channel_is_a_predictor() -> None:
    predictor = Predictor(YOLOv3(2, width=0.1, in_channels=1), image_size=64, device="cpu")
    assert predictor.in_channels == 1
    assert predictor.prepare(np.zeros((64, 64), np.uint8)).image.shape == (1, 64, 64)
