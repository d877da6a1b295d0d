"""Ready-made augmentations of single images with albumentations. Any other pipeline can be passed instead.

Import this module by name, ``from yolo3.data.transforms import standard``: nothing else loads albumentations.
"""

import os

from yolo3.choices import Augmentation, LetterboxName
from yolo3.data.annotated_image import ImageSource, ImageSourceLike, as_source
from yolo3.data.dataset import Augmented
from yolo3.data.mosaic import Mixup, Mosaic
from yolo3.system.extras import not_installed

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # otherwise it looks for a new version online
try:
    import albumentations as A
    import cv2
except ModuleNotFoundError as error:
    raise not_installed("augmentation needs", str(error.name), "train") from error

cv2.setNumThreads(0)  # workers run in parallel already; OpenCV's threads would compete for the same cores

LEAST_SHARE = 0.25
"""Minimum share of its area that a clipped box must keep; with less, the object is not recognisable."""

_GREY = (128, 128, 128)  # value of the letterbox bars


def augment(
    samples: ImageSourceLike,
    augmentation: Augmentation = "standard",
    *,
    mosaic: float = 1.0,
    mosaic_epochs: int | None = None,
    mixup: float = 0.0,
    letterbox: LetterboxName = "default",
) -> ImageSource:
    """All augmentation of training images, in order: mosaic, transform, mixup.

    Args:
        samples: Training samples, or another source.
        augmentation: Transform: `light`, `standard`, `strong`, `overhead` or none.
        mosaic: Probability of a `Mosaic`.
        mosaic_epochs: Number of first epochs with mosaics. Default: all.
        mixup: Probability of a `Mixup`.
        letterbox: Name of the letterbox, see `Letterbox.fit`.
    """
    source = as_source(samples, letterbox)
    if mosaic > 0:
        source = Mosaic(source, mosaic, epochs=mosaic_epochs)
    if augmentation != "none":
        builders = {"light": light, "standard": standard, "strong": strong, "overhead": overhead}
        source = Augmented(source, builders[augmentation]())
    return Mixup(source, mixup) if mixup > 0 else source


def light() -> A.Compose:
    """Horizontal flip, and slight changes of brightness and contrast; for large data sets."""
    return pipeline([A.HorizontalFlip(), A.RandomBrightnessContrast(0.1, 0.1, p=0.5)])


def standard() -> A.Compose:
    """Horizontal flip, scale by 3/4 to 4/3, shift by up to a tenth, and changes of brightness, saturation and hue.

    Colours are changed by factors, so that grey stays grey. The factors are those of Darknet's ``yolov3.cfg``
    (``hue=.1, saturation=1.5, exposure=1.5``), with less hue and brightness.
    """
    return pipeline([A.HorizontalFlip(), *_standard()])


def overhead() -> A.Compose:
    """`standard` with a vertical flip; for images without an upright direction, as from microscopes and satellites."""
    return pipeline([A.HorizontalFlip(), A.VerticalFlip(), *_standard()])


def strong() -> A.Compose:
    """`standard` with wider ranges, slight rotation and shear, and occasional blur, noise, grey or JPEG artefacts."""
    return pipeline(
        [
            A.HorizontalFlip(),
            A.Affine(
                scale=(0.6, 1.5),
                translate_percent=(-0.15, 0.15),
                rotate=(-5, 5),
                shear=(-3, 3),
                keep_ratio=True,
                fill=_GREY,
                p=1,
            ),
            A.ColorJitter(brightness=(0.5, 1.5), contrast=(0.75, 1.25), saturation=(0.5, 2), hue=(-0.1, 0.1), p=1),
            A.OneOf(
                [
                    A.GaussianBlur(sigma_limit=(0.5, 1.5)),
                    A.GaussNoise(std_range=(0.02, 0.08)),
                    A.ToGray(),
                    A.ImageCompression(quality_range=(40, 90)),
                ],
                p=0.2,
            ),
        ]
    )


def _standard() -> list[A.BasicTransform]:
    """Scale, shift and colour of `standard`."""
    return [
        A.Affine(scale=(0.75, 1.33), translate_percent=(-0.1, 0.1), keep_ratio=True, fill=_GREY, p=1),
        A.ColorJitter(brightness=(0.7, 1.3), contrast=(1, 1), saturation=(0.67, 1.5), hue=(-0.05, 0.05), p=1),
    ]


def pipeline(transforms: list[A.BasicTransform]) -> A.Compose:
    """Transforms with boxes, which are clipped to the image, and dropped if less than `LEAST_SHARE` is left."""
    boxes = A.BboxParams(
        "pascal_voc", label_fields=["labels"], min_visibility=LEAST_SHARE, min_width=1, min_height=1, clip=True
    )
    return A.Compose(transforms, bbox_params=boxes)
