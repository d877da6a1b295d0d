import pytest
import torch
from tests.runtime.fake_cuda import FakeCuda

from yolo3.runtime.uploading import Upload

_BYTES = torch.arange(2 * 3 * 4 * 32, dtype=torch.uint8).reshape(2, 3, 4, 32)  # all 256 of them
_FLOATS = _BYTES.to(torch.float32) / 255


@pytest.mark.parametrize("images", [_BYTES, _BYTES.to(memory_format=torch.channels_last), _FLOATS])
def test_bytes_and_floats_are_the_same_images(images: torch.Tensor) -> None:
    there = Upload(torch.device("cpu"))(images)
    assert torch.equal(there, _FLOATS)
    assert there.is_contiguous(memory_format=torch.channels_last)
    assert there.dtype == torch.float32


def test_on_cuda_it_is_copied_from_page_locked_memory_beside_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCuda(monkeypatch)
    upload = Upload(torch.device("cuda"))
    upload._device = torch.device("cpu")  # where the tensors of the stand-in are
    assert torch.equal(upload(_BYTES), _FLOATS)
    assert fake.calls == [
        "in a new stream:",
        "pinned",
        "in the network's stream:",
        "the network's stream waits for a new stream",
        "kept for the network's stream",
    ]


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="there is no accelerator")
def test_on_an_accelerator_the_images_are_those_of_the_cpu() -> None:
    device = torch.accelerator.current_accelerator()
    assert device is not None
    there = Upload(device)(_BYTES)
    assert there.device.type == device.type
    assert torch.equal(there.cpu(), _FLOATS)
