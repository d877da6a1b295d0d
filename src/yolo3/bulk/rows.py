"""One row per image: what was found in it, or why it could not be read."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from yolo3.sources import Frame, Unreadable
from yolo3.structures import Detections


@dataclass(frozen=True)
class Row:
    """An image and what was found in it, in plain values."""

    path: str
    """Name of the image, see `Frame`."""
    width: int | None
    """Pixels of the upright image; None where it could not be read."""
    height: int | None
    boxes: list[list[float]]
    """Left, top, right, bottom of each object in pixels, best first."""
    scores: list[float]
    labels: list[int]
    names: list[str]
    error: str | None
    """Reason why the image could not be read; None where it was."""
    model_digest: str
    """Digest of the model that looked at it, see `model_digest`."""

    @classmethod
    def of(cls, frame: Frame, found: Detections | Unreadable, digest: str) -> "Row":
        """The row of a frame.

        Args:
            frame: Frame that has been looked at.
            found: Detections in it, or its error.
            digest: Digest of the model.
        """
        if isinstance(found, Unreadable):
            return cls.failed(frame.name, found.reason, digest)
        height, width = frame.size
        return cls(
            path=frame.name,
            width=width,
            height=height,
            boxes=found.boxes.float().tolist(),
            scores=found.scores.float().tolist(),
            labels=found.labels.tolist(),
            names=found.names,
            error=None,
            model_digest=digest,
        )

    @classmethod
    def failed(cls, path: str, reason: str, digest: str) -> "Row":
        """The row of an image that could not be read."""
        return cls(path, None, None, [], [], [], [], reason, digest)

    def to_dict(self) -> dict[str, Any]:
        """The values by the names of their columns."""
        return asdict(self)


COLUMNS = tuple(field.name for field in fields(Row))
"""Names of the columns, in their order."""


def stored(path: str) -> str:
    r"""A path as a file of UTF-8 holds it: bytes that are none are written as JSON does, ``\udcff``."""
    return path.encode("utf-8", "backslashreplace").decode()
