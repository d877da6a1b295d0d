"""The labelled objects of one image, which ``--truth`` names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from yolo3.checks.names import first_few
from yolo3.cli.options import Annotations
from yolo3.data import DataError, Sample, SampleSet, open_dataset
from yolo3.data.faults import LeaveOut
from yolo3.data.images import image_size
from yolo3.data.sample_builder import SampleSetBuilder
from yolo3.data.yolo_labels import read_labels


def objects_in(image: Path, truth: Path, names: Sequence[str], dataset: Annotations) -> Sample:
    """The objects of an image, with the class numbers of a model.

    Faults of a data set are left out and told: they are seldom of this image.

    Args:
        image: Image.
        truth: Data set that has the image, or its YOLO label file.
        names: Class names of the model; empty where classes have none.
        dataset: Reading of the data set.

    Raises:
        ValueError: A data set without the image, or with several of its name; a class that the model does not know; a
            label file with a faulty line.
    """
    if truth.suffix.lower() == ".txt" and truth.is_file():
        return _of_label_file(image, truth, names)
    faults = LeaveOut()
    samples = open_dataset(truth, format=dataset.format, on_fault=faults, allow_outside=dataset.allow_outside)
    for line in faults.lines():
        print(line)
    sample = samples[_index(image, samples)]
    return replace(sample, labels=_numbers(sample, samples, names))


def _of_label_file(image: Path, file: Path, names: Sequence[str]) -> Sample:
    size = image_size(image)
    builder = SampleSetBuilder(names or _as_many_as_needed(file))
    builder.add_image(image, size)
    read_labels(builder, file, size)
    return builder.build(str(file))[0]


def _as_many_as_needed(file: Path) -> list[str]:
    """Numbers in place of the names of a model that has none."""
    numbers = [line.split()[0] for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [str(number) for number in range(1 + max([0, *(int(each) for each in numbers if each.isdecimal())]))]


def _index(image: Path, samples: SampleSet) -> int:
    """The index of an image in a data set: by its path, or else by its file name."""
    paths = [samples.path(index) for index in range(len(samples))]
    alike = [index for index, path in enumerate(paths) if path.name == image.name]
    same = [index for index in alike if paths[index].resolve() == image.resolve()] or alike
    if not same:
        raise DataError(f"{samples.origin} has no image {image.name}; name a data set that has it with --truth")
    if len({paths[index] for index in same}) > 1:
        first, second, *_ = (paths[index] for index in same)
        raise DataError(f"{samples.origin} has {first} and {second}; name one of them as the image")
    return same[0]


def _numbers(sample: Sample, samples: SampleSet, names: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The class numbers of a model for the objects of a data set, by name."""
    if not names:
        return sample.labels
    known = {name: number for number, name in enumerate(names)}
    own = [samples.names[label] for label in sample.labels.tolist()]
    for name in own:
        if name not in known:
            few = first_few(names, 10)
            raise ValueError(f"{sample.image.name} has a {name!r}, which the model does not know; it knows {few}")
    return np.array([known[name] for name in own], dtype=np.int64)
