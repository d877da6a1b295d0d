"""A stand-in for CUDA on a machine without: the calls are noted in their order, and tensors stay on the CPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor


class FakeStream:
    """A stream that notes what it waits for."""

    def __init__(self, calls: list[str], name: str) -> None:
        self.calls = calls
        self.name = name

    def wait_stream(self, other: "FakeStream") -> None:
        self.calls.append(f"{self.name} waits for {other.name}")


class FakeCuda:
    """What of `torch.cuda` the runtime uses.

    Attributes:
        calls: Everything that was called, in its order.
        work: Function that a replay calls in place of the kernels of a graph.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.work: Callable[[], None] = lambda: None
        self._current = FakeStream(self.calls, "the network's stream")
        patch.setattr(torch.cuda, "Stream", lambda device: FakeStream(self.calls, "a new stream"))
        patch.setattr(torch.cuda, "current_stream", lambda device: self._current)
        patch.setattr(torch.cuda, "stream", self.stream)
        patch.setattr(torch.cuda, "graph", self.graph)
        patch.setattr(torch.cuda, "CUDAGraph", lambda: self)
        patch.setattr(Tensor, "pin_memory", self._noting("pinned"))
        patch.setattr(Tensor, "record_stream", lambda tensor, stream: self.calls.append(f"kept for {stream.name}"))

    @contextmanager
    def stream(self, stream: FakeStream) -> Iterator[None]:
        before, self._current = self._current, stream
        self.calls.append(f"in {stream.name}:")
        try:
            yield
        finally:
            self._current = before
            self.calls.append(f"in {before.name}:")

    @contextmanager
    def graph(self, graph: "FakeCuda", stream: FakeStream, capture_error_mode: str) -> Iterator[None]:
        assert stream is self._current
        assert capture_error_mode == "thread_local"
        self.calls.append("recording")
        yield
        self.calls.append("recorded")

    def replay(self) -> None:
        self.calls.append("replayed")
        self.work()

    def _noting(self, call: str) -> Callable[[Tensor], Tensor]:
        def noting(tensor: Tensor) -> Tensor:
            self.calls.append(call)
            return tensor

        return noting
