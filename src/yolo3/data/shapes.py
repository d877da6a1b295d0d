"""A data set without a download: circles, squares and triangles on noise, drawn from a seed."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, overload

import numpy as np
from PIL import Image, ImageDraw

from yolo3.choices import ShapesKind
from yolo3.data.annotated_image import AnnotatedImage
from yolo3.data.sample import Float32Array, Sample, SampleSet
from yolo3.data.voc_writing import write_voc
from yolo3.data.writing import Album, new_dataset

SHAPES = ("circle", "square", "triangle")
"""Class names, by class number."""

_EMPTY = 0.1  # share of images without objects: a detector must learn to find nothing
_LEAST_VISIBLE = 0.6  # share of a shape that later shapes must leave visible
_FINE = 4  # factor of supersampling, for smooth edges


class Drawing(TypedDict, total=False):
    """Arguments of `ShapesDataset` that make its images harder."""

    max_shapes: int
    radius: tuple[float, float]
    stretch: float


DRAWINGS: dict[ShapesKind, Drawing] = {
    "plain": {},
    "small": {"max_shapes": 12, "radius": (0.02, 0.06)},
    "crowded": {"max_shapes": 40, "radius": (0.05, 0.1)},
    "rotated": {"stretch": 4.0},
}
"""Kinds of drawn images, by name."""


@dataclass(frozen=True)
class ShapesDataset(Sequence[AnnotatedImage]):
    """Images of coloured shapes, each drawn on request and always the same.

    Shapes may overlap a little; about one image in ten is empty.

    Args:
        num_images: Number of images.
        image_size: (height, width), pixels.
        seed: Seed of the drawings.
        max_shapes: Maximum number of shapes per image.
        channels: Number of channels, in each of which shapes have a brightness of their own.
        radius: Smallest and largest radius of a shape, as shares of the shorter side of the image.
        stretch: Largest ratio of the two axes of a shape; above 1 shapes become ellipses, rectangles and triangles,
            long and narrow, in any direction.

    Raises:
        ValueError: An image too small to draw in; a maximum below one shape; fewer than one channel; radii that do not
            fit into an image.
    """

    num_images: int
    image_size: tuple[int, int] = (256, 256)
    seed: int = 0
    max_shapes: int = 6
    channels: int = 3
    radius: tuple[float, float] = (0.07, 0.24)
    stretch: float = 1.0

    def __post_init__(self) -> None:
        if min(self.image_size) < 32 or self.max_shapes < 1 or self.num_images < 0:
            raise ValueError(
                f"{self.num_images} images of {self.image_size} with up to {self.max_shapes} shapes cannot be "
                "drawn; give at least 32 pixels per side and one shape"
            )
        if not 0 < self.radius[0] <= self.radius[1] < 0.5 or self.stretch < 1:
            raise ValueError(
                f"radius is {self.radius} and stretch {self.stretch}; give radii above 0 and below 0.5, the smaller "
                "first, and a stretch of at least 1"
            )
        if self.channels < 1:
            raise ValueError(f"channels is {self.channels}; an image has at least one")

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, in order."""
        return SHAPES

    def __len__(self) -> int:
        return self.num_images

    @overload
    def __getitem__(self, index: int) -> AnnotatedImage: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[AnnotatedImage]: ...
    def __getitem__(self, index: int | slice) -> AnnotatedImage | Sequence[AnnotatedImage]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        index = range(len(self))[index]  # counts a negative index from the end, refuses one beyond it
        return _draw(np.random.default_rng((self.seed, index)), self)


def write_shapes(
    folder: Path,
    num_train: int = 200,
    num_test: int = 50,
    image_size: tuple[int, int] = (256, 256),
    seed: int = 0,
    channels: int = 3,
    num_val: int = 0,
    kind: ShapesKind = "plain",
) -> None:
    """Draw shapes into a new folder, as a Pascal VOC data set with the splits ``train`` and ``test``.

    Args:
        folder: Folder to make; it must be absent or empty.
        num_train: Number of training images.
        num_test: Number of test images.
        image_size: (height, width), pixels.
        seed: Seed of the drawings.
        channels: Number of channels: three are JPEG files, one and four PNG, others arrays of NumPy.
        num_val: Number of images of a split ``val``; without any there is no such split.
        kind: Kind of images: plain, small objects, crowded ones, or rotated, long and narrow ones.

    Raises:
        DataError: A folder that has content.
    """
    images = ShapesDataset(num_train + num_test + num_val, image_size, seed, channels=channels, **DRAWINGS[kind])
    suffix = {1: ".png", 3: ".jpg", 4: ".png"}.get(channels, ".npy")
    with new_dataset(folder) as unfinished, tempfile.TemporaryDirectory() as drawings:
        samples = [
            _saved(annotated, Path(drawings, f"shapes_{number:04d}{suffix}")) for number, annotated in enumerate(images)
        ]
        splits = {"train": samples[:num_train], "test": samples[num_train : num_train + num_test]}
        if num_val:
            splits["val"] = samples[num_train + num_test :]
        write_voc(unfinished, Album.of({name: SampleSet.from_samples(SHAPES, part) for name, part in splits.items()}))


def _saved(annotated: AnnotatedImage, path: Path) -> Sample:
    """Write an image's pixels to a file."""
    if path.suffix == ".npy":
        np.save(path, annotated.image)
    elif path.suffix == ".jpg":
        Image.fromarray(annotated.image).save(path, quality=95, subsampling=0)
    else:
        Image.fromarray(annotated.image.squeeze()).save(path)
    sides = annotated.boxes[:, 2:] - annotated.boxes[:, :2]
    nothing = np.zeros(len(annotated.boxes), dtype=np.bool_)
    return Sample(path, annotated.boxes, annotated.labels, nothing, nothing, sides.prod(1), annotated.size)


def _draw(rng: np.random.Generator, images: ShapesDataset) -> AnnotatedImage:
    image_size = images.image_size
    base = rng.uniform(40, 215, images.channels).astype(np.float32)
    canvas = _background(rng, base, image_size)
    owner = np.full(image_size, -1)  # the shape that each pixel shows
    boxes: list[Float32Array] = []
    labels: list[int] = []
    areas: list[int] = []
    is_empty = rng.random() < _EMPTY
    num_shapes = 0 if is_empty else int(rng.integers(1, images.max_shapes + 1))
    for _ in range(num_shapes):
        label = int(rng.integers(len(SHAPES)))
        outline = _outline(rng, label, images)
        left, top = np.floor(outline.min(0)).astype(int)
        cover = _cover(outline - (left, top))  # (h, w) in [0, 1]
        place = slice(top, top + cover.shape[0]), slice(left, left + cover.shape[1])
        shown = owner.copy()
        shown[place][cover > 0.5] = len(labels)
        if any((shown == earlier).sum() < _LEAST_VISIBLE * area for earlier, area in enumerate(areas)):
            continue
        owner = shown
        areas.append(int((cover > 0.5).sum()))
        labels.append(label)
        boxes.append(np.concatenate([outline.min(0), outline.max(0)]))
        canvas[place] += cover[..., None] * (_colour(rng, base) - canvas[place])
    canvas += rng.standard_normal(canvas.shape, dtype=np.float32) * 8
    return AnnotatedImage(
        image=canvas.clip(0, 255).astype(np.uint8),
        boxes=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        weights=np.ones(len(labels), dtype=np.float32),
    )


def _background(rng: np.random.Generator, base: Float32Array, image_size: tuple[int, int]) -> Float32Array:
    """(H, W, C) soft clouds around a colour."""
    clouds = (base + rng.normal(0, 25, (6, 6, len(base)))).clip(0, 255).astype(np.uint8)
    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).resize(image_size[::-1], Image.Resampling.BICUBIC)
        for plane in np.moveaxis(clouds, 2, 0)
    ]
    return np.stack([np.asarray(plane, dtype=np.float32) for plane in planes], axis=2)


def _colour(rng: np.random.Generator, base: Float32Array) -> Float32Array:
    """(C,) a colour that contrasts with another."""
    while True:
        colour = rng.uniform(0, 255, len(base))
        if np.abs(colour - base).max() > 100:
            return colour.astype(np.float32)


def _outline(rng: np.random.Generator, label: int, images: ShapesDataset) -> Float32Array:
    """(V, 2) x and y of the corners of a shape that lies entirely inside the image."""
    corners = {"circle": 90, "square": 4, "triangle": 3}[SHAPES[label]]
    height, width = images.image_size
    radius = min(height, width) * rng.uniform(*images.radius)
    angles = rng.uniform(0, 2 * np.pi) + np.arange(corners) * (2 * np.pi / corners)
    around = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if images.stretch > 1:
        across = np.array([1, 1 / rng.uniform(1, images.stretch)])
        turn = rng.uniform(0, np.pi)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        around = (around * across) @ rotation.T
    low, high = -around.min(0), np.array([width, height]) - around.max(0)
    return (around + rng.uniform(low, high)).astype(np.float32)


def _cover(outline: Float32Array) -> Float32Array:
    """(h, w) coverage of each pixel by a shape, in [0, 1], from x = y = 0 to its far corner."""
    width, height = np.ceil(outline.max(0)).astype(int).tolist()
    drawing = Image.new("L", (width * _FINE, height * _FINE))
    ImageDraw.Draw(drawing).polygon([(x, y) for x, y in (outline * _FINE - 0.5).tolist()], fill=255)
    return np.asarray(drawing.reduce(_FINE), dtype=np.float32) / np.float32(255)
