import subprocess
import sys

import pytest

from yolo3.system import memory

_FAULTS = """
import resource, sys, threading
import numpy as np
from yolo3.system.memory import keep_memory

kept = keep_memory() if sys.argv[1] == "kept" else False

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(12_500_000)  # 100 MB, each page of which is written
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
counts = [faults()]
thread = threading.Thread(target=lambda: counts.append(faults()))
thread.start()
thread.join()
print(kept, *counts)
"""


def _faults(word):
    result = subprocess.run([sys.executable, "-c", _FAULTS, word], capture_output=True, text=True, check=True)
    kept, *counts = result.stdout.split()
    return kept == "True", [int(count) for count in counts]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other C libraries")
def test_pages_are_fetched_once():
    """Truth: the system's own count of the pages that it had to find for the process."""
    kept, counts = _faults("kept")
    if not kept:
        pytest.skip("this C library keeps memory in its own way")
    assert max(counts) < 100
    assert _faults("given back")[1][0] > 10 * max(*counts, 1)


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "win32")
    assert memory.keep_memory() is False
