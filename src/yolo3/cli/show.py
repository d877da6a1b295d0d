"""``yolo3 show``."""

from pathlib import Path
from typing import TYPE_CHECKING

from yolo3.cli.options import Augmenting, NamedDataSet, TrainingInput

if TYPE_CHECKING:
    from PIL import Image

    from yolo3.data import AnnotatedImage


def show(
    data: Path | None = None,
    *,
    dataset: NamedDataSet,
    network_input: TrainingInput,
    augmenting: Augmenting,
    split: str | None = None,
    output: Path = Path("runs/show.png"),
    overwrite: bool = False,
    count: int = 8,
    channels: int = 3,
    seed: int = 0,
) -> None:
    """See what a network sees: a sheet of images with their bounding boxes, each before and after augmentation.

    Args:
        data: Data set: a folder, a COCO .json, a .csv, a .parquet, a data.yaml or an obj.data.
        dataset: Reading of the annotations.
        network_input: Size of the network input, and how images are fitted to it.
        augmenting: Augmentation.
        split: Split to show. Default: all images.
        output: PNG file to write.
        overwrite: Replace the file if it exists.
        count: Number of images on the sheet, chosen by the seed.
        channels: Number of channels of the images, as in yolo3 train.
        seed: Seed of the choice of images and of their augmentation.
    """
    from dataclasses import replace

    import numpy as np

    from yolo3.data import ImageReader, Key, open_dataset
    from yolo3.data.annotated_image import letterboxed
    from yolo3.data.transforms import augment, left_out
    from yolo3.system.files import new_file

    if channels < 1:
        raise ValueError(f"channels is {channels}; it must be at least 1")
    if count < 1:
        raise ValueError(f"count is {count}; show at least one image")
    if output.exists() and not overwrite:
        raise ValueError(f"output {output} exists; name another with --output, or pass --overwrite")
    samples = open_dataset(dataset.source(data), split, dataset.format)
    print(samples.summary())
    size = network_input.size
    input_format = replace(network_input.format, channels=channels)
    before = ImageReader(samples, input_format)
    after = augment(
        samples,
        augmenting.augmentation,
        mosaic=augmenting.mosaic,
        mixup=augmenting.mixup,
        input_format=input_format,
    )
    if steps := left_out(augmenting.augmentation, channels):
        print(f"augmentation: left out {steps}, which need red, green and blue")
    chosen = np.random.default_rng(seed).permutation(len(samples))[:count]
    keys = [Key(int(index), size, seed=seed) for index in np.sort(chosen)]
    pairs = [[letterboxed(source.load(key), size) for source in (before, after)] for key in keys]
    sheet = _sheet(pairs, [samples.path(key.index).name for key in keys], samples.names)
    with new_file(output) as partial:
        sheet.save(partial, format="PNG")
    print(f"{len(pairs)} images, each before and after augmentation: {output}")


_MARGIN = 8


def _sheet(pairs: list[list["AnnotatedImage"]], files: list[str], names: tuple[str, ...]) -> "Image.Image":
    """Pairs in two columns, each with the name of its file, the colours of their classes above."""
    from yolo3.draw import captioned, class_colour, contact_sheet, draw_boxes, sheet_width, side_by_side
    from yolo3.system.fonts import font_for

    columns = min(2, len(pairs))
    labels = sorted({label for pair in pairs for annotated in pair for label in annotated.labels.tolist()})
    tiles = []
    font = font_for("…".join(files), 15)  # a long name has one in its middle
    for pair, file in zip(pairs, files, strict=True):
        drawn = []
        for annotated in pair:
            captions = [""] * len(annotated.labels)  # the colours say it; words would hide crowded objects
            drawn.append(draw_boxes(annotated.image, annotated.boxes.tolist(), captions, annotated.labels.tolist()))
        tiles.append(captioned(side_by_side(drawn), [(file, " before"), ("after", "")], font))
    width = sheet_width(tiles[0].width, columns, _MARGIN)
    legend = _legend([(names[label], class_colour(label)) for label in labels], width)
    return contact_sheet(tiles, columns, _MARGIN, legend)


def _legend(classes: list[tuple[str, tuple[int, int, int]]], width: int) -> "Image.Image":
    """A patch of each class's colour and its name, in as many lines as they need."""
    from PIL import Image, ImageDraw

    from yolo3.system.fonts import font_for

    font, patch, line = font_for("".join(name for name, _ in classes), 16), 16, 24
    places, left, top = [], _MARGIN, _MARGIN
    for name, _ in classes:
        needed = patch + 6 + round(font.getlength(name)) + 20
        if left > _MARGIN and left + needed > width:
            left, top = _MARGIN, top + line
        places.append((left, top))
        left += needed
    legend = Image.new("RGB", (width, top + line), "white")
    pen = ImageDraw.Draw(legend)
    for (name, colour), (left, top) in zip(classes, places, strict=True):
        pen.rectangle((left, top, left + patch, top + patch), fill=colour)
        pen.text((left + patch + 6, top - 2), name, fill="black", font=font)
    return legend
