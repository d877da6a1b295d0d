"""Test-time augmentation: a detector that looks at every image several times."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from yolo3.protocols import Detector
from yolo3.structures import Candidates


class WithFlipsAndScales(nn.Module):
    """A detector that looks at every image mirrored too, and at several sizes.

    Whatever it sees is a candidate, in pixels of the image it was given: suppression keeps the best box of an object.
    That finds objects which one look misses, and more false ones of low score too. The time is that of all looks
    together: as set here, six times that of one.

    Args:
        detector: that looks. It is not copied.
        flip: also mirror left and right; not for classes that differ in it, such as arrows or digits.
        scales: sizes to look at, 1 being the image's own; each is rounded to the detector's stride, and those that come
            to the same are looked at once.

    Raises:
        ValueError: no scale, or one that is not above 0; something that is no `nn.Module`.
    """

    def __init__(self, detector: Detector, flip: bool = True, scales: Sequence[float] = (0.83, 1.0, 1.17)) -> None:
        super().__init__()
        if not isinstance(detector, nn.Module):
            raise ValueError(f"a detector is an nn.Module, not a {type(detector).__name__}")
        if not scales or not all(scale > 0 for scale in scales):
            raise ValueError(f"scales are {tuple(scales)}; at least one is needed, and each above 0")
        self.detector: Detector = detector
        self.flip, self.scales = flip, tuple(scales)

    @property
    def num_classes(self) -> int:
        """How many classes it knows."""
        return self.detector.num_classes

    @property
    def stride(self) -> int:
        """Pixels: the height and width of an input must be multiples of it."""
        return self.detector.stride

    @property
    def image_size(self) -> tuple[int, int] | None:
        """(height, width) of the detector's own input, pixels; None where it has none."""
        return getattr(self.detector, "image_size", None)

    @property
    def in_channels(self) -> int:
        """Of the images."""
        return getattr(self.detector, "in_channels", 3)

    def forward(self, images: Tensor) -> tuple[Any, ...]:
        """Predict.

        Args:
            images: (B, C, H, W) in [0, 1].

        Returns:
            The detector's predictions at each size, of (2·B, C, h, w) images where it flips: as they are, then
            mirrored. Last comes a tensor (1 + sizes, 2) of heights and widths: of the images, then of each size.
        """
        own = (images.shape[2], images.shape[3])
        sizes = list(dict.fromkeys(self._scaled(own, scale) for scale in self.scales))
        predictions = [self.detector(self._views(images, size)) for size in sizes]
        return *predictions, torch.tensor([own, *sizes])

    def decode(self, predictions: tuple[Any, ...]) -> Candidates:
        """The candidates of all looks, in pixels of the images."""
        *looks, sizes = predictions
        boxes, scores = [], []
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
