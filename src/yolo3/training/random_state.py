"""States of the random number generators, for networks that draw random numbers, such as dropout."""

import random
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """States of the generators of torch, Python and NumPy, as tensors and plain numbers."""
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
    """Restore the generators from a `random_state`.

    The generators of GPUs are restored only if there are equally many GPUs.
    """
    torch.set_rng_state(state["torch"].cpu())
    random.setstate(state["python"])
    words, *rest = state["numpy"]
    np.random.set_state(("MT19937", words.cpu().numpy().astype(np.uint32), *rest))
    on_gpus = state.get("cuda", ())
    if torch.cuda.is_available() and len(on_gpus) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([each.cpu() for each in on_gpus])
