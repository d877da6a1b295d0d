"""``yolo3 detect``."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from yolo3.choices import ResultFormat
from yolo3.cli.options import DarknetFiles, Many, NetworkInput, Objects, flat
from yolo3.system.hardware import InferenceHardware


def detect(
    model: Path,
    source: list[str] | None = None,
    *,
    darknet: DarknetFiles,
    network_input: NetworkInput,
    objects: Objects,
    hardware: InferenceHardware,
    many: Many,
    output: Path | None = None,
    overwrite: bool = False,
    formats: tuple[ResultFormat, ...] = (),
    line_width: int | None = None,
    captions: bool = True,
    label_scores: bool = True,
    every: int = 1,
    tile: int | tuple[int, int] | None = None,
    tile_overlap: float = 0.2,
    augment: bool = False,
    max_megapixels: float = 180,
) -> int | None:
    """Find objects in images and videos.

    Writes a folder with the boxes drawn on every image and video, detections.json, detections.csv and config.yaml, or
    the formats of --formats. Ctrl-C ends the run and keeps what was found so far. Exit code 3: no image could be
    read.

    Args:
        model: Model: a name of yolo3 weights such as yolov3-tiny, a checkpoint folder, hf://user/name@revision on the
            Hugging Face Hub, an .onnx file of yolo3 export, or a Darknet .cfg with --weights and --names.
        source: Images, videos, folders, globs; lists of paths (.txt, or - for standard input); .tar and .parquet files
            of images; addresses (https://, s3://, gs://, hf://); cameras: camera:0, a device, an rtsp:// address.
        darknet: Files of a .cfg.
        network_input: Size of the network input, and how images are fitted to it.
        objects: Thresholds, classes and limits.
        hardware: Device, precision and runtime.
        many: Errors, parts, processes and machines.
        output: Folder to write. Default: runs/detect, then runs/detect-2 and so on.
        overwrite: Replace the contents of the folder if it has some.
        formats: Formats to write, as in json,csv. images draws the boxes on images and videos; jsonl is JSON Lines;
            coco is coco.json for COCO's evaluation; yolo is labels/, a text file per image; labelme is labelme/, a file
            per image to correct in LabelMe; crops is crops/, every object cut out, by class; parquet is always in
            parts. Default: images,json,csv; in parts jsonl.
        line_width: Width of drawn bounding boxes in pixels. Default: grows with the image, thinner at small objects.
        captions: Write class and score at each bounding box; --no-captions leaves them out. Images with more than 100
            boxes have none.
        label_scores: Append the score to each line in labels/; --no-label-scores writes labels to train on.
        every: Step between the frames of a video that are used.
        tile: Sliced inference: detect in overlapping windows of this many pixels, or [height, width], and in the whole
            image, scaled down.
        tile_overlap: Overlap of neighbouring windows, as a fraction of a window. Objects smaller than the overlap are
            whole in at least one window.
        augment: Test-time augmentation: run every image at three sizes, each also mirrored, which takes six times as
            long.
        max_megapixels: Largest image file that is read, in millions of pixels. Reading takes about 7 bytes per pixel.
    """
    arguments = flat(locals())
    if not source:
        raise ValueError(f"no source; name images after the model, as in yolo3 detect {model} dog.jpg")
    from yolo3.cli.detect_parts import PartsRun, in_parts
    from yolo3.cli.detecting import DetectorOptions
    from yolo3.cli.model import check_trained
    from yolo3.cli.output import check_new, new_folder, write_configuration
    from yolo3.cli.progress import progress
    from yolo3.cli.results import Tally, finish, told, written
    from yolo3.cli.source import are_many, files_read, uses_stems
    from yolo3.draw import Style
    from yolo3.results.errors import FILE, ErrorLog
    from yolo3.sources import PixelBudget, count_frames, find_frames, kept

    detector_options = DetectorOptions(model, darknet, network_input, objects, hardware, augment, tile, tile_overlap)
    on_error = many.on_error or ("skip" if are_many(source) else "stop")
    if in_parts(many, formats):
        check_trained(model, darknet.weights)
        run = PartsRun(detector_options, many, on_error, formats, source, every, max_megapixels, arguments)
        return run.detect(output, overwrite)
    formats = formats or ("images", "json", "csv")
    folder = output or Path("runs/detect")
    numbered = output is None and not overwrite
    if not numbered:
        check_new(folder, overwrite, files_read(model, darknet, source))
    check_trained(model, darknet.weights)
    style = Style(line_width, captions)
    total = count_frames(source, every, on_error)
    image_detector, predictor, card = detector_options.open()
    # what is drawn on or cut out need not be read a second time
    budget = PixelBudget() if {"images", "crops"} & set(formats) else None
    stems: Literal["unique", "plain"] = "unique" if uses_stems(formats) else "plain"
    channels = predictor.in_channels
    frames = find_frames(source, every, budget, max_megapixels, channels, on_error, many.column, stems)
    tally = Tally()
    stopped: Exception | KeyboardInterrupt | None = None
    with new_folder(folder, overwrite, numbered) as making, ErrorLog(making.path / FILE) as errors:
        write_configuration(making.path, arguments)
        try:
            with written(making.path, formats, card.category_ids, style, label_scores) as write:
                outcomes = progress(image_detector.outcomes(frames), total, lambda: f"detecting{errors}")
                for frame, found in told(kept(outcomes, on_error, errors), formats):
                    before = replace(tally)
                    tally.add(found)
                    try:
                        write(frame, found)
                    except Exception:  # Ctrl-C mostly comes when the line is there
                        tally = before
                        raise
        except (Exception, KeyboardInterrupt) as reason:  # of a source, the network or a writer, at its end too
            if tally.num_images == 0:
                raise
            stopped = reason  # what was found is worth keeping
    for note in tally.notes(detector_options.limit_in_words(predictor)):
        print(note)
    summary = f"{tally}{errors}: {making.place}"
    if isinstance(stopped, ValueError | OSError):
        message = str(stopped).replace(str(making.path), str(making.place))
        raise ValueError(f"{message}; kept what was found until then, {summary}") from stopped
    print(summary)
    if stopped is not None:
        raise stopped
    first = None if errors.first is None else f"{errors.first.path}: {errors.first.reason}"
    return finish(tally.num_images, errors.count, first, making.place)
