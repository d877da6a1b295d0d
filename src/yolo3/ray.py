"""Detection in a Ray Data pipeline (extra ``ray``): ``map_batches(Detect, fn_constructor_args=["runs/bccd"])``."""

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import torch

from yolo3.bulk import Row, model_digest
from yolo3.bulk.formats import check_parquet, table_of
from yolo3.checkpoint import load_checkpoint
from yolo3.images import MAX_MEGAPIXELS
from yolo3.predictor import Predictor, PredictorSettings
from yolo3.published import PUBLISHED, open_published
from yolo3.runtime import ExportedDetector
from yolo3.sources import Frame, find_frames
from yolo3.sources.encoded import Encoded
from yolo3.sources.kinds import is_container
from yolo3.sources.video import is_video

if TYPE_CHECKING:
    import pyarrow

Rows = Mapping[str, Any]
"""Columns of a batch by name, as Ray gives them: arrays of one length."""


class Detect:
    """Detects in batches of rows; made for ``map_batches`` of a Ray data set, one per actor.

    It takes rows with a ``path`` or with ``bytes``, the content of an image file; where there are both, the bytes are
    read and the path names the image. It gives one row for each, with the columns `yolo3.bulk.COLUMNS`. An image that
    cannot be read never raises: its ``error`` says why. The model is loaded once, on the GPU that Ray gave the actor
    or else with the CPU threads that it gave.

    Args:
        checkpoint: Checkpoint folder, ``hf://user/name@revision``, ``.onnx`` file of ``yolo3 export``, or name of
            published weights.
        **options: Keyword arguments of `Predictor`.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
        ValueError: A checkpoint that cannot be read, or an option that `Predictor` refuses.
    """

    def __init__(self, checkpoint: str | os.PathLike[str], **options: Unpack[PredictorSettings]) -> None:
        check_parquet()
        threads = os.environ.get("OMP_NUM_THREADS", "")  # Ray sets it to the actor's CPUs
        if threads.isdecimal() and int(threads) > 0:
            torch.set_num_threads(int(threads))
        name = os.fspath(checkpoint)
        if name.lower().endswith(".onnx"):
            exported = ExportedDetector(name)
            detector, card = exported, exported.file.card
        elif name in PUBLISHED and not os.path.exists(name):
            detector, card = open_published(name)  # type: ignore[assignment]
        else:
            detector, card = load_checkpoint(checkpoint)  # type: ignore[assignment]
        self.digest = model_digest(detector, card)
        self.predictor = Predictor.from_card(detector, card, **options)

    def __call__(self, batch: Rows) -> "pyarrow.Table":
        """Detect in the rows of a batch.

        Raises:
            ValueError: A batch without a column ``path`` or ``bytes``.
        """
        if "path" not in batch and "bytes" not in batch:
            raise ValueError(f"rows need a column path or bytes; these have {', '.join(batch)}")
        count = len(batch["path"] if "path" in batch else batch["bytes"])
        channels = self.predictor.in_channels
        frames = (_frame(batch, number, channels) for number in range(count))
        rows = [Row.of(frame, found, self.digest) for frame, found in self.predictor.outcomes(frames)]
        return table_of(rows)


def _frame(batch: Rows, number: int, channels: int) -> Frame:
    """The image of a row."""
    path = batch["path"][number] if "path" in batch else None
    content = batch["bytes"][number] if "bytes" in batch else None
    if isinstance(content, bytes | bytearray | memoryview):
        name = path if isinstance(path, str) else f"row {number}"
        return Encoded(name, name, partial(bytes, content)).frame(name, None, MAX_MEGAPIXELS, channels)
    if not isinstance(path, str):
        return Frame.unreadable(f"row {number}", "neither a path nor bytes")
    if is_container(path) or is_video(path) or os.path.isdir(path):
        return Frame.unreadable(path, "not a single image")
    return next(find_frames(path, channels=channels, on_error="skip", stems="plain"))
