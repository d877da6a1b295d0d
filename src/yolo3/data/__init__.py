"""Images and their annotations: from files to samples.

A name is imported when it is first used, so that the formats of annotations can be listed without torch. Editors and
type checkers read the same names in ``__init__.pyi``.
"""

from yolo3.system.lazy import import_name

_HOMES = {
    "yolo3.data.batch": ("Batch", "EncodedImage", "LabelledImage", "collate", "unit_range"),
    "yolo3.data.cache": ("ImageCache",),
    "yolo3.data.data_format": ("DataFormat",),
    "yolo3.data.dataset": ("Augmented", "YoloDataset"),
    "yolo3.data.faults": ("DataError", "Fault"),
    "yolo3.data.fitting": ("letterbox_image", "network_input"),
    "yolo3.data.formats": ("dataset_format", "dataset_splits", "open_dataset", "write_dataset"),
    "yolo3.data.images": ("IMAGE_SUFFIXES", "find_images", "image_size", "read_image"),
    "yolo3.data.loading": ("BatchKeys", "make_loader", "sizes_around"),
    "yolo3.data.mosaic": ("Mixup", "Mosaic"),
    "yolo3.data.annotated_image": ("AnnotatedImage", "ImageReader", "ImageSource", "ImageSourceLike", "Key"),
    "yolo3.data.reading": ("read_names",),
    "yolo3.data.sample": ("Sample", "SampleSet"),
    "yolo3.data.shapes": ("ShapesDataset", "write_shapes"),
    "yolo3.data.transform": ("Transform",),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)


def __getattr__(name: str) -> object:
    return import_name(_HOMES, globals(), name)


def __dir__() -> list[str]:
    return [*__all__]
