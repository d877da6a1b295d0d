"""Whether YOLOv1 can memorise a few images: trained on them as ``yolo3 train`` does, then evaluated on them.

    python benchmarks/yolov1.py DATA [--images 16] [--width 0.25] [--epochs 150]

A cell of YOLOv1 predicts one object, so the images are chosen such that every object has a cell of its own.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from yolo3 import Predictor
from yolo3.boxes import Letterbox, xyxy_to_cxcywh
from yolo3.checkpoint import ModelCard
from yolo3.data import Sample, YoloDataset, open_dataset
from yolo3.losses import YoloV1Loss
from yolo3.metrics import coco_metrics
from yolo3.models.yolov1 import CELL
from yolo3.presets import yolov1
from yolo3.suppression import EVALUATION_IOU, EVALUATION_SCORE
from yolo3.system.hardware import TrainingHardware
from yolo3.training import DetectionData, DetectionTask, fit, modern


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--epochs", type=int, default=150)
    options = parser.parse_args()

    torch.manual_seed(0)
    everything = open_dataset(options.data)
    detector = yolov1(len(everything.names), width=options.width)
    samples = [sample for sample in everything if is_suited(sample, detector.image_size)][: options.images]
    print(f"{len(samples)} images of {sum(len(sample.boxes) for sample in samples)} objects")
    images = YoloDataset(samples, encoder=None, image_size=detector.image_size)
    data = DetectionData(images, samples, batch_size=8, num_workers=0)
    loss = YoloV1Loss(detector.num_classes, num_boxes=detector.num_boxes)
    task = DetectionTask(detector, loss, modern(1e-3), names=everything.names)
    card = ModelCard(everything.names, detector.image_size)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        fit(
            task,
            data,
            card,
            Path(folder),
            epochs=options.epochs,
            hardware=TrainingHardware("cpu"),
            validate_every=10**6,
        )
        predictor = Predictor.from_checkpoint(folder, min_score=EVALUATION_SCORE, iou_threshold=EVALUATION_IOU)
        found = predictor([sample.image for sample in samples])
    print(f"{time.perf_counter() - start:.0f} s\n\n{coco_metrics(samples, found, everything.names)}")


def is_suited(sample: Sample, image_size: tuple[int, int]) -> bool:
    """Whether there are objects, each with a cell of its own."""
    boxes = Letterbox.fit(sample.size, image_size).apply(torch.from_numpy(sample.boxes))
    cells = (xyxy_to_cxcywh(boxes)[:, :2] / CELL).long().tolist()
    return 0 < len(cells) == len(set(map(tuple, cells)))


if __name__ == "__main__":
    main()
