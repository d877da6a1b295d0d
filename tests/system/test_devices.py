import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from yolo3.system.devices import choose_device, choose_training_device, choose_type


def test_auto_is_a_device_of_this_machine():
    choose_device(choose_device())
    assert (choose_device().type == "cpu") != torch.accelerator.is_available()
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_auto_is_the_accelerator_that_torch_finds(monkeypatch, kind):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(kind))
    assert choose_device() == torch.device(kind)


def test_auto_is_the_cpu_where_a_torch_for_an_accelerator_finds_none(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    assert choose_device() == torch.device("cpu")


@pytest.mark.parametrize(("has_cuda", "kind"), [(True, "cuda"), (False, "cpu")])
def test_auto_trains_on_cuda_or_the_cpu(monkeypatch, has_cuda, kind):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("mps"))
    assert choose_training_device() == torch.device(kind)
    with pytest.raises(ValueError, match="device 'abacus' cannot be used"):
        choose_training_device("abacus")


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ValueError, match=rf"device '{device}' cannot be used \(.*\); choose auto"):
        choose_device(device)


def test_a_device_that_this_torch_was_not_built_for_is_refused_in_a_sentence():
    if torch.backends.mps.is_available():
        pytest.skip("this torch has it")
    with pytest.raises(ValueError, match=r"device 'mps' cannot be used \(.*\); choose auto") as refused:
        choose_device("mps")
    assert len(str(refused.value)) < 200  # torch's own message runs to a page


@pytest.mark.parametrize(
    ("num_gpus", "num_xpus", "metal", "choices"),
    [
        (0, 0, False, "auto or cpu"),
        (2, 0, False, "auto, cpu, cuda:0 or cuda:1"),
        (0, 0, True, "auto, cpu or mps"),
        (0, 1, False, "auto, cpu or xpu:0"),
    ],
)
def test_only_devices_of_this_machine_are_offered(monkeypatch, num_gpus, num_xpus, metal, choices):
    monkeypatch.setattr(torch.xpu, "is_available", lambda: num_xpus > 0)
    monkeypatch.setattr(torch.xpu, "device_count", lambda: num_xpus)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: num_gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: num_gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: metal)
    with pytest.raises(ValueError, match=f"; choose {choices}$"):
        choose_device("abacus")


@pytest.mark.parametrize(
    ("amx", "avx512_bf16", "expected"),
    [(True, False, torch.bfloat16), (False, True, torch.bfloat16), (False, False, torch.float32)],
)
def test_auto_on_a_cpu_is_bfloat16_where_the_hardware_multiplies_it(monkeypatch, amx, avx512_bf16, expected):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16, raising=False)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True, raising=False)
    assert choose_type("auto", torch.device("cpu")) == expected


def test_auto_is_float32_where_onednn_may_not_use_the_hardware(monkeypatch):
    """As with ``ONEDNN_MAX_CPU_ISA=AVX2``, which oneDNN reads when it is loaded."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False, raising=False)
    assert choose_type("auto", torch.device("cpu")) == torch.float32


def test_a_cap_of_onednn_is_heard():
    code = "import torch; from yolo3.system.devices import choose_type; print(choose_type('auto', torch.device('cpu')))"
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "torch.float32"


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_auto_on_gpus_is_float16(kind):
    assert choose_type("auto", torch.device(kind)) == torch.float16


@pytest.mark.parametrize(("has_fp16", "expected"), [(True, torch.float16), (False, torch.float32)])
def test_auto_on_an_xpu_is_float16_where_it_has_that(monkeypatch, has_fp16, expected):
    monkeypatch.setattr(torch.xpu, "get_device_properties", lambda device: SimpleNamespace(has_fp16=has_fp16))
    assert choose_type("auto", torch.device("xpu:1")) == expected


def test_auto_elsewhere_is_float32():
    assert choose_type("auto", torch.device("meta")) == torch.float32


def test_a_precision_by_name():
    assert choose_type("bf16", torch.device("cuda")) == torch.bfloat16
    with pytest.raises(ValueError, match="unknown precision 'fp8'; choose auto, fp32, bf16 or fp16"):
        choose_type("fp8", torch.device("cpu"))
