"""``yolo3 show``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

    from yolo3.data import Picture


def show(
    data: Path,
    *,
    split: str | None = None,
    format: Literal["voc", "coco", "yolo"] | None = None,
    allow_outside: bool = False,
    output: Path = Path("runs/show.png"),
    overwrite: bool = False,
    count: int = 8,
    image_size: int | tuple[int, int] = 416,
    letterbox: Literal["default", "darknet", "stretch"] = "default",
    augmentation: Literal["none", "light", "standard", "strong", "overhead"] = "standard",
    mosaic: float = 0.0,
    mixup: float = 0.0,
    seed: int = 0,
) -> None:
    """See what a network sees: a sheet of pictures with their boxes, each before and after augmentation.

    Args:
        data: A data set: a folder, a COCO .json, a data.yaml or an obj.data.
        split: One of its splits; all pictures unless given.
        format: Of the annotations; recognised unless given.
        allow_outside: Read images that the data set names and that are not in its folder too.
        output: The PNG to write.
        overwrite: Let it take the place of one that exists.
        count: Pictures on the sheet, chosen by the seed.
        image_size: Of the network input: a number, or [height, width].
        letterbox: How a picture is fitted to it.
        augmentation: What happens to a picture alone.
        mosaic: How probable it is that four pictures become one.
        mixup: How probable it is that two pictures are laid over each other.
        seed: Of everything random; another one, other pictures.
    """
    import numpy as np

    from yolo3.data import Key, PictureReader, open_dataset
    from yolo3.data.picture import letterboxed
    from yolo3.data.transforms import augment
    from yolo3.system.files import new_file

    if count < 1:
        raise ValueError(f"count is {count}; show one picture at least")
    if output.exists() and not overwrite:
        raise ValueError(f"output {output} exists; name another with --output, or pass --overwrite")
    samples = open_dataset(data, split, format, allow_outside=allow_outside)
    print(samples.summary())
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    before = PictureReader(samples, letterbox)
    after = augment(samples, augmentation, mosaic=mosaic, mixup=mixup, letterbox=letterbox)
    chosen = np.random.default_rng(seed).permutation(len(samples))[:count]
    keys = [Key(int(index), size, seed=seed) for index in np.sort(chosen)]
    pairs = [[letterboxed(source.picture(key), size) for source in (before, after)] for key in keys]
    sheet = _sheet(pairs, samples.names)
    with new_file(output) as partial:
        sheet.save(partial, format="PNG")
    print(f"{len(pairs)} pictures, each as it is and as augmentation shows it: {output}")


_MARGIN = 8


def _sheet(pairs: list[list["Picture"]], names: tuple[str, ...]) -> "Image.Image":
    """Pairs in two columns, the colours of their classes above."""
    from PIL import Image

    from yolo3.draw import class_colour, draw_boxes

    height, width = pairs[0][0].size
    columns = min(2, len(pairs))
    sheet_width = _MARGIN + columns * (2 * width + _MARGIN)
    labels = sorted({label for pair in pairs for picture in pair for label in picture.labels.tolist()})
    legend = _legend([(names[label], class_colour(label)) for label in labels], sheet_width)
    rows = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (sheet_width, legend.height + rows * (height + _MARGIN)), "white")
    sheet.paste(legend, (0, 0))
    for number, pair in enumerate(pairs):
        row, column = divmod(number, columns)
        left, top = _MARGIN + column * (2 * width + _MARGIN), legend.height + row * (height + _MARGIN)
        for side, picture in enumerate(pair):
            captions = [""] * len(picture.labels)  # the colours say it; words would hide crowded objects
            drawn = draw_boxes(picture.image, picture.boxes.tolist(), captions, picture.labels.tolist())
            sheet.paste(drawn, (left + side * width, top))
    return sheet


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
