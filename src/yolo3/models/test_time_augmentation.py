"""Test-time augmentation (TTA): a detector that looks at every image mirrored and at several sizes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from yolo3.protocols import Detector, as_module, image_size_of, in_channels_of
from yolo3.structures import Candidates


class TestTimeAugmentation(nn.Module):
    """A detector that also looks at every image mirrored and at several sizes.

    The candidates of all looks come together, in pixels of the image: suppression keeps the best box of each object.
    This finds objects that one look misses, and more false positives of low score too. With the defaults it takes six
    times as long as the detector alone.

    Args:
        detector: Detector that looks at the images. It is not copied.
        flip: Whether to look at mirrored images too. Not for classes that differ in left and right, such as arrows or
            digits.
        scales: Image sizes relative to the original. Each is rounded to a multiple of the detector's stride, and sizes
            that coincide are used once.

    Raises:
        ValueError: No scale, or one that is not above 0; a detector that is no `nn.Module`.
    """

    __test__ = False  # pytest would collect a class of this name

    def __init__(self, detector: Detector, flip: bool = True, scales: Sequence[float] = (0.83, 1.0, 1.17)) -> None:
        super().__init__()
        as_module(detector)
        if not scales or not all(scale > 0 for scale in scales):
            raise ValueError(f"scales are {tuple(scales)}; at least one is needed, and each above 0")
        self.detector: Detector = detector
        self.flip = flip
        self.scales = tuple(scales)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.detector.num_classes

    @property
    def stride(self) -> int:
        """Pixels. The height and width of an input must be multiples of it."""
        return self.detector.stride

    @property
    def image_size(self) -> tuple[int, int] | None:
        """(height, width) in pixels of the input that the detector was made for; None where it does not say."""
        return image_size_of(self.detector)

    @property
    def in_channels(self) -> int:
        """Channels of the images."""
        return in_channels_of(self.detector)

    def forward(self, images: Tensor) -> tuple[Any, ...]:
        """Predict.

        Args:
            images: (B, C, H, W) in [0, 1].

        Returns:
            The detector's predictions at each size: for (2·B, C, h, w) images where it flips, first as they are, then
            mirrored. Last comes a (1 + sizes, 2) tensor of heights and widths: the images' own, then each size.
        """
        own = (images.shape[2], images.shape[3])
        sizes = list(dict.fromkeys(self._scaled(own, scale) for scale in self.scales))
        predictions = [self.detector(self._views(images, size)) for size in sizes]
        return *predictions, torch.tensor([own, *sizes])

    def decode(self, predictions: tuple[Any, ...]) -> Candidates:
        """The candidates of all looks, in pixels of the images."""
        *looks, sizes = predictions
        boxes: list[Tensor] = []
        scores: list[Tensor] = []
        for number, look in enumerate(looks, start=1):
            seen = self.detector.decode(look)
            sizes = sizes.to(seen.boxes)
            in_image = seen.boxes * (sizes[0] / sizes[number]).flip(0).repeat(2)  # by [x, y, x, y]
            if self.flip:
                plain, mirrored = in_image.unflatten(0, (2, -1))
                left, top, right, bottom = mirrored.unbind(-1)
                width = sizes[0, 1]
                boxes += [plain, torch.stack([width - right, top, width - left, bottom], dim=-1)]
                scores += seen.scores.unflatten(0, (2, -1))
            else:
                boxes.append(in_image)
                scores.append(seen.scores)
        return Candidates(torch.cat(boxes, dim=1), torch.cat(scores, dim=1))

    def _scaled(self, size: tuple[int, int], scale: float) -> tuple[int, int]:
        """(height, width) at a scale, multiples of the stride."""
        height, width = (max(1, round(edge * scale / self.stride)) * self.stride for edge in size)
        return height, width

    def _views(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """(2·B, C, h, w): the images at a size, and mirrored; (B, C, h, w) without flip."""
        if tuple(images.shape[2:]) != size:
            images = interpolate(images, size, mode="bilinear", antialias=True)
        return torch.cat([images, images.flip(-1)]) if self.flip else images
