"""Random numbers that go on where they were, for what a network draws in a step, as dropout does."""

import random
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """The states of the generators of torch, Python and NumPy, as tensors and plain numbers."""
    _, words, *rest = np.random.get_state()
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "numpy": [torch.from_numpy(np.asarray(words, np.int64)), *rest],
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Let the generators go on from a `random_state`.

    GPUs are restored where there are as many as then: elsewhere they draw other numbers anyway.
    """
    torch.set_rng_state(state["torch"].cpu())
    random.setstate(state["python"])
    words, *rest = state["numpy"]
    np.random.set_state(("MT19937", words.cpu().numpy().astype(np.uint32), *rest))
    on_gpus = state.get("cuda", ())
    if torch.cuda.is_available() and len(on_gpus) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([each.cpu() for each in on_gpus])
