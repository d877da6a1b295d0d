"""Reading predictions: what the columns of a detector's output mean, said once.

A slot is one place that can be responsible for an object: (image, anchor, row, column) of a scale's grid. Rows are y,
columns are x.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from yolo3.boxes import Anchors, SizeDecoding

# of a box to its anchor: exp() of a stray logit must not become infinite. Boxes of 1,000 anchors are no boxes: COCO's
# smallest anchor would be 10,000 pixels wide
_LARGEST_LOG_RATIO = math.log(1e3)


@dataclass(frozen=True)
class ScaleOutput:
    """Predictions of one scale, with what is needed to read them: the only place that knows the columns.

    Over a whole grid it is made from a detector's output; `at` gives the same thing for a list of slots, where the
    leading (B, A, S, S) becomes (P,), and `joined` makes one list of those of several scales.
    """

    logits: Tensor
    """(B, A, S, S, 5 + C), or (P, 5 + C) at slots: [objectness, x, y, w, h, class 0 … C-1]."""
    anchors: Tensor
    """(A, 2), or (P, 2) at slots: width and height of the anchor, pixels."""
    stride: int | Tensor
    """Pixels per cell; (P, 1) where scales are joined."""
    xy_scale: float | Tensor = 1.0
    """Reach of a centre beyond its cell, see `Anchors.xy_scales`; (P, 1) where scales of different reach are joined."""
    cells: Tensor | None = None
    """(P, 2) column and row at slots; None over a whole grid."""
    size_decoding: SizeDecoding = "exp"
    """How sizes are decoded from logits, see `Anchors.size_decoding`."""

    @classmethod
    def from_predictions(cls, predictions: Sequence[Tensor], anchors: Anchors) -> "list[ScaleOutput]":
        """Every scale of a detector's output, coarse to fine; half precision is read as float32.

        Raises:
            ValueError: Predictions of other scales or anchors than given.
        """
        if isinstance(predictions, Tensor):
            raise ValueError(f"predictions are one tensor for {len(anchors)} scales; pass all that the detector gave")
        if len(predictions) != len(anchors):
            scales = f"{len(predictions)} scales and anchors of {len(anchors)}"
            raise ValueError(f"predictions of {scales}; pass the detector's own anchors: detector.anchors")
        outputs = []
        for scale, logits in enumerate(predictions):
            if logits.ndim != 5 or logits.shape[1] != len(anchors.sizes[scale]) or logits.shape[-1] < 6:
                expected = f"(B, {len(anchors.sizes[scale])}, S, S, 5 + C)"
                raise ValueError(f"predictions of scale {scale} are {tuple(logits.shape)}, not {expected}")
            if logits.dtype in (torch.float16, torch.bfloat16):
                logits = logits.float()  # with the 8 bits of bfloat16 a coordinate of 400 would be rounded to 2 pixels
            sizes = anchors.tensor(scale, like=logits)
            xy_scale = anchors.xy_scales[scale]
            outputs.append(cls(logits, sizes, anchors.strides[scale], xy_scale, size_decoding=anchors.size_decoding))
        return outputs

    @classmethod
    def blank(cls, anchors: Anchors, image_size: tuple[int, int], batch_size: int = 1) -> "list[ScaleOutput]":
        """The grids for an input of (height, width) with nothing predicted yet: enough to place objects on.

        Raises:
            ValueError: A height or width that is not a multiple of every stride.
        """
        check_image_size(image_size, max(anchors.strides))
        nothing = torch.zeros(())  # expanded, not copied: a blank grid takes no memory
        predictions = [
            nothing.expand(batch_size, len(sizes), image_size[0] // stride, image_size[1] // stride, 6)
            for sizes, stride in anchors
        ]
        return cls.from_predictions(predictions, anchors)

    @property
    def objectness(self) -> Tensor:
        """(...,) logits."""
        return self.logits[..., 0]

    @property
    def classes(self) -> Tensor:
        """(..., C) logits."""
        return self.logits[..., 5:]

    @property
    def centre_logits(self) -> Tensor:
        """(..., 2) logits of x and y: their sigmoid is the centre within its cell, where `xy_scale` is 1."""
        return self.logits[..., 1:3]

    @property
    def size_logits(self) -> Tensor:
        """(..., 2) logits of width and height, from which the size relative to the anchor is decoded."""
        return self.logits[..., 3:5]

    @property
    def log_ratios(self) -> Tensor:
        """(..., 2): log(w / anchor) and log(h / anchor)."""
        if self.size_decoding == "exp":
            return self.size_logits
        return 2 * (functional.logsigmoid(self.size_logits) + math.log(2))  # log of (2 σ(t))²

    @property
    def offsets(self) -> Tensor:
        """(..., 4): the centre within its cell (in cells), then log(w / anchor) and log(h / anchor)."""
        return torch.cat([self._centre_in_cell(), self.log_ratios], dim=-1)

    @property
    def cxcywh(self) -> Tensor:
        """(..., 4) predicted boxes, pixels. Source: YOLOv3, arXiv 1804.02767 §2.1; Darknet's ``get_yolo_box``."""
        return torch.cat(self._centre_and_size(), dim=-1)

    @property
    def xyxy(self) -> Tensor:
        """(..., 4) predicted boxes, pixels."""
        centre, size = self._centre_and_size()
        half = size / 2
        return torch.cat([centre - half, centre + half], dim=-1)

    @property
    def without_classes(self) -> "ScaleOutput":
        """The same boxes; `at` then gathers less."""
        return replace(self, logits=self.logits[..., :5])

    def at(self, slots: Tensor) -> "ScaleOutput":
        """The predictions at (P, 4) slots: image, anchor, row, column."""
        image, anchor, row, column = slots.unbind(1)
        return replace(
            self,
            logits=self.logits[image, anchor, row, column],
            anchors=self.anchors.index_select(0, anchor),
            cells=torch.stack([column, row], dim=1),
        )

    @classmethod
    def joined(cls, parts: "Sequence[ScaleOutput]") -> "ScaleOutput":
        """The predictions at slots of several scales, as one list: a term then runs once and not once per scale."""

        def column(name: str) -> Tensor:
            return torch.cat([part.logits.new_full((len(part.logits), 1), getattr(part, name)) for part in parts])

        xy_scale = parts[0].xy_scale
        if any(part.xy_scale != xy_scale for part in parts):
            xy_scale = column("xy_scale")
        return cls(
            logits=torch.cat([part.logits for part in parts]),
            anchors=torch.cat([part.anchors for part in parts]),
            stride=column("stride"),
            xy_scale=xy_scale,
            size_decoding=parts[0].size_decoding,
            cells=torch.cat([part.cells for part in parts if part.cells is not None]),
        )

    def _centre_in_cell(self) -> Tensor:
        sigmoid = self.centre_logits.sigmoid()
        if isinstance(self.xy_scale, float) and self.xy_scale == 1:
            return sigmoid
        # Darknet's scale_x_y: stretched around the middle of the cell, so that σ need not be 0 or 1 at its border
        return sigmoid * self.xy_scale - (self.xy_scale - 1) / 2

    def _centre_and_size(self) -> tuple[Tensor, Tensor]:
        """(..., 2) and (..., 2), pixels."""
        centre = (self._centre_in_cell() + self._cells()) * self.stride
        return centre, self._ratios() * self._anchors()

    def _ratios(self) -> Tensor:
        """(..., 2): w / anchor and h / anchor."""
        if self.size_decoding == "exp":
            # the clamp comes first: where exp overflowed, its gradient would be infinite times zero
            return self.size_logits.clamp(max=_LARGEST_LOG_RATIO).exp()
        return (2 * self.size_logits.sigmoid()).square()

    def _cells(self) -> Tensor:
        """Column and row of every prediction, to broadcast against (..., 2)."""
        if self.cells is not None:
            return self.cells
        rows, columns = self.logits.shape[2:4]
        row = torch.arange(rows, device=self.logits.device)
        column = torch.arange(columns, device=self.logits.device)
        return torch.stack([column.expand(rows, columns), row[:, None].expand(rows, columns)], dim=-1)  # (S, S, 2)

    def _anchors(self) -> Tensor:
        """The anchor of every prediction, to broadcast against (..., 2)."""
        return self.anchors if self.cells is not None else self.anchors[:, None, None]


def check_image_size(image_size: tuple[int, int], stride: int) -> None:
    """Raise the ValueError of a network input whose (height, width) is not a multiple of the coarsest stride."""
    if any(edge < stride or edge % stride for edge in image_size):
        height, width = image_size
        fixed = " x ".join(str(max(stride, round(edge / stride) * stride)) for edge in image_size)
        raise ValueError(f"image size {height} x {width} is not a multiple of {stride}; try {fixed}")
