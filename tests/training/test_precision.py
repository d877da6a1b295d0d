"""Which numbers a training computes in."""

import pytest
import torch

from yolo3.training import Hardware, training_precision


@pytest.mark.parametrize(("said", "meant"), [("fp32", "32-true"), ("bf16", "bf16-mixed"), ("fp16", "16-mixed")])
def test_what_is_said_is_meant(said: str, meant: str) -> None:
    assert training_precision(Hardware(precision=said), torch.device("cpu")) == meant


@pytest.mark.parametrize(("supported", "meant"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_auto_on_gpus(monkeypatch: pytest.MonkeyPatch, supported: bool, meant: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)

    assert training_precision(Hardware(precision="auto"), torch.device("cuda")) == meant


@pytest.mark.parametrize("kind", ["mps", "xpu"])
def test_auto_elsewhere_is_full_precision(kind: str) -> None:
    """Though inference is in float16 there."""
    assert training_precision(Hardware(precision="auto"), torch.device(kind)) == "32-true"


def test_auto_on_a_cpu_asks_the_hardware() -> None:
    assert training_precision(Hardware(precision="auto"), torch.device("cpu")) in ("bf16-mixed", "32-true")


def test_refuses_an_unknown_precision() -> None:
    with pytest.raises(ValueError, match="unknown precision 'fp8'"):
        training_precision(Hardware(precision="fp8"), torch.device("cpu"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="precision int8 is for exported networks"):
        training_precision(Hardware(precision="int8"), torch.device("cpu"))  # type: ignore[arg-type]
