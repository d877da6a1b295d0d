import threading
from contextlib import contextmanager

import pytest
import torch

from yolo3.results import in_threads
from yolo3.sources import Frame
from yolo3.structures import Detections

_NOTHING = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
_FRAMES = [Frame(str(number), str(number), lambda: None) for number in range(40)]


def test_all_is_written_in_order_when_it_ends():
    written, finished = [], []

    @contextmanager
    def writer():
        yield lambda frame, found: written.append((frame.name, threading.current_thread()))
        finished.append(len(written))

    with in_threads(writer()) as add:
        for frame in _FRAMES:
            add(frame, _NOTHING)
    assert [name for name, _ in written] == [frame.name for frame in _FRAMES]
    assert threading.current_thread() not in {thread for _, thread in written}
    assert finished == [40]  # the writer ends after the last of its calls


def test_no_more_than_so_many_wait():
    started, go = threading.Semaphore(0), threading.Event()

    @contextmanager
    def writer():
        def add(frame, found):
            started.release()
            assert go.wait(10)

        yield add

    done = []

    def produce():
        with in_threads(writer(), num_threads=1, num_waiting=2) as add:
            for frame in _FRAMES[:5]:
                add(frame, _NOTHING)
                done.append(frame.name)

    producer = threading.Thread(target=produce)
    producer.start()
    assert started.acquire(timeout=10)
    producer.join(0.2)
    assert len(done) == 3  # one at work, two waiting
    go.set()
    producer.join(10)
    assert len(done) == 5


@pytest.mark.parametrize("failing", [0, 39])
def test_an_error_of_the_writer_is_raised(failing):
    @contextmanager
    def writer():
        def add(frame, found):
            if frame is _FRAMES[failing]:
                raise OSError("no space left")

        yield add

    with pytest.raises(OSError, match="no space left"), in_threads(writer(), num_waiting=1) as add:  # noqa: PT012
        for frame in _FRAMES:
            add(frame, _NOTHING)


def test_an_error_of_the_caller_comes_through_when_all_is_written():
    written = []

    @contextmanager
    def writer():
        yield lambda frame, found: written.append(frame)

    with pytest.raises(KeyboardInterrupt), in_threads(writer()) as add:  # noqa: PT012
        for frame in _FRAMES[:10]:
            add(frame, _NOTHING)
        raise KeyboardInterrupt
    assert len(written) == 10
