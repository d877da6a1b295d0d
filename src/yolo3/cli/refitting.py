"""Anchors that a training takes in place of the network's own: fitted to its data set, or those of a file."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo3.boxes import Anchors, InputFormat
from yolo3.system.files import new_file

if TYPE_CHECKING:
    from torch import Tensor

    from yolo3.data import SampleSet

_KEPT = "anchors.json"
"""The name of their file in the folder of a training."""


@dataclass(frozen=True)
class Refit:
    """What ``yolo3 train --anchors`` asks for."""

    choice: str
    """``auto``, or the file that `write_anchors` wrote."""
    samples: "SampleSet"
    """The images to train on."""
    input_format: InputFormat
    """Network input, whose pixels anchors are in."""
    seed: int
    """The seed of k-means."""

    def __call__(self, own: Anchors, any_scales: bool = False) -> Anchors:
        """The anchors to train with; says which they are.

        Args:
            own: The network's. There will be as many per scale.
            any_scales: Whether a file may have anchors of other scales, or another number of them.

        Raises:
            ValueError: Anchors that are not for this network or this input; too few boxes to fit to.
        """
        if self.choice == "auto":
            return _fitted(self, own)
        chosen = read_anchors(Path(self.choice), self.input_format, own.xy_scales)
        if not any_scales and _shape(chosen) != _shape(own):
            raise ValueError(
                f"{self.choice} has {_shape(chosen)}, the network {_shape(own)}; fit others with yolo3 anchors "
                "--strides and --per-scale"
            )
        print(f"anchors: those of {self.choice}", flush=True)
        return chosen


def kept_anchors(folder: Path) -> str | None:
    """The file of the anchors that a training began with, if they were not the network's own."""
    return str(folder / _KEPT) if (folder / _KEPT).is_file() else None


def keep_anchors(folder: Path, anchors: Anchors, input_format: InputFormat) -> None:
    """Leave them with the training, which goes on with the same; see `write_anchors`."""
    write_anchors(folder / _KEPT, anchors, input_format, {"xy_scales": anchors.xy_scales})


def write_anchors(path: Path, anchors: Anchors, input_format: InputFormat, about: dict[str, Any]) -> None:
    """Write anchors to a file for ``yolo3 train --anchors``.

    Args:
        path: The file, JSON.
        anchors: The anchors.
        input_format: Network input that they are for.
        about: Further facts to write down with them.
    """
    content = {
        "anchors": anchors.sizes,
        "strides": anchors.strides,
        "image_size": input_format.size,
        "letterbox": input_format.letterbox,
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in (content | about).items()]
    with new_file(path) as partial:
        partial.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_anchors(path: Path, input_format: InputFormat, xy_scales: tuple[float, ...] = ()) -> Anchors:
    """The anchors of a file.

    Args:
        path: The file, from `write_anchors`.
        input_format: Network input that they have to be for.
        xy_scales: Those of anchors whose file names none, if there are as many scales; see `Anchors`.

    Raises:
        ValueError: A file that holds no anchors, or anchors for another input.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        unnamed = xy_scales if len(xy_scales) == len(content["strides"]) else ()
        anchors = Anchors(content["anchors"], content["strides"], tuple(content.get("xy_scales", unnamed)))
        height, width = content["image_size"]
        fitted_to = (height, width), content["letterbox"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"--anchors {path} holds no anchors; give auto, or a file of yolo3 anchors --output"
        ) from error
    if fitted_to != (input_format.size, input_format.letterbox):
        raise ValueError(
            f"{path} is for an input of {height} x {width} (height x width), letterbox {fitted_to[1]}; train at this "
            "size, or fit anchors for another with yolo3 anchors --image-size and --letterbox"
        )
    return anchors


def network_sizes(samples: "SampleSet", input_format: InputFormat) -> "Tensor":
    """(N, 2) width and height of every object, crowds left out, in pixels of the network input.

    Raises:
        ValueError: There is no object.
    """
    import torch

    from yolo3.data.fitting import fitted_boxes

    boxes = fitted_boxes(samples, input_format)
    sizes = (boxes[:, 2:] - boxes[:, :2])[torch.from_numpy(~samples.crowd)]
    if not len(sizes):
        raise ValueError(f"{samples.origin}: no object to fit anchors to")
    return sizes


def _fitted(refit: Refit, own: Anchors) -> Anchors:
    """Fitted anchors, or the network's own where those fit better."""
    counts = {len(scale) for scale in own.sizes}
    if len(counts) > 1:
        raise ValueError(f"--anchors auto is for scales of equally many anchors; the network has {_shape(own)}")
    sizes = network_sizes(refit.samples, refit.input_format)
    fitted = Anchors.fit(sizes, len(own), counts.pop(), refit.seed, strides=own.strides)
    before, after = (float(anchors.best_iou(sizes).mean()) for anchors in (own, fitted))
    if after <= before:
        print(f"anchors: the network's own, mean best IoU {before:.3f}; fitted ones reach {after:.3f}", flush=True)
        return own
    print(f"anchors: fitted, mean best IoU {after:.3f}; the network's own reach {before:.3f}", flush=True)
    return replace(fitted, xy_scales=own.xy_scales)


def _shape(anchors: Anchors) -> str:
    """As in ``3, 3 and 3 anchors at strides 32, 16 and 8``."""
    counts, strides = ([str(number) for number in numbers] for numbers in (map(len, anchors.sizes), anchors.strides))
    return f"{', '.join(counts)} anchors at strides {', '.join(strides)}"
