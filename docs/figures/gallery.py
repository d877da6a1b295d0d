"""The gallery: images as the commands write them, and one panel of a figure of each chapter."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from figures import anchors, encoding, evaluation, loss, network, scene, suppression, versions
from figures.svg import Panel, heat
from yolo3 import Detections, GroundTruth, Predictor, YoloLoss, YOLOv3, open_dataset
from yolo3.cli import main
from yolo3.data import Key, Mosaic, SampleSet, ShapesDataset
from yolo3.data.shapes import SHAPES, write_shapes
from yolo3.draw import draw_boxes, draw_curves, side_by_side
from yolo3.evaluation import measure_all, write_report
from yolo3.explain import explain_prediction
from yolo3.metrics import Comparison

_EPOCHS = 12


def detections() -> Image.Image:
    """The image of the course with what the network of the course finds in it."""
    found = _predictor()(scene.pixels())[0]
    edge = 2 * scene.EDGE
    large = Image.fromarray(scene.pixels()).resize((edge, edge), Image.Resampling.LANCZOS)
    return replace(found, boxes=found.boxes * 2).draw(large)


def sheet() -> Image.Image:
    """What `yolo3 show` writes for a data set of drawn shapes."""
    with tempfile.TemporaryDirectory() as folder:
        write_shapes(Path(folder, "shapes"), num_train=4, num_test=0, image_size=(192, 192), seed=2)
        words = ["show", f"{folder}/shapes", "--output", f"{folder}/show.png", "--image-size", "192", "--count", "4"]
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(words) == 0
        return _loaded(Path(folder, "show.png"))


def mosaic() -> Image.Image:
    """Two mosaics of drawn shapes, with their boxes."""
    images = Mosaic(ShapesDataset(12, (256, 256), seed=3))
    drawn = []
    for number in (0, 5):
        one = images.load(Key(number, (256, 256), seed=1))
        drawn.append(draw_boxes(one.image, one.boxes.tolist(), [""] * len(one.labels), one.labels.tolist()))
    return side_by_side(drawn, gap=8)


def worst() -> Image.Image:
    """`worst.png` of an evaluation."""
    return _evaluation()["worst"]


def confusion() -> Image.Image:
    """`confusion.png` of an evaluation."""
    return _evaluation()["confusion"]


def precision_recall() -> Image.Image:
    """`precision_recall.png` of an evaluation."""
    return _evaluation()["precision_recall"]


def scores() -> Image.Image:
    """`scores.png` of an evaluation."""
    return _evaluation()["scores"]


def losses() -> Image.Image:
    """`losses.png` of a training: a small network on sixteen drawn images, measured on eight others."""
    train, test = _batch(range(16)), _batch(range(16, 24))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = YOLOv3(num_classes=len(SHAPES), width=0.0625)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=2 * _EPOCHS)
    history: dict[str, list[float]] = {}
    rates = []
    for _ in range(_EPOCHS):
        rates.append(float(schedule.get_last_lr()[0]))
        for half in (slice(0, 8), slice(8, 16)):
            optimizer.zero_grad()
            YoloLoss()(model(train[0][half]), _truth(train[1][half])).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():  # BatchNorm by the batch: a mean over so few steps would lag behind
            for phase, (images, boxes) in (("train", train), ("val", test)):
                for name, value in YoloLoss().terms(model(images), _truth(boxes)).items():
                    history.setdefault(f"{phase}/{name}", []).append(value.item())
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder, "losses.png")
        draw_curves(chart, range(1, _EPOCHS + 1), history, learning_rate=rates)
        return _loaded(chart)


def cams() -> list[Panel]:
    """LayerCAM of the circle at each scale."""
    explained = explain_prediction(_predictor(), scene.pixels(), why="circle")
    panels = []
    for scale in explained.scales:
        view = scene.panel(f"LayerCAM of the circle at stride {scale.stride}", title=f"stride {scale.stride}", edge=200)
        shown = heat(scale.cam.numpy(), float(scale.cam.max()))
        view.panel.image(shown, view.at((0, 0, scene.EDGE, scene.EDGE)), sharp=True)
        view.objects(1.5, (1,))
        panels.append(view.panel)
    return panels


def kmeans() -> list[Panel]:
    """The last step of k-means."""
    return anchors.kmeans()[-1:]


def slots() -> list[Panel]:
    """A cell that two objects share."""
    return encoding.slots()[:1]


def policies() -> list[Panel]:
    """The policy that gives an object most slots."""
    return encoding.policies()[-1:]


def fields() -> list[Panel]:
    """The pixels that the coarse map depends on."""
    return network.fields()[-1:]


def features() -> list[Panel]:
    """Channels of the finest map."""
    return network.features()[:1]


def gradients() -> list[Panel]:
    """The derivative of the loss in the objectness of the middle scale."""
    return loss.objectness()[1:2]


def before_nms() -> list[Panel]:
    """Candidates before NMS."""
    return suppression.network()[:1]


def average_precision() -> list[Panel]:
    """The area under precision and recall."""
    return evaluation.curve()[:1]


def second_version() -> list[Panel]:
    """The slot that YOLOv2 makes responsible."""
    return versions.responsible()[1:2]


def _predictor() -> Predictor:
    return Predictor(scene.network(), SHAPES, image_size=scene.EDGE, min_score=0.5)


@cache
def _evaluation() -> dict[str, Image.Image]:
    """What `yolo3 evaluate` draws, by file name, for an imaginary detector and 24 drawn images."""
    logging.getLogger("faster_coco_eval").setLevel(logging.WARNING)  # Sphinx would show each of its steps
    with tempfile.TemporaryDirectory() as folder:
        write_shapes(Path(folder, "shapes"), num_train=0, num_test=24, image_size=(192, 192), seed=5)
        samples = open_dataset(Path(folder, "shapes"), "test")
        report = measure_all(Comparison.of(samples, _imagined(samples), samples.names))
        write_report(Path(folder), report, {})
        return {path.stem: _loaded(path) for path in Path(folder).glob("*.png")}


def _imagined(samples: SampleSet) -> Sequence[Detections]:
    """Detections that are the objects, moved a little: one in six is missed, one in ten has another class."""
    rng = np.random.default_rng(0)
    found = []
    for sample in samples:
        seen = rng.random(len(sample.boxes)) > 1 / 6
        boxes = sample.boxes[seen]
        size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        noise = rng.uniform(0.02, 0.2, len(boxes))
        labels = np.where(rng.random(len(boxes)) < 0.1, rng.integers(0, 3, len(boxes)), sample.labels[seen])
        corner = rng.uniform(0, 120, (2, 2))
        invented = np.concatenate([corner, corner + rng.uniform(20, 60, (2, 2))], axis=1)
        moved = boxes + size * noise[:, None] * rng.normal(0, 0.4, boxes.shape)
        found.append(
            Detections(
                boxes=torch.from_numpy(np.concatenate([moved, invented])).float(),
                scores=torch.from_numpy(np.concatenate([1 - 3 * noise, rng.uniform(0.05, 0.5, 2)])).float(),
                labels=torch.from_numpy(np.concatenate([labels, rng.integers(0, 3, 2)])),
            )
        )
    return found


def _batch(numbers: range) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
    """(N, 3, 64, 64) drawn images, and the boxes and labels of each."""
    drawn = ShapesDataset(numbers.stop, (64, 64), seed=4)[numbers.start :]
    images = torch.stack([torch.from_numpy(each.image).permute(2, 0, 1) / 255 for each in drawn])
    return images, [(torch.from_numpy(each.boxes), torch.from_numpy(each.labels)) for each in drawn]


def _truth(objects: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> GroundTruth:
    return GroundTruth.collate(objects)


def _loaded(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")
