"""Heads that predict boxes from anchors: the order of their channels, and the layers that give the predictions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolo3.boxes import SizeDecoding
from yolo3.protocols import ClassActivation

_YOLO_COLUMNS = (4, 0, 1, 2, 3)  # position in the file of objectness, x, y, w, h
_GAUSSIAN_COLUMNS = (8, 0, 2, 4, 6)  # likewise, where each coordinate is followed by its uncertainty
_UNCERTAINTY_COLUMNS = (1, 3, 5, 7)
_LARGEST_LOG_CONFIDENCE = -1e-6  # of a probability whose logit must stay finite


@dataclass(frozen=True)
class PredictionChannels:
    """The channels of a convolution that predicts.

    In the library these are, for each anchor, [objectness, x, y, w, h, classes]. After those of all anchors come the
    uncertainties of x, y, w, h of each anchor, for a ``[Gaussian_yolo]``, and one fusion weight per scale, for a head
    that fuses scales.
    """

    num_anchors: int
    num_classes: int
    has_uncertainties: bool = False
    num_fused: int = 0
    """Number of scales that the head fuses; 0 where it does not."""

    @property
    def num_values(self) -> int:
        """Values per anchor in the library's predictions."""
        return 5 + self.num_classes

    @property
    def num_predictions(self) -> int:
        """Number of channels that the library's predictions are made of, before any uncertainties or fusion weights."""
        return self.num_anchors * self.num_values

    def count(self, num_classes: int | None = None) -> int:
        """Number of channels, for another number of classes if given."""
        classes = self.num_classes if num_classes is None else num_classes
        # objectness and box; Gaussian YOLO adds an uncertainty of each of the four numbers of a box
        others = 9 if self.has_uncertainties else 5
        return self.num_anchors * (others + classes) + self.num_fused

    def positions_in_file(self) -> Tensor:
        """(count,) position in Darknet's files of each channel."""
        fused = torch.arange(self.count() - self.num_fused, self.count())
        channels = torch.arange(self.count() - self.num_fused).view(self.num_anchors, -1)
        if not self.has_uncertainties:
            predictions = torch.cat([channels[:, _YOLO_COLUMNS], channels[:, 5:]], dim=1)
            return torch.cat([predictions.flatten(), fused])
        predictions = torch.cat([channels[:, _GAUSSIAN_COLUMNS], channels[:, 9:]], dim=1)
        return torch.cat([predictions.flatten(), channels[:, _UNCERTAINTY_COLUMNS].flatten(), fused])


@dataclass(frozen=True)
class AnchorHead:
    """How to read the predictions of one scale: Darknet's ``[yolo]``, ``[Gaussian_yolo]`` or ``[region]``."""

    anchors: tuple[tuple[float, float], ...]
    """(width, height) in pixels."""
    stride: int
    """Pixels per cell."""
    channels: PredictionChannels
    predicted_by: tuple[int, ...]
    """Numbers of the layers whose channels are those of the prediction: the convolution first, then any learned vectors
    that are added to its output or multiplied with it."""
    xy_scale: float = 1.0
    """Factor by which box centres may leave their cell, see `Anchors`."""
    size_decoding: SizeDecoding = "exp"
    """How sizes are predicted, see `Anchors`."""
    class_activation: ClassActivation = "sigmoid"

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.channels.num_classes


class Prediction(nn.Module):
    """Darknet's ``[yolo]`` and ``[region]``: the map before it, viewed anchor by anchor."""

    def __init__(self, num_anchors: int) -> None:
        super().__init__()
        self.num_anchors = num_anchors

    def forward(self, x: Tensor) -> Tensor:
        """(B, A·(5 + C), S, S) -> (B, A, S, S, 5 + C) logits [objectness, x, y, w, h, classes]."""
        return x.unflatten(1, (self.num_anchors, -1)).permute(0, 1, 3, 4, 2)


class GaussianPrediction(Prediction):
    """Darknet's ``[Gaussian_yolo]``, whose confidence falls with the uncertainty of the box.

    The score of a box is objectness · class · (1 - mean uncertainty of x, y, w, h). Here the last factor is part of the
    objectness logit, so that losses, decoding and export see a ``[yolo]``.

    Source:
        Gaussian YOLOv3, arXiv 1904.04620 eq. 9; Darknet's ``get_gaussian_yolo_detections``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, A·(5 + C) + 4·A, S, S) -> (B, A, S, S, 5 + C) logits [objectness, x, y, w, h, classes]."""
        num_uncertainties = 4 * self.num_anchors
        predictions, uncertainties = x.split([x.shape[1] - num_uncertainties, num_uncertainties], dim=1)
        logits = super().forward(predictions)
        # 1 - mean σ(u) is the mean of σ(-u); as a logarithm it stays finite whatever u is
        certainties = functional.logsigmoid(-super().forward(uncertainties))
        log_certainty = certainties.logsumexp(dim=-1, keepdim=True) - math.log(4)
        log_confidence = functional.logsigmoid(logits[..., :1]) + log_certainty
        log_confidence = log_confidence.clamp(max=_LARGEST_LOG_CONFIDENCE)
        objectness = log_confidence - torch.log(-torch.expm1(log_confidence))  # log p - log(1 - p)
        return torch.cat([objectness, logits[..., 1:]], dim=-1)


class FusedPrediction(Prediction):
    """A ``[yolo]`` with ``from``: the raw predictions of all scales, added up with weights that each pixel chooses.

    Args:
        num_anchors: Number of anchors.
        num_scales: Number n of scales; each map has n weights after its predictions.
        scale: Number of this head's own map among them.

    Source:
        Adaptive spatial feature fusion, arXiv 1911.09516, applied to predictions.
    """

    def __init__(self, num_anchors: int, num_scales: int, scale: int) -> None:
        super().__init__(num_anchors)
        self.num_scales = num_scales
        self.scale = scale

    def forward(self, *maps: Tensor) -> Tensor:
        """(B, A·(5 + C) + n, S', S') of every scale -> (B, A, S, S, 5 + C) logits of this one."""
        own = maps[self.scale]
        factors = own[:, -self.num_scales :].sigmoid() * 2 / self.num_scales
        fused = own[:, : -self.num_scales] * factors[:, self.scale : self.scale + 1]
        for number, other in enumerate(maps):
            if number != self.scale:
                resized = _resized(other[:, : -self.num_scales], own)
                fused = fused + resized * factors[:, number : number + 1]
        return super().forward(fused)


def _resized(x: Tensor, like: Tensor) -> Tensor:
    """A map at the height and width of another one."""
    size: Sequence[int] = like.shape[2:]
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)
