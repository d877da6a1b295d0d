"""Draws the image at the top of the README and the front page: `python docs/front.py runs/demo`.

What it shows is real: `yolo3 demo` draws shapes, trains a small YOLOv3 on a thousand images of them and leaves model
and data set in ``runs/demo``. This takes test images of that run, which the model has not seen, and draws the boxes.
"""

import sys
from pathlib import Path

from PIL import Image

from yolo3 import Predictor, open_dataset
from yolo3.draw import contact_sheet

COUNT = 4  # the first of the test images
SHOWN = 320  # pixels of an image on the sheet
MIN_SCORE = 0.5


def draw(run: Path, output: Path) -> None:
    """Write a row of test images with what the model of a run finds in them.

    Args:
        run: Folder that `yolo3 demo` has left.
        output: JPEG file.
    """
    predictor = Predictor.from_checkpoint(run / "model", class_agnostic=True, min_score=MIN_SCORE)
    samples = open_dataset(run / "shapes", "test")[:COUNT]
    tiles = []
    for sample in samples:
        with Image.open(sample.image) as image:
            large = image.convert("RGB").resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        tiles.append(predictor(large)[0].draw(large))
    contact_sheet(tiles, COUNT).save(output, quality=82, optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(__file__).parent / "images" / "front.jpg")
