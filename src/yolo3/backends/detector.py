"""An exported detector with the face of any detector."""

import os
import tempfile
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from yolo3.backends.file import ExportedFile, read_exported
from yolo3.backends.runtimes import Network, Runtime, check_runtime, load_network
from yolo3.checkpoint import ModelCard
from yolo3.export import export_onnx
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.protocols import Detector
from yolo3.structures import Candidates
from yolo3.system.devices import Precision


class ExportedDetector(nn.Module):
    """A detector in an ONNX file, which onnxruntime or OpenVINO runs.

    It has no parameters of its own and cannot be trained. `decode` and the thresholds of `suppress` are as with any
    detector; those that a file of detections was exported with are not used.

    Args:
        path: of a file that `export_onnx` wrote, ``decoded`` or ``detections``.
        runtime: that runs it, on the CPU.
        precision: that it computes in: ``fp32``, with OpenVINO ``bf16`` too; ``auto`` is the fastest of them that the
            hardware has.

    Raises:
        ModuleNotFoundError: without the extra that brings the runtime.
        ValueError: a file that is none of those, an unknown runtime or precision.
    """

    def __init__(
        self, path: str | os.PathLike[str], runtime: Runtime = "onnxruntime", precision: Precision = "auto"
    ) -> None:
        super().__init__()
        check_runtime(runtime, precision)
        self.file: ExportedFile = read_exported(path)
        self.runtime, self.precision = runtime, precision

    @property
    def num_classes(self) -> int:
        """How many classes it knows."""
        return self.file.num_classes

    @property
    def stride(self) -> int:
        """Pixels: the height and width of an input must be multiples of it."""
        return self.file.stride

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.file.in_channels

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the input it was trained with, pixels."""
        return self.file.card.image_size

    @cached_property
    def network(self) -> Network:
        """The loaded network, loaded when it is first asked for."""
        return load_network(self.file.network(), self.runtime, self.precision)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict and decode.

        Args:
            images: (B, C, H, W) in [0, 1].

        Returns:
            (B, N, 4) boxes and (B, N, classes) scores, on the CPU.

        Raises:
            ValueError: Images of a size that the file does not take; outputs of another shape than the file says.
        """
        self.check_size((images.shape[2], images.shape[3]))
        batch_size = self.file.batch_size or len(images)
        parts = [self._run(part, batch_size) for part in images.detach().float().cpu().split(batch_size)]
        boxes, scores = zip(*parts, strict=True)
        return torch.cat(boxes), torch.cat(scores)

    def decode(self, predictions: tuple[Tensor, Tensor]) -> Candidates:
        """The boxes and scores as candidates."""
        return Candidates(*predictions)

    def check_size(self, image_size: tuple[int, int]) -> None:
        """Raise the ValueError of an image size that the file does not take."""
        fixed = self.file.fixed_size
        if fixed not in (None, tuple(image_size)):
            takes, given = (" x ".join(map(str, size)) for size in (fixed, image_size))
            raise ValueError(f"{self.file.path} takes images of {takes} only, not {given}; export it again for others")

    def _run(self, images: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
        """Run up to a batch of images, filled up with black ones."""
        filling = images.new_zeros(batch_size - len(images), *images.shape[1:])
        boxes, scores = self.network(torch.cat([images, filling]).contiguous().numpy())
        if scores.shape != (batch_size, boxes.shape[1], self.num_classes) or boxes.shape[2:] != (4,):
            given = f"boxes {boxes.shape} and scores {scores.shape}"
            raise ValueError(f"{self.file.path} gives {given}; expected are {self.num_classes} classes a box")
        return torch.from_numpy(boxes)[: len(images)], torch.from_numpy(scores)[: len(images)]

    def __deepcopy__(self, memo: object) -> "ExportedDetector":
        return self  # a loaded network can be neither copied nor changed


def on_backend(detector: Detector, backend: str | None, precision: Precision, image_size: tuple[int, int]) -> Detector:
    """A detector as something else runs it.

    Args:
        detector: a network of torch, which is exported to a file that does not stay (a large one takes a minute or so:
            export it once if it is used often), or an exported one.
        backend: ``torch``, ``onnxruntime`` or ``openvino``; None is what it is.
        precision: that an exported one computes in.
        image_size: (height, width) of all images.

    Returns:
        An `ExportedDetector`, loaded; or the detector itself for torch.

    Raises:
        ModuleNotFoundError: without the extra that brings the runtime.
        ValueError: an unknown backend, a precision that it does not have, a network that cannot be exported, an
            exported one that is to run on torch or takes no such images.
    """
    if isinstance(detector, ExportedDetector):
        if backend == "torch":
            raise ValueError(f"{detector.file.path} is for other runtimes than torch; choose onnxruntime or openvino")
        exported = detector
        if (backend or detector.runtime, precision) != (detector.runtime, detector.precision):
            exported = ExportedDetector(detector.file.path, backend or detector.runtime, precision)  # type: ignore[arg-type]  # it checks
        exported.check_size(image_size)
        _ = exported.network
        return exported
    if isinstance(detector, TestTimeAugmentation) and isinstance(detector.detector, ExportedDetector):
        looking = on_backend(detector.detector, backend, precision, image_size)
        return TestTimeAugmentation(looking, detector.flip, detector.scales)
    if backend in (None, "torch"):
        return detector
    check_runtime(backend, precision)
    with tempfile.TemporaryDirectory(prefix="yolo3-") as folder:
        path = Path(folder) / "model.onnx"
        # of one size: quicker to trace, and some networks take no other
        export_onnx(detector, path, ModelCard(image_size=image_size), "decoded", dynamic_size=False)
        exported = ExportedDetector(path, backend, precision)  # type: ignore[arg-type]  # checked above
        _ = exported.network
        return exported
