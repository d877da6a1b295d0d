"""Pictures and their annotations: from files to samples."""

from yolo3.data.cache import PictureCache
from yolo3.data.dataset import Augmented, EncodedImage, LabelledImage, YoloDataset
from yolo3.data.faults import DataError, Fault
from yolo3.data.fitting import letterbox_image, network_input
from yolo3.data.formats import Format, dataset_format, dataset_splits, open_dataset, write_dataset
from yolo3.data.images import IMAGE_SUFFIXES, find_images, image_size, read_image
from yolo3.data.loading import Batch, BatchKeys, collate, make_loader, sizes_around, unit_range
from yolo3.data.mosaic import Mixup, Mosaic
from yolo3.data.picture import Key, Picture, PictureReader, Pictures, PictureSource
from yolo3.data.reading import read_names
from yolo3.data.sample import Sample, SampleSet
from yolo3.data.shapes import ShapesDataset, write_shapes
from yolo3.data.transform import Transform

__all__ = [
    "IMAGE_SUFFIXES",
    "Augmented",
    "Batch",
    "BatchKeys",
    "DataError",
    "EncodedImage",
    "Fault",
    "Format",
    "Key",
    "LabelledImage",
    "Mixup",
    "Mosaic",
    "Picture",
    "PictureCache",
    "PictureReader",
    "PictureSource",
    "Pictures",
    "Sample",
    "SampleSet",
    "ShapesDataset",
    "Transform",
    "YoloDataset",
    "collate",
    "dataset_format",
    "dataset_splits",
    "find_images",
    "image_size",
    "letterbox_image",
    "make_loader",
    "network_input",
    "open_dataset",
    "read_image",
    "read_names",
    "sizes_around",
    "unit_range",
    "write_dataset",
    "write_shapes",
]
