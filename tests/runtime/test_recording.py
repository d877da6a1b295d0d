import warnings
from collections.abc import Callable, Sequence

import pytest
import torch
from tests.runtime.fake_cuda import FakeCuda
from torch import Tensor, nn

from yolo3.runtime.detector_runtime import DetectorRuntime
from yolo3.runtime.recording import RecordedNetwork


class _Network:
    """Adds one; notes the images it has seen, since a replay runs no Python."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.seen.append(images)
        return images + 1, images.sum()


def _recorded(fake: FakeCuda) -> tuple[RecordedNetwork, _Network]:
    """A network that is recorded, with a graph that does what the network did when it was recorded."""
    network = _Network()
    recorded = RecordedNetwork(network)
    recorded(torch.zeros(1, 3, 4, 4))
    recording = recorded._recording
    assert recording is not None

    def work() -> None:
        for place, value in zip(recording._predictions, (recording.images + 1, recording.images.sum()), strict=True):
            place.copy_(value)

    fake.work = work
    network.seen.clear()
    return recorded, network


def test_it_is_recorded_after_warming_up_in_the_same_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCuda(monkeypatch)
    images = torch.rand(1, 3, 4, 4)
    network = _Network()
    added, _ = RecordedNetwork(network)(images)
    assert torch.equal(added, images + 1)
    assert fake.calls == [
        "a new stream waits for the network's stream",
        "in a new stream:",
        "recording",
        "recorded",
        "in the network's stream:",
        "the network's stream waits for a new stream",
    ]
    first, *warm_ups, recording = network.seen
    assert first is images
    assert len(warm_ups) == 3
    assert all(each is recording for each in warm_ups)
    assert recording is not images


def test_a_replay_sees_its_own_images_and_leaves_earlier_predictions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, network = _recorded(FakeCuda(monkeypatch))
    images = torch.rand(2, 1, 3, 4, 4)
    predictions = [recorded(each) for each in images]
    for (added, total), each in zip(predictions, images, strict=True):
        assert torch.equal(added, each + 1)
        assert torch.equal(total, each.sum())
    assert not network.seen


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 3, 8, 8)])
def test_batches_and_other_sizes_run_as_they_are(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    recorded, network = _recorded(FakeCuda(monkeypatch))
    images = torch.rand(shape)
    assert torch.equal(recorded(images)[0], images + 1)
    assert network.seen[0] is images


def _gives_a_tuple(images: Tensor) -> tuple[Tensor]:
    return (images + 1,)


def _gives_a_list(images: Tensor) -> list[Tensor]:
    return [images + 1]


def _refuses(*arguments: object, **settings: object) -> None:
    raise RuntimeError("operation not permitted when stream is capturing\nand more lines")


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (_gives_a_tuple, "operation not permitted when stream is capturing"),
        (_gives_a_list, "predictions are neither a tensor nor a tuple of tensors but list"),
    ],
)
def test_where_recording_fails_it_runs_as_it_is_and_says_why(
    monkeypatch: pytest.MonkeyPatch, network: Callable[[Tensor], Sequence[Tensor]], reason: str
) -> None:
    fake = FakeCuda(monkeypatch)
    monkeypatch.setattr(torch.cuda, "graph", _refuses)
    recorded = RecordedNetwork(network)
    images = torch.rand(1, 3, 4, 4)
    with pytest.warns(UserWarning, match=rf"runs without a CUDA graph: recording failed \({reason}\)$"):
        assert torch.equal(recorded(images)[0], images + 1)
    assert fake.calls[-1] == "in the network's stream:"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        assert torch.equal(recorded(images)[0], images + 1)


def test_images_that_the_network_refuses_are_no_fault_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeCuda(monkeypatch)
    with pytest.raises(RuntimeError, match="3 channels"):
        RecordedNetwork(nn.Conv2d(3, 1, 1))(torch.rand(1, 2, 4, 4))


class _StaysHere(nn.Sequential):
    """A detector that goes to no device."""

    num_classes = 1
    stride = 1

    def to(self, *arguments: object, **settings: object) -> "_StaysHere":
        return self


@pytest.mark.parametrize(
    ("device", "compiles", "records"), [("cuda", True, True), ("cuda", False, False), ("cpu", True, False)]
)
def test_what_is_compiled_for_cuda_is_recorded(
    monkeypatch: pytest.MonkeyPatch, device: str, compiles: bool, records: bool
) -> None:
    FakeCuda(monkeypatch)
    monkeypatch.setattr(torch, "compile", lambda network, **settings: network)
    runtime = DetectorRuntime(_StaysHere(), torch.device(device), torch.float32, compile=compiles)  # type: ignore[arg-type]
    assert (runtime._recorded is not None) == records


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA")
def test_on_cuda_a_replay_gives_what_the_network_gives() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(8, 4, 3)).cuda().eval()
    images = torch.rand(4, 1, 3, 32, 32, device="cuda")
    with torch.inference_mode():
        recorded = RecordedNetwork(network)
        found = [recorded(each) for each in images]  # all before the first is looked at
        for each, predictions in zip(images, found, strict=True):
            torch.testing.assert_close(predictions, network(each))
    assert recorded._recording is not None
