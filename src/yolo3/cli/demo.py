"""``yolo3 demo``."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from yolo3.cli.demo_size import BATCH_SIZE, SIZES, DemoSize, choose_size, seconds_per_image
from yolo3.system.hardware import Hardware

_SHOWN = 6  # images on the sheet
_COLUMNS = 3


def demo(
    *,
    hardware: Hardware,
    output: Path | None = None,
    overwrite: bool = False,
    num_train: int = 1000,
    num_test: int = 60,
    image_size: int | None = None,
    width: float = 0.125,
    epochs: int | None = None,
    channels: int = 3,
    seed: int = 0,
) -> None:
    """Try everything in about two and a half minutes, without a download.

    Draws images of shapes, trains a narrow YOLOv3 on them, measures it on held-out images, and writes shapes/ (the data
    set, as Pascal VOC), model/ (the checkpoint, metrics.json, losses.png) and detections.png.

    Args:
        hardware: Device and precision.
        output: Folder to write. Default: runs/demo, then runs/demo-2 and so on.
        overwrite: Replace the contents of the folder if it has some.
        num_train: Number of images to train on.
        num_test: Number of images to measure on.
        image_size: Size of the network input in pixels. Default: chosen with the epochs, to suit the speed of this
            machine; 128 where --epochs is given.
        width: Factor of the network's channels.
        epochs: Number of epochs. Default: chosen with the image size; 18 where --image-size is given.
        channels: Number of channels of the images: 1 is grey, and a fourth has a brightness of its own.
        seed: Seed of the drawn shapes and of training.
    """
    import time

    from yolo3.cli.output import live_folder

    if channels < 1:
        raise ValueError(f"channels is {channels}; it must be at least 1")
    began = time.monotonic()
    if image_size is None and epochs is None:
        size = _chosen(num_train, width, hardware)
    else:
        size = SIZES[0]
        if image_size is not None:
            size = replace(size, image_size=image_size)
        if epochs is not None:
            size = replace(size, epochs=epochs)
    numbered = output is None and not overwrite
    with live_folder(output or Path("runs/demo"), lambda _: False, overwrite, numbered) as folder:
        _show_it_all(folder, num_train, num_test, size, width, hardware, channels, seed)
    print(f"done in {time.monotonic() - began:.0f} s; next: yolo3 detect {folder / 'model'} YOUR_IMAGES")


def _chosen(num_train: int, width: float, hardware: Hardware) -> DemoSize:
    """The size that suits this machine, which is told."""
    size, seconds = choose_size(num_train, partial(seconds_per_image, width=width, hardware=hardware))
    print(
        f"chosen for this machine: {size.image_size} x {size.image_size} pixels, {size.epochs} epochs, which train for "
        f"about {seconds:.0f} s",
        flush=True,
    )
    return size


def _show_it_all(
    output: Path,
    num_train: int,
    num_test: int,
    size: DemoSize,
    width: float,
    hardware: Hardware,
    channels: int,
    seed: int,
) -> None:
    from yolo3.cli.options import call
    from yolo3.cli.train import train
    from yolo3.data import open_dataset
    from yolo3.data.shapes import write_shapes
    from yolo3.draw import contact_sheet
    from yolo3.predictor import Predictor

    print(f"drawing {num_train + num_test} images of shapes", flush=True)
    write_shapes(output / "shapes", num_train, num_test, (2 * size.image_size, 2 * size.image_size), seed, channels)
    call(
        train,
        output / "shapes",
        model="yolov3_compact",
        width=width,
        channels=channels,
        image_size=size.image_size,
        epochs=size.epochs,
        batch_size=BATCH_SIZE,
        output=output / "model",
        learning_rate=4e-3,  # the more for a small network and a short training
        validate_every=max(1, size.epochs // 2),
        **asdict(hardware),
        seed=seed,
    )
    held_out = open_dataset(output / "shapes", "test")[:_SHOWN]
    images = [sample.image for sample in held_out]
    predictor = Predictor.from_checkpoint(
        output / "model", class_agnostic=True, **asdict(hardware)
    )  # a shape is one thing
    found = predictor(images)
    drawn = [each.draw(image) for each, image in zip(found, images, strict=True)]
    contact_sheet(drawn, _COLUMNS).save(output / "detections.png")
    print(f"{output / 'detections.png'}: what it finds in images it has never seen")
