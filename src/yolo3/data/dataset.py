"""From pictures to what a network trains on."""

from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from yolo3.assign import TargetEncoder
from yolo3.choices import Fit
from yolo3.data.fitting import to_tensor
from yolo3.data.picture import Key, Picture, Pictures, as_source, letterboxed
from yolo3.data.transform import Transform, check_transform, transformed
from yolo3.structures import check_image_size


class LabelledImage(NamedTuple):
    """A picture of the network's size and its objects."""

    image: Tensor
    """(3, H, W) uint8."""
    boxes: Tensor
    """(N, 4) float32 xyxy, pixels of the network input."""
    labels: Tensor
    """(N,) int64."""
    weights: Tensor
    """(N,) float32."""


class EncodedImage(NamedTuple):
    """A picture of the network's size and its dense targets."""

    image: Tensor
    """(3, H, W) float32 in [0, 1]."""
    targets: tuple[Tensor, ...]
    """Per scale, coarse to fine, (A, S, S, 6)."""


@dataclass(frozen=True)
class Augmented:
    """Pictures on the network's canvas, each changed by a transform.

    A transform with ``set_random_state``, as every albumentations transform has, is given the dice of the key; another
    one throws its own.

    Args:
        pictures: to change.
        transform: see `Transform`; it must not change the picture's size.

    Raises:
        ValueError: an albumentations transform that does not carry the boxes along, see `check_transform`.
    """

    pictures: Pictures
    transform: Transform

    def __post_init__(self) -> None:
        check_transform(self.transform)

    def __len__(self) -> int:
        return len(self.pictures)

    def picture(self, key: Key) -> Picture:
        """A changed picture.

        Raises:
            ValueError: what the transform gave does not go together, see `transformed`; the picture is mixed.
        """
        before = letterboxed(as_source(self.pictures).picture(key), key.image_size)
        if not (before.weights == 1).all():
            raise ValueError("a transform cannot carry the weights of mixup: write Mixup(Augmented(…))")
        set_random_state = getattr(self.transform, "set_random_state", None)
        if set_random_state is not None:
            dice = key.random("transform")
            set_random_state(dice, Random(int(dice.integers(2**63))))
        return transformed(self.transform, before)


class YoloDataset(Dataset[EncodedImage | LabelledImage]):
    """A torch data set of pictures at the network's size with what they should teach.

    It is asked by a `Key`, which `BatchKeys` hands out, or by a plain index; then it takes its own image size, and its
    dice from torch's generator, as torch's own data sets do.

    Args:
        samples: a `SampleSet`, pictures in memory, or a source such as `Mosaic`.
        transform: applied last, at the network's size; see `Transform`. None changes nothing.
        encoder: makes dense targets, at the image size of the key; None gives boxes and labels, from which the loss
            assigns on the device: less work and less to carry.
        image_size: of the network input, pixels: an edge, or (height, width). None is the encoder's, or 416.
        letterbox: how pictures are made to fit.

    Raises:
        ValueError: An image size that is not positive, that contradicts the encoder's, or that is not a multiple of the
            stride of the encoder's anchors; a transform that does not carry the boxes along.
    """

    def __init__(
        self,
        samples: Pictures,
        transform: Transform | None = None,
        encoder: TargetEncoder | None = TargetEncoder(),
        *,
        image_size: int | tuple[int, int] | None = None,
        letterbox: Fit = "default",
    ) -> None:
        source = as_source(samples, letterbox)
        self.source = source if transform is None else Augmented(source, transform)
        self.encoder = encoder
        if image_size is None:
            image_size = 416 if encoder is None else encoder.image_size
        self.image_size = (image_size, image_size) if isinstance(image_size, int) else image_size
        # without an encoder only the network knows its stride
        check_image_size(self.image_size, 1 if encoder is None else max(encoder.anchors.strides))
        if encoder is not None and encoder.height_width != self.image_size:
            raise ValueError(f"image_size {self.image_size} is not the encoder's {encoder.height_width}; give only one")

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: Key | int) -> EncodedImage | LabelledImage:
        """One picture, with dense targets or with boxes and labels.

        Raises:
            IndexError: an index beyond the last picture.
            ValueError: a picture that cannot be read; objects that cannot be encoded, or that are mixed (dense targets
                have no room for weights).
        """
        if not isinstance(key, Key):
            index = range(len(self))[key]  # counts a negative index from the end, refuses one beyond it
            key = Key(index, self.image_size, seed=int(torch.randint(2**63 - 1, ())))
        picture = letterboxed(self.source.picture(key), key.image_size)
        boxes, labels = torch.from_numpy(picture.boxes), torch.from_numpy(picture.labels)
        if self.encoder is None:
            image = torch.from_numpy(picture.image).permute(2, 0, 1)
            return LabelledImage(image, boxes, labels, torch.from_numpy(picture.weights))
        if not (picture.weights == 1).all():
            raise ValueError("dense targets have no room for the weights of mixup; use encoder=None")
        encoder = replace(self.encoder, image_size=key.image_size)
        return EncodedImage(to_tensor(picture.image), encoder.encode_pixels(boxes, labels))
