"""``torch.export``: the detector as a graph of PyTorch's own operators."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.export import ExportedProgram

from yolo3.checkpoint import ModelCard
from yolo3.export.graph import Decoded, Logits, facts, portable, trace
from yolo3.export.verify import Answers, Receipt, trial_inputs, verify
from yolo3.models.fusing import fuse
from yolo3.protocols import Detector
from yolo3.system.files import new_file

FACTS = "yolo3.json"
"""The file inside a ``.pt2`` that tells names, image size, letterbox, anchors and the receipt."""


def export_program(
    detector: Detector,
    path: str | os.PathLike[str],
    card: ModelCard | None = None,
    kind: Literal["logits", "decoded"] = "logits",
    *,
    dynamic_size: bool = True,
    images: Sequence[str | os.PathLike[str]] = (),
) -> Receipt:
    """Write a ``.pt2`` file, which ``torch.export.load(path).module()`` runs without this library.

    Args:
        detector: Detector to export. It is not changed; in the file BatchNorm is folded into the convolutions.
        path: File to write, ending in ``.pt2``.
        card: Names, image size and letterbox; None is a blank card.
        kind: Dict that the file gives for images (B, C, H, W): ``logits_0``, ``logits_1``, … are the predictions of
            every scale; or decoded, ``boxes`` (B, N, 4) xyxy in pixels of the input and ``scores`` (B, N, classes).
        dynamic_size: Whether the file takes images of any height and width that are multiples of the detector's stride,
            and at least twice it; or of the card's image size alone.
        images: Image files to try the export on, besides noise and drawings; two are enough.

    Returns:
        Receipt of the comparison with the detector.

    Raises:
        ValueError: A network that cannot be traced, a card that does not fit it, an image that cannot be read, a file
            that does not answer as the detector does. There is no file then.
        OSError: A file that cannot be written.
    """
    path = Path(path)
    card = card or ModelCard()
    if path.suffix != ".pt2":
        raise ValueError(f"{path} does not end in .pt2, as PyTorch wants it")
    if kind not in ("logits", "decoded"):
        raise ValueError(f"a .pt2 file cannot hold {kind!r}; choose logits or decoded, or write ONNX")
    detector = portable(detector)
    about = facts(detector, card, kind)
    form = Logits if kind == "logits" else Decoded
    original = form(detector)
    inputs = trial_inputs(detector, card, dynamic_size, images)
    with new_file(path) as partial:
        program = trace(fuse(original), detector, None if dynamic_size else card.image_size)
        _save(program, partial)
        exported = torch.export.load(partial).module()

        @torch.no_grad()
        def answers(batch: Tensor) -> Answers:
            found = exported(batch)
            return {name: (found[name], expected) for name, expected in original(batch).items()}

        receipt = verify(inputs, answers)
        about["verified"] = asdict(receipt)
        _save(program, partial, {FACTS: json.dumps(about)})
    return receipt


def _save(program: ExportedProgram, path: Path, extra_files: dict[str, str] | None = None) -> None:
    content = BytesIO()  # PyTorch's own writing of files aborts the process where the disk is full
    torch.export.save(program, content, extra_files=extra_files)
    path.write_bytes(content.getbuffer())
