"""Images to evaluate on: each exactly as a `Predictor` sees it, with its annotations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import Dataset

from yolo3.boxes import InputFormat, Letterbox
from yolo3.data import Sample, SampleSet
from yolo3.data.fitting import prepared
from yolo3.data.images import read_reduced
from yolo3.images import MAX_MEGAPIXELS
from yolo3.structures import GroundTruth


@dataclass(frozen=True)
class FittedImage:
    """An image resized to the network input, and its sample."""

    image: Tensor
    """(C, H, W) float32 in [0, 1]."""
    letterbox: Letterbox
    """Letterbox between the image and the network input."""
    sample: Sample
    """Image file and annotations, in pixels of the original image."""


@dataclass(frozen=True)
class EvaluationBatch:
    """A batch of images to evaluate a detector on."""

    images: Tensor
    """(B, C, H, W) float32 in [0, 1]."""
    truth: GroundTruth
    """Ground truth in pixels of the network input."""
    letterboxes: list[Letterbox]
    """Letterbox of each image."""
    samples: list[Sample]
    """Image file and annotations of each image, in pixels of the original image."""

    @classmethod
    def collate(cls, fitted: Sequence[FittedImage]) -> "EvaluationBatch":
        """Join images, or none: of several processes, one may have no image to evaluate."""
        if not fitted:
            nothing = GroundTruth(torch.empty(0, 4), torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long))
            return cls(torch.empty(0, 3, 0, 0), nothing, [], [])
        objects = []
        for each in fitted:
            single = ~each.sample.crowd  # a crowd is no single object
            boxes, labels = each.sample.boxes[single], each.sample.labels[single]
            objects.append((each.letterbox.apply(torch.from_numpy(boxes)), torch.from_numpy(labels)))
        return cls(
            images=torch.stack([each.image for each in fitted]),
            truth=GroundTruth.collate(objects),
            letterboxes=[each.letterbox for each in fitted],
            samples=[each.sample for each in fitted],
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "EvaluationBatch":
        """The same batch with its pixels on another device."""
        return replace(self, images=self.images.to(device, non_blocking=non_blocking))


class FittedImages(Dataset[FittedImage]):
    """Images exactly as a `Predictor` sees them.

    Args:
        samples: Images and annotations.
        input_format: Size, letterbox and channels of the network input.
        max_megapixels: Largest image, in 10⁶ pixels.
    """

    def __init__(
        self, samples: Sequence[Sample], input_format: InputFormat, max_megapixels: float = MAX_MEGAPIXELS
    ) -> None:
        self.samples = samples
        self.input_format = input_format
        self.max_megapixels = max_megapixels

    @property
    def origin(self) -> str:
        """Where the images come from."""
        return self.samples.origin if isinstance(self.samples, SampleSet) else f"{len(self.samples)} samples"

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> FittedImage:
        """One image.

        Raises:
            ValueError: An image that cannot be read.
        """
        sample = self.samples[index]
        read = partial(
            read_reduced,
            sample.image,
            expected_size=sample.size,
            max_megapixels=self.max_megapixels,
            channels=self.input_format.channels,
        )
        prepared_image = prepared(read, self.input_format)
        return FittedImage(prepared_image.image, prepared_image.letterbox, sample)
