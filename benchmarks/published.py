"""Milliseconds per image of the published detectors on this machine: a row each for the table in docs/published.md.

`python benchmarks/published.py dog.jpg`. Networks whose published weights are not on this machine get
random ones; the amount of computation is the same.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from yolo3 import Predictor, load_darknet_weights
from yolo3.published import PUBLISHED, cached_path, published_network

_TIMES = 7


def main(image: Path, num_threads: int) -> None:
    torch.set_num_threads(num_threads)
    print(f"torch {torch.__version__}, {num_threads} threads, {torch.backends.cpu.get_cpu_capability()}")
    for file in PUBLISHED.values():
        if file.cfg is None:
            continue
        network, card = published_network(file)
        if cached_path(file).exists():
            load_darknet_weights(network, cached_path(file))
        told = []
        for precision in ("fp32", "auto"):
            predictor = Predictor.from_card(network, card, precision=precision, device="cpu")
            prepared = predictor.prepare(image)
            batch = prepared.image[None]
            predictor.runtime(batch)  # packs the weights
            wall, cpu = timed(partial(predictor.runtime, batch))
            dtype = str(predictor.runtime.dtype).removeprefix("torch.")
            told.append(f"{precision} ({dtype}) {wall:.0f} ms, CPU {cpu:.0f} ms")
        height, width = card.image_size
        print(f"{file.name:<12} {height} x {width}  " + "; ".join(told), flush=True)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of wall time and of CPU time, of all threads together: the median of several runs."""
    walls: list[float] = []
    cpus: list[float] = []
    for _ in range(_TIMES):
        wall = time.perf_counter()
        cpu = time.process_time()
        run()
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    return statistics.median(walls), statistics.median(cpus)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else torch.get_num_threads())
