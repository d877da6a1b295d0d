"""Ready-made augmentations of single pictures, by albumentations; pass any pipeline of your own instead.

Import this module by its name, ``from yolo3.data.transforms import standard``: nothing else loads albumentations.
"""

import os

from yolo3.choices import Augmentation, Fit
from yolo3.data.dataset import Augmented
from yolo3.data.mosaic import Mixup, Mosaic
from yolo3.data.picture import Pictures, PictureSource, as_source
from yolo3.system.extras import not_installed

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its newest version on import
try:
    import albumentations as A
    import cv2
except ModuleNotFoundError as error:
    raise not_installed("augmentation needs", str(error.name), "train") from error

cv2.setNumThreads(0)  # worker processes are the parallelism; OpenCV's threads in each would fight for the same cores

LEAST_SHARE = 0.25
"""A box that a cut leaves less than this share of its area is dropped: too little is left to tell what it was."""

_GREY = (128, 128, 128)  # the bars of the letterbox


def augment(
    samples: Pictures,
    augmentation: Augmentation = "standard",
    *,
    mosaic: float = 1.0,
    mosaic_epochs: int | None = None,
    mixup: float = 0.0,
    letterbox: Fit = "default",
) -> PictureSource:
    """Everything that happens to training pictures, in its order: mosaic, transform, mixup.

    Args:
        samples: to train on.
        augmentation: which of `light`, `standard`, `strong` and `overhead`.
        mosaic: probability of a `Mosaic`.
        mosaic_epochs: how many epochs begin with mosaics; None is all.
        mixup: probability of a `Mixup`.
        letterbox: how pictures are made to fit.
    """
    source = as_source(samples, letterbox)
    if mosaic > 0:
        source = Mosaic(source, mosaic, epochs=mosaic_epochs)
    if augmentation != "none":
        builders = {"light": light, "standard": standard, "strong": strong, "overhead": overhead}
        source = Augmented(source, builders[augmentation]())
    return Mixup(source, mixup) if mixup > 0 else source


def light() -> A.Compose:
    """Mirror left and right, and a little brightness and contrast: for data in plenty."""
    return pipeline([A.HorizontalFlip(), A.RandomBrightnessContrast(0.1, 0.1, p=0.5)])


def standard() -> A.Compose:
    """Mirror, scale by 3/4 to 4/3, shift by up to a tenth, and change brightness, saturation and hue.

    Colours are changed by factors, so that grey stays grey. They are those of Darknet's ``yolov3.cfg`` (``hue=.1,
    saturation=1.5, exposure=1.5``), hue and brightness less.
    """
    return pipeline([A.HorizontalFlip(), *_standard()])


def overhead() -> A.Compose:
    """`standard`, mirrored up and down too: for pictures without an up, as of microscopes and satellites."""
    return pipeline([A.HorizontalFlip(), A.VerticalFlip(), *_standard()])


def strong() -> A.Compose:
    """`standard`, wider, with a few degrees of turn and shear, and now and then blur, noise, grey or JPEG artefacts."""
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
    """Transforms that carry boxes along, cut at the edges; with less than `LEAST_SHARE` left they are dropped."""
    boxes = A.BboxParams(
        "pascal_voc", label_fields=["labels"], min_visibility=LEAST_SHARE, min_width=1, min_height=1, clip=True
    )
    return A.Compose(transforms, bbox_params=boxes)
