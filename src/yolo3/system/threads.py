"""Work done ahead by threads, its results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(executor: Executor, work: Callable[[Item], Result], items: Iterable[Item], count: int) -> Iterator[Result]:
    """``map(work, items)``, computed ahead by threads.

    Items are taken in the calling thread, no more than are needed, so there may be endlessly many. An error in them is
    raised after the results of those that came before.

    Args:
        executor: Threads that do the work.
        work: Function of one item. An error that it raises is raised in place of the result.
        items: Items, taken one by one.
        count: Number of results in progress while one is used.
    """
    waiting: deque[Future[Result]] = deque()
    taken = iter(items)
    failure: Exception | None = None
    while True:
        try:
            item = next(taken)
        except StopIteration:
            break
        except Exception as error:
            failure = error
            break
        waiting.append(executor.submit(work, item))
        if len(waiting) > count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
    if failure is not None:
        raise failure


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` items; the last one may be shorter, and so may the one before an error in the items."""
    batch: list[Item] = []
    try:
        for item in items:
            batch.append(item)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
