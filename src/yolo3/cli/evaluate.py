"""``yolo3 evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from yolo3.data import SampleSet
    from yolo3.metrics import CocoMetrics
    from yolo3.predictor import Predictor


def evaluate(
    model: Path,
    data: Path | None = None,
    *,
    split: str | None = None,
    format: Literal["voc", "coco", "yolo"] | None = None,
    weights: Path | None = None,
    names: Path | None = None,
    output: Path | None = None,
    overwrite: bool = False,
    image_size: int | tuple[int, int] | None = None,
    letterbox: Literal["default", "darknet", "stretch"] | None = None,
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    min_score: float = 0.001,
    iou_threshold: float = 0.5,
    max_detections: int = 300,
    batch_size: int = 8,
    device: str = "auto",
) -> None:
    """Measure a detector: COCO's average precision and recall.

    Prints a table, and leaves a folder with metrics.json and config.yaml.

    Args:
        model: A checkpoint folder, or a Darknet .cfg with --weights and --names.
        data: A data set: a folder, a COCO .json, a data.yaml or an obj.data; the one it was trained on unless given.
        split: One of its splits; the one to measure on unless given.
        format: Of the annotations; recognised unless given.
        weights: The .weights file of a .cfg.
        names: The class names of a .cfg, one a line.
        output: The folder to make; MODEL/evaluation, made anew, unless given.
        overwrite: Let it take the place of one that exists.
        image_size: Of the network input: a number, or [height, width]; the model's own unless given.
        letterbox: How a picture is fitted to the network input; as the model was trained unless given.
        precision: auto is half precision where the hardware is fast at it.
        min_score: Leave out what scores below this.
        iou_threshold: Of boxes whose IoU is above this, keep the best.
        max_detections: At most so many a picture.
        batch_size: Pictures that go through the network together.
        device: auto, cpu, cuda or cuda:1.
    """
    arguments = locals()
    from yolo3.cli.model import open_model
    from yolo3.cli.output import check_new, new_folder, write_configuration
    from yolo3.predictor import Predictor

    if output is None:
        output, overwrite = (Path("runs") if model.suffix == ".cfg" else model) / "evaluation", True
    check_new(output, overwrite)
    detector, card = open_model(model, weights, names)
    samples = _samples(model, data, split, format, card.names)
    print(samples.summary())
    if len(samples.names) != detector.num_classes:
        raise ValueError(f"{model} knows {detector.num_classes} classes, {samples.origin} has {len(samples.names)}")
    predictor = Predictor(
        detector,
        samples.names,
        image_size=image_size or card.image_size,
        precision=precision,
        letterbox=letterbox or card.letterbox,
        min_score=min_score,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
        batch_size=batch_size,
        device=device,
    )
    if card.training == samples.digest():
        print("these are the pictures it was trained on: the numbers tell little about others")
    metrics = measure(predictor, samples)
    with new_folder(output, overwrite) as folder:
        write_metrics(folder, metrics, samples)
        write_configuration(folder, arguments)
    print(f"\n{metrics}\n\n{output / 'metrics.json'}")


def measure(predictor: "Predictor", samples: "SampleSet") -> "CocoMetrics":
    """What a predictor finds in samples, against their annotations."""
    from yolo3.cli.progress import progress
    from yolo3.metrics import coco_metrics

    pictures = [samples.path(index) for index in range(len(samples))]
    found = [each for _, each in progress(predictor.stream(pictures), len(pictures), "evaluating")]
    return coco_metrics(samples, found, samples.names)


def write_metrics(folder: Path, metrics: "CocoMetrics", samples: "SampleSet") -> None:
    """Write ``metrics.json``, which says what was measured too."""
    import json

    content = metrics.to_dict() | {"data": samples.origin, "num_pictures": len(samples)}
    (folder / "metrics.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _samples(
    model: Path,
    data: Path | None,
    split: str | None,
    format: Literal["voc", "coco", "yolo"] | None,
    names: tuple[str, ...],
) -> "SampleSet":
    """The pictures to measure on."""
    import yaml

    from yolo3.cli.splits import choose_splits, open_splits
    from yolo3.data import dataset_splits, open_dataset

    if data is not None:
        chosen = split or choose_splits(dataset_splits(data, format))[1]
        return open_dataset(data, chosen, format, names or None)
    if not (model / "config.yaml").is_file():
        raise ValueError(f"{model} does not say what it was trained on; give the data set: yolo3 evaluate {model} DATA")
    run = yaml.safe_load((model / "config.yaml").read_text(encoding="utf-8"))
    data, format = Path(run["data"]), run["format"]
    if split is not None:
        return open_dataset(data, split, format, names or None)
    return open_splits(data, format, run["train_split"], run["val_split"], names or None)[1]
