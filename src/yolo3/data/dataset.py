"""Training images with their targets."""

from dataclasses import dataclass, replace
from random import Random

import torch
from torch.utils.data import Dataset

from yolo3.assign import TargetEncoder
from yolo3.boxes import InputFormat, height_width
from yolo3.choices import LetterboxName
from yolo3.data.annotated_image import AnnotatedImage, ImageSourceLike, Key, as_source, letterboxed
from yolo3.data.batch import EncodedImage, LabelledImage
from yolo3.data.fitting import to_tensor
from yolo3.data.transform import Transform, check_transform, transformed
from yolo3.structures import check_image_size


@dataclass(frozen=True)
class Augmented:
    """Letterboxed images, each changed by a transform.

    A transform with ``set_random_state``, such as every albumentations transform, is seeded by the key. Other
    transforms use their own random state.

    Args:
        images: Images to change.
        transform: Transform to apply, see `Transform`. It must not change the image size.

    Raises:
        ValueError: An albumentations transform that does not transform the boxes, see `check_transform`.
    """

    images: ImageSourceLike
    transform: Transform

    def __post_init__(self) -> None:
        check_transform(self.transform)

    def __len__(self) -> int:
        return len(self.images)

    def load(self, key: Key) -> AnnotatedImage:
        """Load an image and transform it.

        Raises:
            ValueError: An inconsistent result of the transform, see `transformed`; an image after mixup.
        """
        before = letterboxed(as_source(self.images).load(key), key.image_size)
        if not (before.weights == 1).all():
            raise ValueError("a transform cannot carry the weights of mixup: write Mixup(Augmented(…))")
        set_random_state = getattr(self.transform, "set_random_state", None)
        if set_random_state is not None:
            rng = key.random("transform")
            set_random_state(rng, Random(int(rng.integers(2**63))))
        return transformed(self.transform, before)


class YoloDataset(Dataset[EncodedImage | LabelledImage]):
    """A torch data set of images at the network's size, with their targets.

    It is indexed by a `Key`, which `BatchKeys` gives, or by an integer. With an integer it uses its own image size, and
    torch's random generator, as torch's own data sets do.

    Args:
        samples: A `SampleSet`, images in memory, or a source such as `Mosaic`.
        transform: Transform applied last, at the network's size, see `Transform`. None changes nothing.
        encoder: Encoder of dense targets, used at the image size of the key. None gives boxes and labels, which the
            loss assigns on the device: less work and less data to move.
        image_size: Size of the network input, pixels: an edge, or (height, width). Default: the encoder's, or 416.
        letterbox: Name of the letterbox, see `Letterbox.fit`. A source of images reads with its own; name the same
            here, since images to evaluate on are fitted by it.
        channels: Number of channels that the network takes, see `with_channels`; likewise.

    Raises:
        ValueError: An image size that is not positive, contradicts the encoder's, or is not a multiple of the strides
            of the encoder's anchors; a transform that does not transform the boxes.
    """

    def __init__(
        self,
        samples: ImageSourceLike,
        transform: Transform | None = None,
        encoder: TargetEncoder | None = TargetEncoder(),
        *,
        image_size: int | tuple[int, int] | None = None,
        letterbox: LetterboxName = "default",
        channels: int = 3,
    ) -> None:
        self.encoder = encoder
        if image_size is None:
            image_size = 416 if encoder is None else encoder.image_size
        self.image_size = height_width(image_size)
        # without an encoder only the network knows its stride
        check_image_size(self.image_size, 1 if encoder is None else max(encoder.anchors.strides))
        if encoder is not None and encoder.height_width != self.image_size:
            raise ValueError(f"image_size {self.image_size} is not the encoder's {encoder.height_width}; give only one")
        self.input_format = InputFormat(self.image_size, letterbox, channels)
        source = as_source(samples, self.input_format)
        self.source = source if transform is None else Augmented(source, transform)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: Key | int) -> EncodedImage | LabelledImage:
        """One image with dense targets, or with boxes and labels.

        Raises:
            IndexError: An index beyond the last image.
            ValueError: An image that cannot be read; objects that cannot be encoded; dense targets after mixup that
                have no column for weights.
        """
        if not isinstance(key, Key):
            index = range(len(self))[key]  # negative indices count from the end; out of range raises
            key = Key(index, self.image_size, seed=int(torch.randint(2**63 - 1, ())))
        annotated = letterboxed(self.source.load(key), key.image_size)
        boxes = torch.from_numpy(annotated.boxes)
        labels = torch.from_numpy(annotated.labels)
        if self.encoder is None:
            image = torch.from_numpy(annotated.image).permute(2, 0, 1)
            return LabelledImage(image, boxes, labels, torch.from_numpy(annotated.weights))
        if not self.encoder.weights and not (annotated.weights == 1).all():
            raise ValueError(
                "dense targets of six columns have no place for the weights of mixup; use encoder=None, or a "
                "TargetEncoder(weights=True)"
            )
        encoder = replace(self.encoder, image_size=key.image_size)
        targets = encoder.encode_pixels(boxes, labels, torch.from_numpy(annotated.weights))
        return EncodedImage(to_tensor(annotated.image), targets)
