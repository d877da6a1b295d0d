"""Trials of a network on torch and on OpenVINO, remembered in files of this machine."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Literal

import torch
from torch import nn

from yolo3 import __version__
from yolo3.system.files import alone, whole_file
from yolo3.system.hardware import cpu_name

_SECONDS = 10.0
_LEAST_ROUNDS = 2
_MOST_ROUNDS = 7
_WORTH_IT = 0.97
"""Part of torch's time that OpenVINO may take at most: less than that is noise."""


@dataclass(frozen=True)
class Trial:
    """Comparison of torch and OpenVINO for one network on one machine."""

    torch_ms: float | None
    """Median milliseconds per image with torch; None where nothing was timed."""
    openvino_ms: float | None
    """The same with OpenVINO."""
    refusal: str | None = None
    """Reason that OpenVINO cannot run the network; nothing was timed then."""

    @property
    def winner(self) -> Literal["torch", "openvino"]:
        """Backend to use. OpenVINO must be clearly faster."""
        if self.torch_ms is None or self.openvino_ms is None:
            return "torch"
        return "openvino" if self.openvino_ms <= _WORTH_IT * self.torch_ms else "torch"

    def __str__(self) -> str:
        """The winner and why."""
        if self.torch_ms is None or self.openvino_ms is None:
            return f"torch; openvino cannot run this network: {self.refusal}"
        return f"{self.winner}; torch {self.torch_ms:.1f} ms per image, openvino {self.openvino_ms:.1f}"


@dataclass(frozen=True)
class TrialPlace:
    """Place where the trials of one network are remembered, and the exported file that OpenVINO runs."""

    folder: Path
    """Folder of the network at one image size."""
    circumstances: str
    """Digest of all else that a trial depends on."""

    @classmethod
    def of(cls, network: nn.Module, image_size: tuple[int, int], batch_size: int) -> "TrialPlace":
        """The place of a network, in the cache folder of ``torch.hub``, beside published weights.

        Args:
            network: Network; its layers and weights are part of the name.
            image_size: (height, width), pixels.
            batch_size: Number of images per batch.
        """
        height, width = image_size
        name = f"{_digest_of(network)[:32]}-{height}x{width}"
        known = {
            "batch_size": batch_size,
            "cpu": cpu_name(),
            "threads": torch.get_num_threads(),
            "instructions": [torch.backends.cpu.get_cpu_capability(), os.environ.get("ONEDNN_MAX_CPU_ISA")],
            "versions": [__version__, torch.__version__, version("openvino")],
        }
        circumstances = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]
        return cls(Path(torch.hub.get_dir()) / "yolo3-trials" / name, circumstances)

    @property
    def exported(self) -> Path:
        """The exported file. It is there where OpenVINO won a trial."""
        return self.folder / "network.onnx"

    @property
    def record(self) -> Path:
        """File of the trial."""
        return self.folder / f"trial-{self.circumstances}.json"

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep other processes from the place meanwhile; the folder is made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self.folder / ".lock", "backend auto: waiting for another process that tries this network"):
            yield

    def read(self) -> Trial | None:
        """The trial that is remembered; None where there is none, or what is there is damaged."""
        return _read(self.record)

    def write(self, trial: Trial) -> None:
        """Remember a trial, and delete the exported file where no trial has been won with it."""
        with whole_file(self.record) as partial:
            partial.write_text(json.dumps(asdict(trial), indent=2) + "\n", encoding="utf-8")
        trials = [_read(path) for path in self.folder.glob("trial-*.json")]
        if not any(each is not None and each.winner == "openvino" for each in trials):
            self.exported.unlink(missing_ok=True)


def compare(with_torch: Callable[[], object], with_openvino: Callable[[], object], num_images: int) -> Trial:
    """Time both, in turns, for about ten seconds after a call of each to warm up.

    Args:
        with_torch: Function that runs a batch with torch.
        with_openvino: The same with OpenVINO.
        num_images: Number of images of the batch.
    """
    runs = (with_torch, with_openvino)
    for run in runs:
        run()
    times: tuple[list[float], list[float]] = ([], [])
    began = perf_counter()
    while len(times[0]) < _LEAST_ROUNDS or (len(times[0]) < _MOST_ROUNDS and perf_counter() - began < _SECONDS):
        for run, own in zip(runs, times, strict=True):
            start = perf_counter()
            run()
            own.append(1000 * (perf_counter() - start) / num_images)
    return Trial(median(times[0]), median(times[1]))


def _read(path: Path) -> Trial | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        trial = Trial(**content)
        return trial if str(trial) else None  # a value of another type fails here, not later
    except (OSError, ValueError, TypeError):
        return None


def _digest_of(network: nn.Module) -> str:
    """The SHA-256 of the layers of a network and their weights."""
    layers = re.sub(r" at 0x[0-9a-f]+", "", repr(network))  # of functions among the parts; other in each process
    digest = hashlib.sha256(f"{type(network).__module__}.{layers}".encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
