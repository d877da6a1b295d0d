"""A network's work on a GPU, recorded once and then replayed: a CUDA graph.

``torch.compile`` can make such graphs itself (``mode="reduce-overhead"``), but for one thread alone, and a `Predictor`
runs its network in others.
"""

import warnings
from collections.abc import Callable
from threading import Lock
from typing import Any

import torch
from torch import Tensor

_WARM_UPS = 3  # passes in which libraries choose their algorithms, and a compiler compiles


class RecordedNetwork:
    """A network whose work for a single image is recorded at the first one, and replayed from then on.

    A GPU is done with one image before the CPU has launched the hundreds of kernels that it takes; a replay is a single
    launch. Batches run as they are, and so do images of another size than the first one. Where recording fails, as in a
    network that looks at its own numbers on the way, a warning says why, and everything runs as it is.

    Args:
        network: Function of (B, C, H, W) images on CUDA that does the same to each, and gives a tensor or a tuple of
            tensors.
    """

    def __init__(self, network: Callable[[Tensor], Any]) -> None:
        self._network = network
        self._recording: _Recording | None = None
        self._fails = False
        self._lock = Lock()

    def __call__(self, images: Tensor) -> Any:
        """(B, C, H, W) -> the network's predictions."""
        if len(images) != 1:
            return self._network(images)
        with self._lock:  # a recording has one place for its images
            if self._recording is None and not self._fails:
                predictions = self._network(images)  # if the images are at fault, this says so
                self._recording = self._recorded(images)
                return predictions
            if self._recording is not None and images.shape == self._recording.images.shape:
                return self._recording.replay(images)
        return self._network(images)

    def _recorded(self, images: Tensor) -> "_Recording | None":
        try:
            return _Recording(self._network, images)
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            warnings.warn(f"the network runs without a CUDA graph: recording failed ({reason})", stacklevel=3)
            self._fails = True
            return None


class _Recording:
    """One pass of a network, as the kernels it took: each replay reads and writes the same memory."""

    def __init__(self, network: Callable[[Tensor], Any], images: Tensor) -> None:
        self.images = images.clone()
        self._graph = torch.cuda.CUDAGraph()
        before = torch.cuda.current_stream(images.device)
        stream = torch.cuda.Stream(images.device)
        stream.wait_stream(before)
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                _copied(network(self.images))
            # other threads decode meanwhile: what they do on the GPU is no part of this
            with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
                self._predictions = network(self.images)
        before.wait_stream(stream)

    def replay(self, images: Tensor) -> Any:
        """The predictions for other images of the same shape."""
        self.images.copy_(images)
        self._graph.replay()
        return _copied(self._predictions)  # the next replay writes over them


def _copied(predictions: Any) -> Any:
    if isinstance(predictions, Tensor):
        return predictions.clone()
    if type(predictions) is not tuple or not all(isinstance(each, Tensor) for each in predictions):
        raise TypeError(f"predictions are neither a tensor nor a tuple of tensors but {type(predictions).__name__}")
    return tuple(each.clone() for each in predictions)
