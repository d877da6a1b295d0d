"""The card of a checkpoint: what is known about a detector besides its weights, and the JSON file that holds it."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from yolo3.boxes import Anchors, InputFormat
from yolo3.checkpoint.selection import Selection
from yolo3.checks.names import check_class_names, printable
from yolo3.choices import LetterboxName

FORMAT = 2
"""Format number of ``model.json``; counts up when an older yolo3 could no longer read a new file."""

CARD_NAME = "model.json"
"""Name of the card's file."""

WEIGHTS_NAME = re.compile(r"model-[0-9a-f]{12}\.safetensors")
"""Pattern of the weights' file name: never a file in another folder."""

_LARGEST_FILE = 1 << 24  # bytes; a cfg has 1 MB at most, the names of ten thousand classes less
_LARGEST_IMAGE = 1 << 26  # pixels: 8,192 x 8,192
_LARGEST_METRIC = 1e300
_MOST_CHANNELS = 65_535  # of a TIFF


@dataclass(frozen=True)
class ModelCard:
    """What is known about a detector besides its weights.

    Raises:
        ValueError: A value of the wrong type or size, as a damaged file may hold; a class name that appears twice or
            has control characters.
    """

    names: tuple[str, ...] = ()
    """Names of the classes, each different; empty where they have none."""
    image_size: tuple[int, int] = (416, 416)
    """(height, width) of the network input it was trained with, pixels; at most 8,192 x 8,192 of them."""
    letterbox: LetterboxName = "default"
    """Letterbox that fitted the images to that input."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the detector, such as ``AP50``."""
    training: str = ""
    """The digest of the samples it was trained on, `SampleSet.digest`; empty where it was not trained here."""
    category_ids: tuple[int, ...] | None = None
    """The numbers of its classes in the COCO file that it was trained on."""
    selection: Selection | None = None
    """How the epoch of these weights was chosen; None where they were not trained here."""
    architecture: Mapping[str, Any] = field(default_factory=dict)
    """Description to build the network from; `save_checkpoint` fills it in, as all that follow."""
    anchors: Anchors | None = None
    """The anchors of an anchor detector."""
    yolo3_version: str = ""
    """The version of yolo3 that wrote the checkpoint."""
    in_channels: int = 3
    """Number of channels of the images; `save_checkpoint` fills it in."""

    def __post_init__(self) -> None:
        if isinstance(self.names, str):  # its letters would do as names
            raise ValueError(f"'names' of a model card cannot be {printable(self.names)!r}; give a list of names")
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "image_size", tuple(self.image_size))
        object.__setattr__(self, "metrics", dict(self.metrics))
        if self.category_ids is not None:
            object.__setattr__(self, "category_ids", tuple(self.category_ids))
        object.__setattr__(self, "architecture", dict(self.architecture))
        wrong = {
            "names": not all(isinstance(name, str) for name in self.names),
            "image_size": not _is_image_size(self.image_size),
            "letterbox": self.letterbox not in get_args(LetterboxName),
            "metrics": not all(_is_number(value) for value in self.metrics.values()),
            "training": not isinstance(self.training, str),
            "category_ids": self.category_ids is not None and not _number_classes(self.category_ids, len(self.names)),
            "in_channels": type(self.in_channels) is not int or not 1 <= self.in_channels <= _MOST_CHANNELS,
            "yolo3_version": not isinstance(self.yolo3_version, str),
        }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            raise ValueError(f"{name!r} of a model card cannot be {printable(repr(getattr(self, name)))}")
        check_class_names(self.names)

    @property
    def input_format(self) -> InputFormat:
        """Network input that it was trained with."""
        return InputFormat(self.image_size, self.letterbox, self.in_channels)

    def check_fits(self, num_classes: int) -> None:
        """Raise the ValueError of a card with names for another number of classes than a detector's."""
        if self.names and len(self.names) != num_classes:
            raise ValueError(f"the card has {len(self.names)} names, the detector {num_classes} classes")


def write_card(path: Path, card: ModelCard, weights: str, digest: str) -> None:
    """Write the card of a checkpoint.

    Args:
        path: The file to write.
        card: The card.
        weights: The name of the weights' file beside it.
        digest: The SHA-256 of that file.
    """
    content = {"format": FORMAT, "weights": weights, "weights_sha256": digest, **asdict(card)}
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_card_file(path: Path) -> tuple[ModelCard, str, str]:
    """The card of a checkpoint, and the name and the digest of the weights that it belongs to.

    Raises:
        ValueError: A file that is missing, damaged or of a newer format.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"{path.stat().st_size:,} bytes are too many for a model card")
        content = json.loads(path.read_text(encoding="utf-8"))
        _check_format(content.pop("format"), content)
        weights = content.pop("weights")
        digest = content.pop("weights_sha256")
        if not WEIGHTS_NAME.fullmatch(weights):
            raise ValueError(f"'weights' cannot be {printable(repr(weights))}")
        if content["anchors"] is not None:
            content["anchors"] = Anchors(**content["anchors"])
        if content.get("selection") is not None:  # of format 2 on
            content["selection"] = Selection(**content["selection"])
        return ModelCard(**content), weights, digest
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"{path} is missing; {path.parent} is no checkpoint") from error
    except (AttributeError, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {printable(str(error))})") from error
    except (RecursionError, OverflowError) as error:
        raise ValueError(f"{path} is damaged: it is nested too deeply, or a number in it is too large") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_format(written_in: object, content: Mapping[str, Any]) -> None:
    if type(written_in) is not int:
        raise TypeError(f"format {printable(repr(written_in))} is no number")
    if written_in < 1:
        raise ValueError(f"there is no format {written_in}; formats count from 1")
    if written_in > FORMAT:
        writer = printable(str(content.get("yolo3_version")))
        raise ValueError(f"format {written_in} is newer than this yolo3 reads ({FORMAT}); install yolo3 {writer}")


def _is_image_size(edges: tuple[object, ...]) -> bool:
    """Whether these are a height and a width that an image could have."""
    whole = [edge for edge in edges if type(edge) is int and edge > 0]
    return len(edges) == len(whole) == 2 and math.prod(whole) <= _LARGEST_IMAGE


def _is_number(value: object) -> bool:
    """Whether it is a finite number."""
    return type(value) in (int, float) and -_LARGEST_METRIC < value < _LARGEST_METRIC  # type: ignore[operator]


def _number_classes(numbers: tuple[object, ...], count: int) -> bool:
    """Whether these are so many different whole numbers."""
    return len(numbers) == count == len(set(numbers)) and all(type(each) is int for each in numbers)
