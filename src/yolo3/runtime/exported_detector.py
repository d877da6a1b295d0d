"""An exported detector, used like any detector."""

import os
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor, nn

from yolo3.runtime.engines import Engine, ExportedNetwork
from yolo3.runtime.exported_file import ExportedFile, read_exported
from yolo3.structures import Candidates


class ExportedDetector(nn.Module):
    """A detector in an ONNX file, which onnxruntime or OpenVINO runs on the CPU, or TensorRT on a GPU.

    It has no parameters of its own and cannot be trained. Its candidates go to `suppress` like those of any detector;
    the thresholds that a file of detections was exported with are not used.

    Args:
        path: File that `export_onnx` wrote, ``decoded`` or ``detections``.
        engine: Backend and number format that run the network. None is the backend that the file was made for, with
            the fastest numbers of the hardware: onnxruntime, or for an int8 file the backend that it was measured on.
            An int8 file computes in int8 whatever the hardware; TensorRT does not run it.

    Raises:
        ModuleNotFoundError: The backend is not installed.
        ValueError: A file of another kind; a precision that the file does not have.
    """

    def __init__(self, path: str | os.PathLike[str], engine: Engine | None = None) -> None:
        super().__init__()
        self.file: ExportedFile = read_exported(path)
        self.engine = engine or Engine(self.file.backend)
        self._check_precision()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.file.num_classes

    @property
    def stride(self) -> int:
        """Pixels. The height and width of an input must be multiples of it."""
        return self.file.stride

    @property
    def in_channels(self) -> int:
        """Channels of the images."""
        return self.file.in_channels

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the input that the detector was made for, pixels."""
        return self.file.card.image_size

    @cached_property
    def network(self) -> ExportedNetwork:
        """The network, loaded when it is first used."""
        engine = self.engine
        if self.file.precision == "int8":
            # what stays float is float32 everywhere, as it was when the file was measured
            engine = replace(engine, precision="fp32")
        return engine.load(self.file.network())

    def load(self) -> None:
        """Load the network now: after this the file is no longer needed."""
        _ = self.network

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

    def _check_precision(self) -> None:
        in_int8 = self.file.precision == "int8"
        wanted = self.engine.precision
        if in_int8:
            replace(self.engine, precision="int8")  # complains of a backend that does not run it
        if in_int8 and wanted not in ("auto", "int8"):
            raise ValueError(f"{self.file.path} computes in int8, not in precision {wanted!r}; export it again")
        if not in_int8 and wanted == "int8":
            raise ValueError(
                f"{self.file.path} computes in float32; for int8: yolo3 export RUN --precision int8 --calibrate DATA"
            )

    def _run(self, images: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
        """Run up to a batch of images, filled up with black ones."""
        filling = images.new_zeros(batch_size - len(images), *images.shape[1:])
        boxes, scores = self.network(torch.cat([images, filling]).contiguous().numpy())
        if scores.shape != (batch_size, boxes.shape[1], self.num_classes) or boxes.shape[2:] != (4,):
            given = f"boxes {boxes.shape} and scores {scores.shape}"
            raise ValueError(f"{self.file.path} gives {given}; expected are {self.num_classes} classes per box")
        return torch.from_numpy(boxes)[: len(images)], torch.from_numpy(scores)[: len(images)]

    def __deepcopy__(self, memo: object) -> "ExportedDetector":
        return self  # a loaded network can be neither copied nor changed
