import shutil
import warnings

import pytest
import torch
from torch import Tensor, nn

from yolo3.blocks import CNNBlock
from yolo3.models.fusing import fuse
from yolo3.runtime.compiling import CompiledNetwork

# of the compiler's own code
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def _fails(*arguments: object, **settings: object) -> object:
    def compiled(images: Tensor) -> Tensor:
        raise RuntimeError("no compiler is to be found\nand more lines")

    return compiled


def test_where_it_cannot_be_compiled_it_runs_as_it_is_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", _fails)
    network = CompiledNetwork(nn.ReLU(), batch_size=4)
    images = torch.randn(2, 3, 4, 4)
    assert network.filled(images).shape == (4, 3, 4, 4)
    with pytest.warns(UserWarning, match=r"runs uncompiled: torch.compile failed \(no compiler is to be found\)$"):
        assert torch.equal(network(images), images.relu())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        assert torch.equal(network(images), images.relu())
    assert network.filled(images) is images


def test_images_that_the_network_refuses_are_no_fault_of_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", _fails)
    network = CompiledNetwork(nn.Conv2d(3, 1, 1), batch_size=1)
    with pytest.raises(RuntimeError, match="3 channels"):
        network(torch.rand(1, 2, 4, 4))


def test_one_image_or_a_whole_batch() -> None:
    network = CompiledNetwork(nn.Identity(), batch_size=4)
    images = torch.rand(3, 3, 2, 2)
    filled = network.filled(images)
    assert torch.equal(filled[:3], images)
    assert filled[3:].tolist() == torch.zeros(1, 3, 2, 2).tolist()
    for count in (1, 4, 6):
        assert len(network.filled(torch.rand(count, 3, 2, 2))) == count


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling for a CPU needs g++")
def test_a_compiled_network_predicts_the_same() -> None:
    block = fuse(CNNBlock(3, 8, 3))
    images = torch.rand(2, 3, 8, 8).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        network = CompiledNetwork(block, batch_size=2)
        torch.testing.assert_close(network(images), block(images.clone()), rtol=1e-4, atol=1e-5)
    assert network._compiled is not None
