"""``yolo3 detect``."""

from glob import glob
from itertools import chain
from pathlib import Path
from typing import Literal


def detect(
    model: Path,
    source: list[str],
    *,
    weights: Path | None = None,
    names: Path | None = None,
    output: Path = Path("runs/detect"),
    overwrite: bool = False,
    formats: tuple[Literal["pictures", "json", "jsonl", "csv", "coco", "yolo", "crops"], ...] = (
        "pictures",
        "json",
        "csv",
    ),
    every: int = 1,
    image_size: int | tuple[int, int] | None = None,
    letterbox: Literal["default", "darknet", "stretch"] | None = None,
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    min_score: float = 0.25,
    class_scores: list[str] | None = None,
    classes: list[str] | None = None,
    iou_threshold: float = 0.45,
    max_detections: int = 300,
    class_agnostic: bool = False,
    batch_size: int = 8,
    device: str = "auto",
    backend: Literal["torch", "onnxruntime", "openvino"] | None = None,
    tile: int | tuple[int, int] | None = None,
    tile_overlap: float = 0.2,
    augment: bool = False,
    max_megapixels: float = 180,
    compile: bool = False,
) -> None:
    """Find objects in pictures and videos.

    Leaves a folder with every picture and video drawn on, detections.json, detections.csv and config.yaml, or what
    --formats asks for. Ctrl-C ends it, and keeps what was found until then.

    Args:
        model: A checkpoint folder, an .onnx file of yolo3 export, or a Darknet .cfg with --weights and --names.
        source: Pictures, videos, folders, globs, and cameras: camera:0, a device, an rtsp:// address.
        weights: The .weights file of a .cfg.
        names: The class names of a .cfg, one a line.
        output: The folder to make.
        overwrite: Let it take the place of one that exists.
        formats: What to write, as in json,csv. pictures are drawn on, and so are videos; jsonl is JSON line by line;
            coco is coco.json for COCO's evaluation; yolo is labels/, a text file a picture; crops is crops/, every
            object cut out, by class.
        every: Of a video, look at the first of so many frames.
        image_size: Of the network input: a number, or [height, width]; the model's own unless given.
        letterbox: How a picture is fitted to the network input; as the model was trained unless given.
        precision: auto is half precision where the hardware is fast at it.
        min_score: Keep objects that score above this.
        class_scores: The same for some classes, as in dog=0.5,cat=0.3.
        classes: Look for these only, by name or number, as in dog,cat.
        iou_threshold: Of boxes whose IoU is above this, keep the best.
        max_detections: At most so many a picture.
        class_agnostic: Let boxes drop boxes of other classes too.
        batch_size: Pictures that go through the network together.
        device: auto, cpu, cuda or cuda:1.
        backend: What runs the network; torch, or onnxruntime for an .onnx file, unless given.
        tile: Look at large pictures through windows of so many pixels, or [height, width], and at the whole.
        tile_overlap: Of neighbouring windows, as a part of one: objects smaller than it are whole in one of them.
        augment: Look at every picture mirrored and at three sizes too, which takes six times as long.
        max_megapixels: Largest image file that is read, in millions of pixels. Reading takes about 7 bytes a pixel.
        compile: Run the network through torch.compile: slow to start, then faster.
    """
    arguments = locals()
    from yolo3.cli.model import check_trained, open_model
    from yolo3.cli.output import check_new, new_folder, write_configuration
    from yolo3.cli.progress import progress
    from yolo3.cli.results import told, written
    from yolo3.models.augmented import WithFlipsAndScales
    from yolo3.predictor import Predictor
    from yolo3.sources import PixelBudget, count_frames, find_frames, with_frames
    from yolo3.tiles import Tiled

    files = [("model", model), ("weights", weights), ("names", names)]
    sources = (("source", Path(place)) for word in source for place in glob(word, recursive=True) or [word])
    check_new(output, overwrite, chain(files, sources))
    check_trained(model, weights)
    own_scores = _by_class(class_scores or [])
    total = count_frames(source, every)
    detector, card = open_model(model, weights, names)
    predictor = Predictor(
        WithFlipsAndScales(detector) if augment else detector,
        card.names,
        image_size=card.image_size if image_size is None else image_size,
        precision=precision,
        letterbox=letterbox or card.letterbox,
        min_score=_everywhere(min_score, detector.num_classes, card.names) | own_scores if own_scores else min_score,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
        class_agnostic=class_agnostic,
        batch_size=batch_size,
        device=device,
        backend=backend,
        classes=classes,
        compile=compile,
    )
    looker = predictor if tile is None else Tiled(predictor, tile, tile_overlap)
    # what is drawn on or cut out need not be read a second time
    budget = PixelBudget() if {"pictures", "crops"} & set(formats) else None
    frames = find_frames(source, every, budget, max_megapixels)
    num_objects = num_pictures = 0
    stopped: Exception | KeyboardInterrupt | None = None
    with new_folder(output, overwrite) as folder:
        write_configuration(folder, arguments)
        with written(folder, formats, card.category_ids) as write:
            try:
                results = progress(with_frames(looker.stream, frames), total, "detecting")
                for frame, found in told(results, formats):
                    write(frame, found)
                    num_pictures += 1
                    num_objects += len(found)
            except (ValueError, OSError, KeyboardInterrupt) as reason:
                if num_pictures == 0:
                    raise
                stopped = reason  # what was found is worth keeping
    summary = f"{num_objects} objects in {num_pictures} pictures: {output}"
    if isinstance(stopped, Exception):
        raise ValueError(f"{stopped}; kept what was found until then, {summary}") from stopped
    print(summary)
    if stopped is not None:
        raise stopped


def _by_class(words: list[str]) -> dict[str, float]:
    """``dog=0.5`` -> the score of a dog."""
    scores = {}
    for word in words:
        name, _, score = word.rpartition("=")
        try:
            scores[name.strip()] = float(score)
        except ValueError:
            name = ""
        if not name:
            raise ValueError(f"--class-scores {word!r} is not a class and its score; write dog=0.5,cat=0.3")
    return scores


def _everywhere(score: float, num_classes: int, names: tuple[str, ...]) -> dict[str, float]:
    return dict.fromkeys(names or map(str, range(num_classes)), score)
