import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from yolo3.serve.batching import Batcher


class Doubler:
    """Doubles numbers, and remembers how they came; an odd one spoils its batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.free.wait()
        if any(item % 2 for item in items):
            raise ValueError(f"odd in {items}")
        return [2 * item for item in items]


@pytest.fixture
def work() -> Doubler:
    return Doubler()


def test_what_arrives_together_is_done_together(work):
    batcher = Batcher(work, batch_size=4, wait=5)
    futures = [batcher.submit(item) for item in (0, 2, 4, 6)]  # a full batch does not wait
    assert [future.result(timeout=3) for future in futures] == [0, 4, 8, 12]
    assert work.batches == [[0, 2, 4, 6]]
    batcher.close()


def test_one_does_not_wait_long_for_company(work):
    batcher = Batcher(work, batch_size=4, wait=0.02)
    start = time.monotonic()
    assert batcher.submit(2).result(timeout=3) == 4
    assert time.monotonic() - start < 2
    assert work.batches == [[2]]
    batcher.close()


def test_none_is_lost_in_a_crowd(work):
    batcher = Batcher(work, batch_size=8, wait=0.001)
    with ThreadPoolExecutor(16) as threads:
        results = list(threads.map(lambda item: batcher.submit(item).result(timeout=10), range(0, 1000, 2)))
    batcher.close()
    assert results == list(range(0, 2000, 4))
    assert max(len(batch) for batch in work.batches) <= 8
    assert sorted(item for batch in work.batches for item in batch) == list(range(0, 1000, 2))


def test_only_those_fail_that_are_to_blame(work):
    batcher = Batcher(work, batch_size=4, wait=5)
    futures = [batcher.submit(item) for item in (0, 1, 2, 3)]
    assert [futures[0].result(3), futures[2].result(3)] == [0, 4]
    for number in (1, 3):
        with pytest.raises(ValueError, match=rf"odd in \[{number}\]"):
            futures[number].result(3)
    later = [batcher.submit(item) for item in (6, 8, 10, 12)]
    assert [future.result(3) for future in later] == [12, 16, 20, 24]
    assert work.batches == [[0, 1, 2, 3], [0], [1], [2], [3], [6, 8, 10, 12]]
    batcher.close()


def test_who_has_left_costs_nothing(work):
    work.free.clear()
    batcher = Batcher(work, batch_size=1)
    first, second, third = (batcher.submit(item) for item in (0, 2, 4))
    while not work.batches:  # the first is at work
        time.sleep(0.001)
    assert second.cancel()
    work.free.set()
    assert third.result(3) == 8
    with pytest.raises(CancelledError):
        second.result(3)
    assert first.result(3) == 0
    assert work.batches == [[0], [4]]
    batcher.close()


def test_closing_finishes_what_was_submitted(work):
    batcher = Batcher(work, batch_size=2, wait=0)
    futures = [batcher.submit(item) for item in (0, 2, 4)]
    batcher.close()
    assert [future.result(0) for future in futures] == [0, 4, 8]
    batcher.close()  # once more does no harm
    assert batcher.submit(6).result(3) == 12  # and it begins anew
    batcher.close()


def test_a_thread_that_a_fork_does_not_have_begins_anew(work):
    batcher = Batcher(work)
    assert batcher.submit(2).result(3) == 4
    batcher._worker.is_alive = lambda: False  # as in the child of a fork
    abandoned = batcher._worker
    assert batcher.submit(4).result(3) == 8
    assert batcher._worker is not abandoned
    batcher.close()


def test_a_batch_holds_something():
    with pytest.raises(ValueError, match="batch_size is 0; it must be at least 1"):
        Batcher(list, batch_size=0)
