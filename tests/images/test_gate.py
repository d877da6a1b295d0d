import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from yolo3.images.gate import Gate


def test_threads_together_stay_within_the_limit() -> None:
    gate = Gate(100)
    held: list[int] = []
    most: list[int] = []

    def work(size: int) -> None:
        with gate.hold(size):
            held.append(size)
            most.append(sum(held))
            time.sleep(0.002)
            held.remove(size)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [40, 30, 30, 50, 100, 10, 60] * 4))
    assert 50 < max(most) <= 100


def test_one_that_needs_more_is_alone_and_not_starved() -> None:
    gate = Gate(100)
    order: list[str] = []
    began = threading.Event()

    def small() -> None:
        with gate.hold(60):
            order.append("small")

    def large() -> None:
        began.set()
        with gate.hold(1000):
            order.append("large")

    with gate.hold(60):
        threads = [threading.Thread(target=large), *(threading.Thread(target=small) for _ in range(3))]
        threads[0].start()
        began.wait()
        time.sleep(0.05)
        for thread in threads[1:]:
            thread.start()
        time.sleep(0.05)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == ["large", "small", "small", "small"]


def test_an_error_gives_the_room_back() -> None:
    gate = Gate(10)
    with pytest.raises(KeyError), gate.hold(10):
        raise KeyError
    with gate.hold(10):
        pass


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # which is what is tried
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_does_not_wait_for_a_thread_that_it_does_not_have() -> None:
    gate = Gate(10)
    with gate.hold(10):
        child = os.fork()
        if child == 0:
            with gate.hold(10):
                os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
