"""The comparison of an exported file with its detector; only a file that agrees gets its name."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from yolo3.checkpoint import ModelCard
from yolo3.data.fitting import prepared, to_tensor
from yolo3.data.images import read_reduced
from yolo3.data.shapes import ShapesDataset
from yolo3.protocols import Detector, in_channels_of

TOLERANCE = 1e-3
"""The largest difference that rounding explains: absolute for values up to 1, relative above."""

Answers = Mapping[str, tuple[Tensor, Tensor]]
"""Outputs by name: the file's, and the detector's."""


@dataclass(frozen=True)
class Receipt:
    """Trial of an exported file: its inputs, and how far its outputs were from the detector's."""

    inputs: tuple[str, ...]
    """Trial inputs, such as ``noise 2 x 3 x 416 x 416``."""
    differences: Mapping[str, float]
    """Largest difference of each output: absolute for values up to 1, relative above."""

    @property
    def largest_difference(self) -> float:
        """Largest difference of all outputs."""
        return max(self.differences.values())


def trial_inputs(
    detector: Detector, card: ModelCard, dynamic_size: bool, images: Sequence[str | os.PathLike[str]] = ()
) -> dict[str, Tensor]:
    """Noise, drawings and images in batches of one and two, by their descriptions; always the same.

    Args:
        detector: Detector that takes them.
        card: Card with the image size of half of them, and the letterbox that fits images to it.
        dynamic_size: Whether the other half is larger and not square, or of the same size.
        images: Image files, of which two are used. Without any, noise and drawings are all.

    Raises:
        ValueError: An image that cannot be read.
    """
    image_size = card.image_size
    channels = in_channels_of(detector)
    photographs = [partial(read_reduced, path, channels=channels) for path in images[:2]]
    stride = detector.stride
    height, width = image_size
    other_size = (height + stride, width + 2 * stride) if dynamic_size else image_size
    rng = torch.Generator().manual_seed(0)
    inputs: dict[str, Tensor] = {}
    for size, noisy, shown in ((image_size, 2, 1), (other_size, 1, 2)):
        seen = {"drawings": [to_tensor(drawing.image) for drawing in ShapesDataset(shown, image_size=size)]}
        if photographs:
            seen["images"] = [
                prepared(photograph, card.input_format.at(size)).image for photograph in photographs[:shown]
            ]
        trials = {"noise": torch.rand(noisy, channels, *size, generator=rng)}
        trials |= {what: _with_channels(torch.stack(batch), channels) for what, batch in seen.items()}
        inputs |= {f"{what} {_shape(batch)}": batch for what, batch in trials.items()}
    return inputs


def _with_channels(images: Tensor, channels: int) -> Tensor:
    """(B, channels, H, W): RGB as it is, or the brightness in each channel."""
    return images if channels == images.shape[1] else images.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)


def verify(inputs: Mapping[str, Tensor], answers: Callable[[Tensor], Answers]) -> Receipt:
    """Compare an exported file with the detector.

    Args:
        inputs: Trial inputs, by their descriptions.
        answers: Function of images that gives the outputs of both.

    Raises:
        ValueError: Outputs that differ by more than `TOLERANCE`, or in shape, or are not finite.
    """
    differences: dict[str, float] = {}
    for what, images in inputs.items():
        for name, (found, expected) in answers(images).items():
            largest = difference(found, expected)
            if not largest <= TOLERANCE:  # NaN too
                raise ValueError(
                    f"the exported file is wrong and was not kept: for {what} its {name} and the detector's differ by "
                    f"{largest:.2g}, rounding explains {TOLERANCE:g}"
                )
            differences[name] = max(largest, differences.get(name, 0.0))
    return Receipt(tuple(inputs), differences)


def _shape(images: Tensor) -> str:
    return " x ".join(map(str, images.shape))


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest difference: absolute for values up to 1, relative above; infinite between unlike shapes."""
    if found.shape != expected.shape:
        return float("inf")
    if not expected.numel():
        return 0.0
    return float(((found - expected).abs() / expected.abs().clamp(min=1)).max())
