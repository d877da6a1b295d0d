"""Fixtures for every test."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings

_SHARED = Path(__file__).parents[2] / "shared"


torch.set_num_threads(1)  # small networks gain nothing from more, and two test processes share the cores
settings.register_profile("yolo3", deadline=None)  # a shared machine may stall for a second
settings.load_profile("yolo3")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photographs, real weights and oracle numbers, which lies beside the checkout."""
    if not _SHARED.is_dir():
        pytest.skip(f"the oracle and data folder {_SHARED} is absent")
    return _SHARED


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
