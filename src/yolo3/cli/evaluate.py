"""``yolo3 evaluate``."""

import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo3.choices import OnError
from yolo3.cli.options import DarknetFiles, DataSet, NetworkInput, Objects, defaults, flat
from yolo3.system.hardware import InferenceHardware

if TYPE_CHECKING:
    from yolo3.data import SampleSet
    from yolo3.metrics import Annotated, CocoMetrics, DetectionSet
    from yolo3.predictor import Predictor
    from yolo3.sources import Unreadable
    from yolo3.system.folders import NewFolder

_OF_A_MODEL = (
    "weights",
    "names",
    "image_size",
    "letterbox",
    "precision",
    "min_score",
    "nms_iou",
    "max_detections",
    "batch_size",
    "device",
    "backend",
    "compile",
    "augment",
    "on_error",
    "max_megapixels",
)
"""Options that say nothing of a file of detections."""
_TIMED = 10
"""Images that the speed is measured on, one by one."""


def evaluate(
    model: Path | None = None,
    data: Path | None = None,
    *,
    dataset: DataSet,
    darknet: DarknetFiles,
    network_input: NetworkInput,
    hardware: InferenceHardware,
    detections: Path | None = None,
    split: str | None = None,
    output: Path | None = None,
    overwrite: bool = False,
    min_score: float = 0.001,
    nms_iou: float = 0.5,
    max_detections: int = 300,
    augment: bool = False,
    max_megapixels: float = 180,
    on_error: OnError = "stop",
) -> int | None:
    """Measure a detector, or a file of detections, by COCO's and Pascal VOC's mean average precision (mAP).

    "yolo3 evaluate MODEL DATA" measures a detector; without DATA, it measures on what training held out. "yolo3
    evaluate DATA --detections FILE" measures the detections of any detector; the images need not exist. Prints a table,
    and writes a folder with metrics.json, charts, the images with the most errors, detections.json in COCO's format,
    and config.yaml. Exit code 3: no image could be read.

    Args:
        model: Model: a name of yolo3 weights such as yolov3-tiny, a checkpoint folder, hf://user/name@revision on the
            Hugging Face Hub, an .onnx file of yolo3 export, or a Darknet .cfg with --weights and --names;
            with --detections, the data set.
        data: Data set: a folder, a COCO .json, a .csv, a .parquet, a data.yaml or an obj.data. Default: the one it was
            trained on.
        dataset: How the annotations are read.
        darknet: Files of a .cfg.
        network_input: Size of the network input, and how images are fitted to it.
        hardware: Device, precision and runtime.
        detections: File of detections to measure in place of a model's, a JSON list of image_id, category_id, bbox and
            score; or a folder of part files of yolo3 detect.
        split: Split to measure on. Default: the validation or test split, recognised by its name.
        output: Folder to write. Default: MODEL/evaluation, which is replaced; where MODEL is no folder,
            runs/evaluation, then runs/evaluation-2 and so on.
        overwrite: Replace the contents of the folder if it has some.
        min_score: Confidence threshold below which nothing is measured.
        nms_iou: NMS drops a box whose IoU with a better one is above this, before anything is measured. Detecting does
            so at 0.45 (--iou-threshold there). The IoUs that AP is measured at are COCO's and VOC's.
        max_detections: Largest number of detections per image; the best are kept.
        augment: Test-time augmentation: run every image at three sizes, each also mirrored, which takes six times as
            long.
        max_megapixels: Largest image that is read, in millions of pixels. Reading takes about 7 bytes per pixel.
        on_error: Treatment of an image that cannot be read: stop ends the run; skip names it in errors.jsonl and
            continues, and its objects count as missed.
    """
    arguments = flat(locals())
    from yolo3.bulk.measuring import read_parts
    from yolo3.cli.evaluation_data import check_extras, check_is_model, find, open_annotated, open_measured, trained_on
    from yolo3.cli.model import check_trained, open_predictor
    from yolo3.cli.output import check_new, new_folder
    from yolo3.cli.results import NOTHING_READ
    from yolo3.evaluation import measure_speed
    from yolo3.metrics import DetectionSet, read_results
    from yolo3.sources import Unreadable, find_frames

    numbered = False
    if output is None and detections is None and model is not None and model.is_dir():
        output = model / "evaluation"
        overwrite = True
    elif output is None:
        output = Path("runs/evaluation")
        numbered = not overwrite
    if not numbered:
        reads = {
            "model": model,
            "data": data,
            "images": dataset.images,
            "labels": dataset.labels,
            "detections": detections,
            "weights": darknet.weights,
            "names": darknet.names,
        }
        check_new(output, overwrite, reads.items())
    making = partial(new_folder, output, overwrite, numbered)
    check_extras()
    if detections is not None:
        alone = _data_alone(model, data or dataset.labels, arguments)
        source = replace(dataset, labels=None).source(alone)
        annotated = open_annotated(source, split, dataset.format, dataset.allow_outside)
        print(annotated.summary())
        if detections.is_dir():
            found, num_without = read_parts(detections, annotated)
        else:
            found, num_without = read_results(detections, annotated), 0
        print(f"{detections}: {len(found):,} detections")
        if num_without:
            print(f"{num_without:,} images are in no part or could not be read: their objects count as missed")
        _conclude(annotated, found, making, arguments, {"detections": str(detections)})
        return None

    if model is None:
        raise ValueError("nothing to measure; say yolo3 evaluate MODEL, or yolo3 evaluate DATA --detections FILE")
    check_is_model(model)
    check_trained(model, darknet.weights)
    measured = Objects(min_score=min_score, iou_threshold=nms_iou, max_detections=max_detections)
    predictor, card = open_predictor(model, darknet, network_input, measured, hardware, augment)
    is_own = data is None and dataset.labels is None and dataset.images is None
    place = None if is_own else dataset.source(data)
    samples, annotated = open_measured(
        model, place, split, dataset.format, card.names, predictor.in_channels, dataset.allow_outside
    )
    print(samples.summary())
    if not len(samples):
        raise ValueError(f"{samples.origin}: no image to measure on; choose another --split")
    if len(samples.names) != predictor.num_classes:
        raise ValueError(f"{model} knows {predictor.num_classes} classes, {samples.origin} has {len(samples.names)}")
    more: dict[str, Any] = {"trained_on": trained_on(model, card, samples)}
    if card.selection is not None:
        more["selection"] = asdict(card.selection)
        print(f"its weights are those of {card.selection}")
    if more["trained_on"]:
        print(f"it was trained on {more['trained_on']}")
    began = time.perf_counter()
    errors: list[Unreadable] = []
    each = find(predictor, samples, max_megapixels, on_error, errors)
    if errors and len(errors) == len(samples):
        print(f"yolo3 evaluate: error: no image could be read, {errors[0].error}", file=sys.stderr)
        return NOTHING_READ
    found = DetectionSet.of(each, annotated.numbers_of(samples))
    rate = len(samples) / (time.perf_counter() - began)
    bad = {error.path for error in errors}
    readable = [path for path in map(samples.path, range(len(samples))) if str(path) not in bad]
    some = readable[:: -(-len(readable) // _TIMED)]
    timed = find_frames(some, max_megapixels=max_megapixels, channels=predictor.in_channels)
    speed = measure_speed(predictor, list(timed))
    more["speed"] = speed.to_dict() | {"images_per_second": rate, "device": str(predictor.runtime.device)}
    _conclude(annotated, found, making, arguments, more, errors)
    print(f"{speed}; {rate:.1f} images per second in batches of {hardware.batch_size}")
    if errors:
        count = f"{len(errors):,} of {len(samples):,} images could not be read"
        warnings.warn(f"{count}: errors.jsonl names them, and their objects count as missed", stacklevel=2)
    return None


def measure(predictor: "Predictor", samples: "SampleSet", max_megapixels: float) -> "CocoMetrics":
    """What a predictor finds in samples, against their annotations."""
    from yolo3.cli.evaluation_data import find
    from yolo3.metrics import coco_metrics

    return coco_metrics(samples, find(predictor, samples, max_megapixels), samples.names)


def _data_alone(model: Path | None, data: Path | None, arguments: Mapping[str, object]) -> Path:
    """The data set of ``yolo3 evaluate DATA --detections FILE``: its first word, or ``--data``."""
    usual = defaults(evaluate)
    for name in _OF_A_MODEL:
        if arguments[name] != usual[name]:
            raise ValueError(f"--{name.replace('_', '-')} is a model's; with --detections there is none")
    if (data is None) == (model is None):
        raise ValueError("with --detections, give the data set and no model: yolo3 evaluate DATA --detections FILE")
    return data or model or Path()


def _conclude(
    annotated: "Annotated",
    found: "DetectionSet",
    making: "Callable[[], AbstractContextManager[NewFolder]]",
    arguments: Mapping[str, object],
    more: Mapping[str, Any],
    errors: "Sequence[Unreadable]" = (),
) -> None:
    """Measure detections, write the folder, and print the table."""
    from yolo3.cli.output import write_configuration
    from yolo3.evaluation import Measured, measure_all, write_report
    from yolo3.metrics import write_results
    from yolo3.results.errors import FILE, write_errors

    report = measure_all(annotated.compare(found))
    said = Measured(data=annotated.origin, num_images=len(annotated.images), num_detections=len(found))
    with making() as folder:
        write_report(folder.path, report, {**said, **more})
        left_out = write_results(folder.path / "detections.json", annotated, found) if "detections" not in more else 0
        if errors:
            write_errors(folder.path / FILE, ((each.path, each.reason) for each in errors))
        write_configuration(folder.path, arguments)
    output = folder.place
    print(f"\n{report}\n")
    if left_out:
        print(f"left out of detections.json: {left_out:,} of classes that {annotated.origin} does not have")
    if (annotated.truth.ids == 0).any():
        print("the annotation with id 0 counts as never found, as it does in pycocotools; number them from 1")
    worst = ", worst.png" if (output / "worst.png").exists() else ""
    print(f"{output}: metrics.json, confusion.csv, charts{worst}")
