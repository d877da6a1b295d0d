"""Features together: what is computed in two ways comes out the same."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo3 import Anchors, Darknet, Detections, Predictor, YOLOv3
from yolo3.boxes import InputFormat
from yolo3.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from yolo3.cli import main
from yolo3.cli.model import open_model
from yolo3.cli.training_network import build_detector
from yolo3.darknet import save_darknet_weights
from yolo3.data import ImageCache, ImageReader, Key, open_dataset
from yolo3.data.shapes import ShapesDataset, write_shapes
from yolo3.export import export_onnx
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.runtime import ExportedDetector
from yolo3.tiles import Tiled

NAMES = ("circle", "square", "triangle")
ANCHORS = Anchors((((90, 80), (99, 120), (150, 150)), ((40, 40), (50, 45), (60, 60)), ((8, 8), (12, 15), (20, 20))))
TRAINING = ["--model", "yolov3_compact", "--width", "0.125", "--image-size", "64", "--batch-size", "2"]
TRAINING += ["--num-workers", "0", "--precision", "fp32", "--device", "cpu"]


@pytest.fixture
def network(one_stage_cfg: Callable[..., str]) -> Darknet:
    """A network whose scores differ widely from cell to cell, though it has learnt nothing."""
    network = Darknet(one_stage_cfg((96, 128), 16))
    head = network.layers[1]
    with torch.no_grad():
        head.shift.zero_()  # without the prior, by which nothing is likely
        head.shift[2::8] = -1  # widths and heights: below those of the anchors
        head.shift[3::8] = -1
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.mul_(4)
    return network.eval()


def _largest_difference(found: list[Detections], expected: list[Detections]) -> float:
    """Of boxes in pixels and of scores; the same objects have to be there in the same order."""
    assert sum(map(len, expected)) > 5
    differences = [0.0]
    for one, other in zip(found, expected, strict=True):
        assert one.labels.tolist() == other.labels.tolist()
        for ours, theirs in ((one.boxes, other.boxes), (one.scores, other.scores)):
            differences += (ours - theirs).abs().flatten().tolist()
    return max(differences)


def test_runtimes_tiles_views_classes_and_batches(network: Darknet, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    card = ModelCard(NAMES, network.image_size, "darknet")
    export_onnx(network, tmp_path / "detections.onnx", card, "detections")
    export_onnx(network, tmp_path / "decoded.onnx", card, "decoded", dynamic_size=False)
    save_checkpoint(tmp_path / "run", network, card)
    images = [image.image for image in ShapesDataset(3, (150, 230))]
    settings = {"precision": "fp32", "min_score": 0.5, "max_detections": 9999}

    def detect(detector, look: str, **more) -> list[Detections]:
        detector = TestTimeAugmentation(detector) if "augment" in look else detector
        predictor = Predictor(detector, NAMES, card.image_size, letterbox="darknet", **settings, **more)
        return (Tiled(predictor, (100, 120)) if "tile" in look else predictor)(images)

    from_disk = Predictor.from_checkpoint(tmp_path / "run", **settings)(images)
    assert _largest_difference(from_disk, detect(network, "")) == 0
    for look in ("", "tile", "augment", "augment tile"):
        expected = detect(network, look)
        detections = ExportedDetector(tmp_path / "detections.onnx")
        assert _largest_difference(detect(detections, look, batch_size=2), expected) < 1e-3
        assert _largest_difference(detect(network, look, batch_size=1), expected) < 1e-3
        if "augment" not in look:  # which asks for other sizes
            assert _largest_difference(detect(ExportedDetector(tmp_path / "decoded.onnx"), look), expected) < 1e-3
        wanted = [found[found.labels != 1] for found in expected]
        assert _largest_difference(detect(network, look, classes=["triangle", 0]), wanted) < 1e-3


def test_every_way_of_storing_an_image(network: Darknet, tmp_path: Path) -> None:
    """Detecting in the file, through one tile and behind HTTP; training with and without a cache."""
    testclient = pytest.importorskip("fastapi.testclient")
    from yolo3.serve import create_app

    shapes = Image.fromarray(ShapesDataset(1, (90, 140))[0].image)
    deep = Image.fromarray(np.asarray(shapes.convert("L")).astype(np.uint16) * 257)
    stored = {f"{mode}.png": shapes.convert(mode) for mode in ("RGB", "L", "LA", "P", "RGBA", "1")}
    stored |= {"deep.png": deep, "deep.tif": deep, "cmyk.jpg": shapes.convert("CMYK"), "plain.bmp": shapes}
    stored |= {f"turned{orientation}.{kind}": shapes for orientation in range(2, 9) for kind in ("jpg", "webp", "tif")}
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name, image in stored.items():
        exif = Image.Exif()
        exif[0x0112] = int(name[6]) if name.startswith("turned") else 1
        image.save(tmp_path / "images" / name, **({"exif": exif} if name[-3:] != "bmp" else {}))
        (tmp_path / "labels" / f"{name[:-4]}.txt").write_text("0 0.5 0.25 0.3 0.2\n")
    _keep_one_a_stem(tmp_path)
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [shape]\n")
    samples = open_dataset(tmp_path / "data.yaml", "train")
    files = [sample.image for sample in samples]
    predictor = Predictor(network, NAMES, precision="fp32", min_score=0.3)
    expected = predictor(files)

    assert _largest_difference(Tiled(predictor, 640)(files), expected) == 0
    with testclient.TestClient(create_app(predictor)) as client:
        for file, found in zip(files, expected, strict=True):
            answer = client.post("/detect", content=file.read_bytes(), headers={"content-type": "image/png"}).json()
            boxes = torch.tensor([each["box"] for each in answer["detections"]]).reshape(-1, 4)
            torch.testing.assert_close(boxes, found.boxes, atol=0.0051, rtol=0)
    reader, size = ImageReader(samples), network.image_size
    caches = [ImageCache.of(samples, InputFormat(size), folder) for folder in (None, tmp_path / "cache")]
    for index, sample in enumerate(samples):
        loaded = reader.load(Key(index, size))
        prepared = predictor.prepare(sample.image)
        (height, width), (top, left) = prepared.letterbox.content_size, prepared.letterbox.offset
        content = prepared.image[:, top : top + height, left : left + width].permute(1, 2, 0)
        if loaded.image.dtype == np.uint8:
            content = (content * 255).round().byte()
        assert np.array_equal(content.numpy(), loaded.image), sample.image
        for cache in caches:
            assert np.array_equal(cache[index].image, loaded.image), sample.image
            np.testing.assert_allclose(cache[index].boxes, loaded.boxes)


def _keep_one_a_stem(folder: Path) -> None:
    """Give files that share a stem, and so a file of labels, names of their own."""
    for number, file in enumerate(sorted((folder / "images").iterdir())):
        labels = folder / "labels" / f"{file.stem}.txt"
        (folder / "labels" / f"{number}-{file.stem}.txt").write_text(labels.read_text())
        file.rename(file.with_name(f"{number}-{file.name}"))
    for labels in (folder / "labels").glob("[!0-9]*"):
        labels.unlink()


def test_a_large_jpeg_in_one_tile_is_seen_as_without_tiles(network: Darknet, tmp_path: Path) -> None:
    """Above 4 megapixels a JPEG is decoded at a reduced size, which the detector must see in both cases."""
    shapes = Image.fromarray(ShapesDataset(1, (500, 650))[0].image)
    exif = Image.Exif()
    exif[0x0112] = 6
    shapes.resize((2600, 2000), Image.Resampling.NEAREST).save(tmp_path / "large.jpg", exif=exif)
    predictor = Predictor(network, NAMES, precision="fp32", min_score=0.3)
    expected = predictor(tmp_path / "large.jpg")
    assert _largest_difference(Tiled(predictor, 4000)(tmp_path / "large.jpg"), expected) == 0


def test_a_video_is_seen_as_its_frames(network: Darknet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    monkeypatch.chdir(tmp_path)
    save_checkpoint(Path("run"), network, ModelCard(NAMES, network.image_size))
    Path("frames").mkdir()
    with av.open("film.mkv", "w") as container:
        stream = container.add_stream("ffv1", rate=10)  # lossless
        stream.width, stream.height, stream.pix_fmt = 230, 150, "bgr0"
        for number, image in enumerate(ShapesDataset(4, (150, 230))):
            Image.fromarray(image.image).save(f"frames/{number}.png")
            frame = av.VideoFrame.from_ndarray(image.image, format="rgb24").reformat(format="bgr0")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    def detect(source: str, output: str, *words: str) -> list[list[dict]]:
        options = ["--formats", "json", "--precision", "fp32", "--min-score", "0.3", "--output", output]
        assert main(["detect", "run", source, *options, *words]) == 0
        return [image["detections"] for image in json.loads(Path(output, "detections.json").read_text())]

    looks = [[], ["--tile", "100", "--classes", "square"], ["--augment", "true", "--class-scores", "circle=0.4"]]
    for number, words in enumerate(looks):
        frames = detect("frames", f"frames{number}", *words)
        assert sum(map(len, frames)) > 10
        assert detect("film.mkv", f"film{number}", *words, "--batch-size", "3") == frames
        assert detect("film.mkv", f"third{number}", *words, "--every", "3") == frames[::3]


@pytest.mark.parametrize("letterbox", ["default", "darknet", "stretch"])
def test_labels_that_are_written_are_read_as_they_were_found(network: Darknet, tmp_path: Path, letterbox) -> None:
    save_checkpoint(tmp_path / "run", network, ModelCard(NAMES, network.image_size, letterbox))
    (tmp_path / "images").mkdir()
    for orientation, image in enumerate(ShapesDataset(8, (110, 150)), start=1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(image.image).save(tmp_path / "images" / f"{orientation}.jpg", exif=exif)
    options = ["--formats", "yolo", "--label-scores", "false", "--precision", "fp32", "--min-score", "0.3"]
    assert (
        main(["detect", str(tmp_path / "run"), str(tmp_path / "images"), *options, "--output", str(tmp_path / "o")])
        == 0
    )
    (tmp_path / "o" / "labels").rename(tmp_path / "labels")
    (tmp_path / "data.yaml").write_text(f"train: images\nval: images\nnames: {list(NAMES)}\n")
    samples = open_dataset(tmp_path / "data.yaml", "train")
    predictor = Predictor.from_checkpoint(tmp_path / "run", precision="fp32", min_score=0.3)
    assert len(samples.boxes) > 20
    for sample, found in zip(samples, predictor([sample.image for sample in samples]), strict=True):
        assert sample.labels.tolist() == found.labels.tolist()
        np.testing.assert_allclose(sample.boxes, found.boxes.numpy(), atol=150e-6)  # six digits of 150 pixels


@pytest.mark.parametrize(
    ("letterbox", "kept"), [("stretch", "stretch"), ("darknet", "darknet"), ("default", "darknet")]
)
def test_a_checkpoint_comes_back_from_darknets_files(
    network: Darknet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letterbox, kept
) -> None:
    """A cfg has no word for the default letterbox; its own, of the same place and size, is the nearest."""
    monkeypatch.chdir(tmp_path)
    save_checkpoint(Path("run"), network, ModelCard(NAMES, (64, 160), letterbox))
    assert main(["convert", "run", "there"]) == 0
    files = [f"there/there.{suffix}" for suffix in ("cfg", "weights", "names")]
    assert main(["convert", files[0], "back", "--weights", files[1], "--names", files[2]]) == 0
    first, back = load_checkpoint("run")[1], load_checkpoint("back")[1]
    assert (back.names, back.image_size, back.letterbox) == (first.names, first.image_size, kept)
    assert open_model(*map(Path, files))[1].letterbox == kept
    images = [image.image for image in ShapesDataset(3, (150, 230))]
    settings = {"precision": "fp32", "min_score": 0.3}
    expected = Predictor.from_checkpoint("run", letterbox=kept, **settings)(images)
    assert _largest_difference(Predictor.from_checkpoint("back", **settings)(images), expected) == 0


def test_the_letterbox_of_a_cfg(one_stage_cfg: Callable[..., str], tmp_path: Path, monkeypatch) -> None:
    """AlexeyAB's `letter_box=0` stretches; a word on the command line comes first."""
    monkeypatch.chdir(tmp_path)
    text = one_stage_cfg((32, 32), 16)
    for said, expected in (("", "darknet"), ("letter_box=1\n", "darknet"), ("letter_box=0\n", "stretch")):
        Path("a.cfg").write_text(text.replace("[net]\n", f"[net]\n{said}"))
        assert open_model(Path("a.cfg"))[1].letterbox == expected
    save_darknet_weights(Darknet("a.cfg"), "a.weights")
    for number, (words, expected) in enumerate((([], "stretch"), (["--letterbox", "default"], "default"))):
        assert main(["convert", "a.cfg", f"run{number}", "--weights", "a.weights", *words]) == 0
        assert load_checkpoint(f"run{number}")[1].letterbox == expected


def test_heads_of_a_checkpoint_bring_their_anchors_along(
    one_stage_cfg: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = torch.rand(1, 3, 64, 64)
    anchors = replace(ANCHORS, xy_scales=(1.2, 1.1, 1.05))
    trained = YOLOv3(3, width=0.125, anchors=anchors).eval()
    save_checkpoint(tmp_path / "ours", trained, ModelCard(NAMES, (64, 64)))
    started = build_detector("yolov3_compact", 3, 0.125, tmp_path / "ours").eval()
    assert started.anchors == anchors
    assert torch.equal(started.decode(started(images)).boxes, trained.decode(trained(images)).boxes)
    assert f"anchors: those of {tmp_path / 'ours'}, which its heads were trained with" in capsys.readouterr().out
    own = YOLOv3(3).anchors
    assert build_detector("yolov3_compact", 2, 0.125, tmp_path / "ours").anchors == own  # its heads begin anew
    asked = build_detector("yolov3_compact", 3, 0.125, tmp_path / "ours", refit=lambda own, any_scales: ANCHORS)
    assert asked.anchors == ANCHORS

    text = one_stage_cfg((64, 64), 16)
    (tmp_path / "own.cfg").write_text(text)
    other = Darknet(text.replace("anchors=8,8", "scale_x_y=1.1\nanchors=5.1234567,9")).eval()
    save_checkpoint(tmp_path / "darknets", other, ModelCard(NAMES, (64, 64)))
    started = build_detector(str(tmp_path / "own.cfg"), 3, 1.0, tmp_path / "darknets").eval()
    assert started.anchors == other.anchors != Darknet(text).anchors
    assert torch.equal(started.decode(started(images)).boxes, other.decode(other(images)).boxes)


def test_a_training_from_a_checkpoint_goes_on_with_its_anchors(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes", 4, 2, (64, 64))
    anchors = replace(ANCHORS, xy_scales=(1.2, 1.1, 1.05))
    save_checkpoint(tmp_path / "start", YOLOv3(3, width=0.125, anchors=anchors), ModelCard(NAMES, (64, 64)))
    run = tmp_path / "run"
    words = ["--weights", str(tmp_path / "start"), "--output", str(run), "--epochs", "1", *TRAINING]
    assert main(["train", str(tmp_path / "shapes"), *words]) == 0
    assert load_checkpoint(run)[1].anchors == anchors
    assert main(["train", "--config", str(run / "config.yaml"), "--resume", "--epochs", "2"]) == 0
    assert load_checkpoint(run / "last")[1].anchors == anchors


@pytest.mark.parametrize(
    "options",
    [
        "--cache DIR --multi-scale true --mosaic 0.5 --mixup 0.3 --anchors auto --letterbox stretch --nominal-batch 4",
        "--cache memory --weights START --freeze-backbone 1 --recipe published --augmentation overhead --loss darknet",
    ],
)
def test_a_training_interrupted_with_many_options_ends_in_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    from yolo3.training import StopOnSignal

    write_shapes(tmp_path / "shapes", 6, 2, (64, 64))
    save_checkpoint(tmp_path / "start", YOLOv3(3, width=0.125, anchors=ANCHORS), ModelCard(NAMES, (64, 64)))
    words = options.replace("DIR", str(tmp_path / "cache")).replace("START", str(tmp_path / "start")).split()
    command = ["train", str(tmp_path / "shapes"), *TRAINING, "--epochs", "2", "--validate-every", "2", *words]
    assert main([*command, "--output", str(tmp_path / "straight")]) == 0
    begin = StopOnSignal.on_train_batch_start

    def press(self, trainer, *rest) -> None:
        if trainer.current_epoch == 1:
            signal.raise_signal(signal.SIGINT)
        begin(self, trainer, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(StopOnSignal, "on_train_batch_start", press)
        assert main([*command, "--output", str(tmp_path / "stopped")]) == 130
    assert main(["train", "--config", str(tmp_path / "stopped" / "config.yaml"), "--resume"]) == 0
    (one, card), (other, other_card) = (load_checkpoint(tmp_path / name / "last") for name in ("straight", "stopped"))
    assert card == other_card
    for ours, theirs in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
