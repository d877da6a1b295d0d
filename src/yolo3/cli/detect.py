"""``yolo3 detect``."""

from itertools import chain
from pathlib import Path

from yolo3.choices import ResultFormat
from yolo3.cli.options import DarknetFiles, Inference, NetworkInput, Objects, flat


def detect(
    model: Path,
    source: list[str] | None = None,
    *,
    darknet: DarknetFiles,
    network_input: NetworkInput,
    objects: Objects,
    hardware: Inference,
    output: Path | None = None,
    overwrite: bool = False,
    formats: tuple[ResultFormat, ...] = ("images", "json", "csv"),
    line_width: int | None = None,
    captions: bool = True,
    label_scores: bool = True,
    every: int = 1,
    tile: int | tuple[int, int] | None = None,
    tile_overlap: float = 0.2,
    augment: bool = False,
    max_megapixels: float = 180,
) -> None:
    """Find objects in images and videos.

    Leaves a folder with every image and video drawn on, detections.json, detections.csv and config.yaml, or what
    --formats asks for. Ctrl-C ends it, and keeps what was found until then.

    Args:
        model: Model: a name of yolo3 weights such as yolov3-tiny, a checkpoint folder, hf://user/name@revision on the
            Hugging Face Hub, an .onnx file of yolo3 export, or a Darknet .cfg with --weights and --names.
        source: Images, videos, folders, globs, and cameras: camera:0, a device, an rtsp:// address.
        darknet: Files of a .cfg.
        network_input: Size of the network input, and how images are fitted to it.
        objects: Thresholds, classes and limits.
        hardware: Device, precision and runtime.
        output: Folder to make. Default: runs/detect, then runs/detect-2 and so on.
        overwrite: Replace the contents of the folder if it has some.
        formats: Formats to write, as in json,csv. images are drawn on, and so are videos; jsonl is JSON line by line;
            coco is coco.json for COCO's evaluation; yolo is labels/, a text file per image; labelme is labelme/, a file
            per image to correct in LabelMe; crops is crops/, every object cut out, by class.
        line_width: Width of drawn bounding boxes in pixels. Default: grows with the image, thinner at small objects.
        captions: Write class and score at each bounding box; --no-captions leaves them out. Where there are more than
            100 boxes there are none.
        label_scores: End the lines of labels/ in the score; --no-label-scores writes labels to train on.
        every: Step between the frames of a video that are looked at.
        tile: Sliced inference: look at large images through windows of so many pixels, or [height, width], and at the
            whole.
        tile_overlap: Overlap of neighbouring windows, as a part of one: objects smaller than it are whole in one.
        augment: Test-time augmentation: look at every image mirrored and at three sizes too, which takes six times as
            long.
        max_megapixels: Largest image file that is read, in millions of pixels. Reading takes about 7 bytes per pixel.
    """
    arguments = flat(locals())
    if not source:
        raise ValueError(f"nothing to look at; name images after the model, as in yolo3 detect {model} dog.jpg")
    from yolo3.cli.model import check_trained, open_predictor
    from yolo3.cli.output import check_new, new_folder, write_configuration
    from yolo3.cli.progress import progress
    from yolo3.cli.results import Tally, told, written
    from yolo3.data.listing import matching_files
    from yolo3.draw import Style
    from yolo3.sources import PixelBudget, count_frames, find_frames
    from yolo3.tiles import Tiled

    folder = output or Path("runs/detect")
    numbered = output is None and not overwrite
    if not numbered:
        files = [("model", model), ("weights", darknet.weights), ("names", darknet.names)]
        sources = (("source", Path(place)) for word in source for place in matching_files(word) or [word])
        check_new(folder, overwrite, chain(files, sources))
    check_trained(model, darknet.weights)
    style = Style(line_width, captions)
    total = count_frames(source, every)
    predictor, card = open_predictor(model, darknet, network_input, objects, hardware, augment)
    looker = predictor if tile is None else Tiled(predictor, tile, tile_overlap, max_detections=objects.max_detections)
    # what is drawn on or cut out need not be read a second time
    budget = PixelBudget() if {"images", "crops"} & set(formats) else None
    frames = find_frames(source, every, budget, max_megapixels, predictor.in_channels)
    tally = Tally()
    stopped: Exception | KeyboardInterrupt | None = None
    with new_folder(folder, overwrite, numbered) as making:
        write_configuration(making.path, arguments)
        try:
            with written(making.path, formats, card.category_ids, style, label_scores) as write:
                results = progress(looker.frames(frames), total, "detecting")
                for frame, found in told(results, formats):
                    tally.add(found)
                    write(frame, found)
        except (Exception, KeyboardInterrupt) as reason:  # of a source, the network or a writer, at its end too
            if tally.num_images == 0:
                raise
            stopped = reason  # what was found is worth keeping
    what_of = "objects per window" if tile is not None and objects.max_detections is None else "objects"
    for note in tally.notes(f"{predictor.suppression.max_detections} {what_of}"):
        print(note)
    summary = f"{tally}: {making.place}"
    if isinstance(stopped, ValueError | OSError):
        message = str(stopped).replace(str(making.path), str(making.place))
        raise ValueError(f"{message}; kept what was found until then, {summary}") from stopped
    print(summary)
    if stopped is not None:
        raise stopped
