import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import pytest

from yolo3.system.threads import ahead, batches


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


def test_results_come_in_order(executor: ThreadPoolExecutor) -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 / (number + 1))
        return number * number

    assert list(ahead(executor, slow_at_first, range(20), 4)) == [number * number for number in range(20)]
    assert list(ahead(executor, slow_at_first, [], 4)) == []


def test_items_are_taken_as_they_are_needed_by_the_caller(executor: ThreadPoolExecutor) -> None:
    taken = []

    def endless() -> Iterator[int]:
        for number in count():
            taken.append((number, threading.get_ident()))
            yield number

    assert list(islice(ahead(executor, str, endless(), 2), 3)) == ["0", "1", "2"]
    assert taken == [(number, threading.get_ident()) for number in range(5)]


def test_work_goes_on_while_a_result_is_looked_at(executor: ThreadPoolExecutor) -> None:
    done = [threading.Event() for _ in range(3)]
    results = ahead(executor, lambda number: done[number].set(), range(3), 2)
    next(results)
    assert all(each.wait(timeout=10) for each in done)


def test_an_error_in_the_items_comes_after_what_was_before_it(executor: ThreadPoolExecutor) -> None:
    def broken() -> Iterator[int]:
        yield from range(5)
        raise ValueError("no sixth")

    sums = ahead(executor, sum, batches(ahead(executor, int, broken(), 3), 2), 1)
    assert list(islice(sums, 3)) == [0 + 1, 2 + 3, 4]
    with pytest.raises(ValueError, match="no sixth"):
        next(sums)


def test_an_error_in_the_work_comes_in_its_place(executor: ThreadPoolExecutor) -> None:
    quotients = ahead(executor, lambda number: 6 // number, [1, 2, 0, 3], 3)
    assert list(islice(quotients, 2)) == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(quotients)


def test_batches() -> None:
    assert list(batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batches(range(4), 2)) == [[0, 1], [2, 3]]
    assert list(batches([], 2)) == []
