"""``yolo3 detect``."""

from glob import glob
from itertools import chain
from pathlib import Path
from typing import Literal

_LIMIT = 300
"""Objects of an image, or of a window of it, that are kept unless the command says otherwise."""


def detect(
    model: Path,
    source: list[str],
    *,
    weights: Path | None = None,
    names: Path | None = None,
    output: Path | None = None,
    overwrite: bool = False,
    formats: tuple[Literal["pictures", "json", "jsonl", "csv", "coco", "yolo", "crops"], ...] = (
        "pictures",
        "json",
        "csv",
    ),
    line_width: int | None = None,
    captions: bool = True,
    label_scores: bool = True,
    every: int = 1,
    image_size: int | tuple[int, int] | None = None,
    letterbox: Literal["default", "darknet", "stretch"] | None = None,
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    min_score: float | Literal["best"] = 0.25,
    class_scores: list[str] | None = None,
    classes: list[str] | None = None,
    iou_threshold: float = 0.45,
    max_detections: int | None = None,
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
        output: The folder to make. Default: runs/detect, then runs/detect-2 and so on.
        overwrite: Let its contents take the place of those that the folder has.
        formats: What to write, as in json,csv. pictures are drawn on, and so are videos; jsonl is JSON line by line;
            coco is coco.json for COCO's evaluation; yolo is labels/, a text file a picture; crops is crops/, every
            object cut out, by class.
        line_width: Width of drawn boxes in pixels. Default: grows with the image, thinner at small objects.
        captions: Write class and score at each drawn box; --no-captions leaves them out. Where there are more than 100
            boxes there are none.
        label_scores: End the lines of labels/ in the score; --no-label-scores writes labels to train on.
        every: Of a video, look at the first of so many frames.
        image_size: Of the network input: a number, or [height, width]; the model's own unless given.
        letterbox: How a picture is fitted to the network input; as the model was trained unless given.
        precision: auto is half precision where the hardware is fast at it.
        min_score: Keep objects that score above this; best is the score that yolo3 evaluate MODEL found to be best.
        class_scores: The same for some classes, as in dog=0.5,cat=0.3.
        classes: Look for these only, by name or number, as in dog,cat.
        iou_threshold: Of boxes whose IoU is above this, keep the best.
        max_detections: The most objects kept per image, the best. Default: 300; with --tile 300 per window, and no
            limit for the image.
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
    from yolo3.cli.results import Tally, told, written
    from yolo3.cli.thresholds import best_score, scores_by_class, scores_of_all
    from yolo3.draw import Style
    from yolo3.models.test_time_augmentation import TestTimeAugmentation
    from yolo3.predictor import Predictor
    from yolo3.sources import PixelBudget, count_frames, find_frames, with_frames
    from yolo3.tiles import Tiled

    folder = output or Path("runs/detect")
    numbered = output is None and not overwrite
    if not numbered:
        files = [("model", model), ("weights", weights), ("names", names)]
        sources = (("source", Path(place)) for word in source for place in glob(word, recursive=True) or [word])
        check_new(folder, overwrite, chain(files, sources))
    check_trained(model, weights)
    style = Style(line_width, captions)
    own_scores = scores_by_class(class_scores or [])
    least = best_score(model) if min_score == "best" else min_score
    total = count_frames(source, every)
    detector, card = open_model(model, weights, names)
    predictor = Predictor(
        TestTimeAugmentation(detector) if augment else detector,
        card.names,
        image_size=card.image_size if image_size is None else image_size,
        precision=precision,
        letterbox=letterbox or card.letterbox,
        min_score=scores_of_all(least, own_scores, detector.num_classes, card.names),
        iou_threshold=iou_threshold,
        max_detections=_LIMIT if max_detections is None else max_detections,
        class_agnostic=class_agnostic,
        batch_size=batch_size,
        device=device,
        backend=backend,
        classes=classes,
        compile=compile,
    )
    looker = predictor if tile is None else Tiled(predictor, tile, tile_overlap, max_detections=max_detections)
    # what is drawn on or cut out need not be read a second time
    budget = PixelBudget() if {"pictures", "crops"} & set(formats) else None
    frames = find_frames(source, every, budget, max_megapixels)
    tally = Tally()
    stopped: Exception | KeyboardInterrupt | None = None
    with new_folder(folder, overwrite, numbered) as making:
        write_configuration(making.path, arguments)
        try:
            with written(making.path, formats, card.category_ids, style, label_scores) as write:
                results = progress(with_frames(looker.stream, frames), total, "detecting")
                for frame, found in told(results, formats):
                    tally.add(found)
                    write(frame, found)
        except (Exception, KeyboardInterrupt) as reason:  # of a source, the network or a writer, at its end too
            if tally.num_pictures == 0:
                raise
            stopped = reason  # what was found is worth keeping
    what_of = "objects per window" if tile is not None and max_detections is None else "objects"
    for note in tally.notes(f"{predictor.suppression.max_detections} {what_of}"):
        print(note)
    summary = f"{tally}: {making.place}"
    if isinstance(stopped, ValueError | OSError):
        message = str(stopped).replace(str(making.path), str(making.place))
        raise ValueError(f"{message}; kept what was found until then, {summary}") from stopped
    print(summary)
    if stopped is not None:
        raise stopped
