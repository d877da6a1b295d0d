"""What serving costs, and whether a server under load stops cleanly.

    python benchmarks/serving.py MODEL IMAGE [--weights FILE] [--batch-size 8] [--seconds 20]

The first part measures images per second, and CPU time per image, of `Predictor` alone and of `yolo3 serve` with eight
clients, at the same batch size; they take turns. The CPU time is that of the server without its clients. The second
lets 50 clients ask, a fifth of which leaves midway, and sends SIGTERM. It tells how many of the requests that were sent
before got no answer, how long the server took to end, and its memory after each of three equal loads.
"""

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import repeat
from pathlib import Path

from yolo3 import Predictor
from yolo3.cli.model import open_model
from yolo3.system.memory import keep_memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("image", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--throughput", action="store_true", help="the first part alone")
    options = parser.parse_args()
    keep_memory()  # as the commands do
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    throughput(options)
    if not options.throughput:
        stop_under_load(options)


def throughput(options: argparse.Namespace) -> None:
    detector, card = open_model(Path(options.model), options.weights and Path(options.weights))
    predictor = Predictor.from_card(detector, card, batch_size=options.batch_size)
    alone, served, costs_alone, costs_served = [], [], [], []
    with server(options) as (process, port):
        content = options.image.read_bytes()
        rate_served(port, content, 8, 3)  # warm
        for _ in range(options.repeats):
            before = time.process_time()
            alone.append(rate_alone(predictor, options.image, options.seconds))
            costs_alone.append((time.process_time() - before) / (alone[-1] * options.seconds))
            before = cpu_seconds(process.pid)
            served.append(rate_served(port, content, 8, options.seconds))
            costs_served.append((cpu_seconds(process.pid) - before) / (served[-1] * options.seconds))
    ratios = [100 * other / one for one, other in zip(alone, served, strict=True)]
    for name, rates, costs in (
        ("Predictor alone", alone, costs_alone),
        ("served, 8 clients", served, costs_served),
    ):
        print(f"{name}: {statistics.median(rates):.1f} images/s {[round(each, 1) for each in rates]}")
        print(f"    {1000 * statistics.median(costs):.1f} ms CPU per image {[round(1000 * each, 1) for each in costs]}")
    print(f"served, of alone: {statistics.median(ratios):.0f} % {[round(each) for each in ratios]}", flush=True)


def rate_alone(predictor: Predictor, image: Path, seconds: float) -> float:
    count, start = 0, time.perf_counter()
    for _ in predictor.stream(repeat(image)):
        count += 1
        if time.perf_counter() - start > seconds:
            break
    return count / (time.perf_counter() - start)


def rate_served(port: int, content: bytes, clients: int, seconds: float) -> float:
    end = time.perf_counter() + seconds
    counts = [0] * clients

    def ask(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() < end:
            connection.request("POST", "/detect", content)
            answer = connection.getresponse()
            answer.read()
            counts[number] += answer.status == 200

    start = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def stop_under_load(options: argparse.Namespace) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "serve"))
    from load import Load

    content = options.image.read_bytes()
    with server(options) as (process, port):
        memory = []
        for _ in range(3):
            load = Load(port, content)
            load.start(50)
            time.sleep(options.seconds / 2)
            load.ending.set()
            load.join()
            time.sleep(1)
            memory.append(resident(process.pid))
        print(f"memory after each of three equal loads: {[round(each) for each in memory]} MB")
        load = Load(port, content)
        load.start(50)
        time.sleep(options.seconds / 2)
        load.ending.set()
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        load.join()
        process.wait(timeout=60)
        answered = {status: load.statuses.count(status) for status in sorted(set(load.statuses))}
        print(f"50 clients: answers {answered}, {load.left} left midway, {len(load.lost)} without an answer")
        print(f"exit code {process.returncode}, {time.monotonic() - began:.1f} s after SIGTERM")


@contextmanager
def server(options: argparse.Namespace) -> Iterator[tuple[subprocess.Popen[str], int]]:
    words = ["--port", "0", "--batch-size", str(options.batch_size)]
    words += ["--weights", options.weights] if options.weights else []
    command = [sys.executable, "-m", "yolo3", "serve", options.model, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
            yield process, port
        finally:
            process.kill()


def cpu_seconds(pid: int) -> float:
    """CPU time of a process until now, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Memory of a process, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1000


if __name__ == "__main__":
    main()
