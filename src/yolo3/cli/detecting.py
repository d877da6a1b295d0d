"""The detector of ``yolo3 detect``: opened from its options, in one process or several."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from yolo3.bulk import ImageDetector
from yolo3.checkpoint import ModelCard
from yolo3.cli.model import open_model, open_predictor, predictor_of
from yolo3.cli.options import DarknetFiles, NetworkInput, Objects
from yolo3.predictor import Predictor
from yolo3.protocols import Detector
from yolo3.system.hardware import InferenceHardware
from yolo3.tiles import Tiled


@dataclass(frozen=True)
class DetectorOptions:
    """A model with the options of its detector; another process can open it too."""

    model: Path
    darknet: DarknetFiles
    network_input: NetworkInput
    objects: Objects
    hardware: InferenceHardware
    augment: bool = False
    tile: int | tuple[int, int] | None = None
    tile_overlap: float = 0.2

    def open(self) -> tuple[ImageDetector, Predictor, ModelCard]:
        """The detector, its predictor, and the card of the model.

        Raises:
            ValueError: See `open_predictor`.
        """
        predictor, card = open_predictor(
            self.model, self.darknet, self.network_input, self.objects, self.hardware, self.augment
        )
        return self._tiled(predictor), predictor, card

    def load(self) -> tuple[Detector, ModelCard]:
        """The network as it is on disk, and its card."""
        return open_model(self.model, self.darknet.weights, self.darknet.names)

    def image_detector(self, detector: Detector, card: ModelCard) -> ImageDetector:
        """The detector of a network that `load` gave."""
        return self._tiled(
            predictor_of(detector, card, self.model, self.network_input, self.objects, self.hardware, self.augment)
        )

    def limit_in_words(self, predictor: Predictor) -> str:
        """The most objects that are kept, in words."""
        per_window = self.tile is not None and self.objects.max_detections is None
        return f"{predictor.suppression.max_detections} {'objects per window' if per_window else 'objects'}"

    def _tiled(self, predictor: Predictor) -> ImageDetector:
        if self.tile is None:
            return predictor
        return Tiled(predictor, self.tile, self.tile_overlap, max_detections=self.objects.max_detections)


@dataclass(frozen=True)
class ProcessDetectors:
    """The detectors of several processes: each on a GPU of its own, or with its share of the CPU."""

    detector_options: DetectorOptions
    count: int
    """Number of processes."""
    threads: int
    """Number of CPU threads for all of them."""

    def __call__(self, number: int) -> ImageDetector:
        """The detector of a process, by its number from 0."""
        hardware = self.detector_options.hardware
        if _on_cuda(hardware.device):
            hardware = replace(hardware, device=f"cuda:{number}")
        else:
            torch.set_num_threads(max(1, self.threads // self.count))
        return replace(self.detector_options, hardware=hardware).open()[0]


def process_detectors(detector_options: DetectorOptions, count: int) -> ProcessDetectors:
    """The detectors of several processes, opened by each.

    Raises:
        ValueError: More processes than GPUs; a device that is one of them.
    """
    device = detector_options.hardware.device
    if count > 1 and ":" in device:
        raise ValueError(f"--device {device} is one device, and --devices {count} needs more; give --device cuda")
    if _on_cuda(device) and count > torch.cuda.device_count():
        raise ValueError(f"--devices {count}, but this machine has {torch.cuda.device_count()} GPUs; give as many")
    return ProcessDetectors(detector_options, count, torch.get_num_threads())


def _on_cuda(device: str) -> bool:
    return torch.cuda.is_available() and device in ("auto", "cuda")
