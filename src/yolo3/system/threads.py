"""Work done ahead by threads, its results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(executor: Executor, work: Callable[[Item], Result], items: Iterable[Item], count: int) -> Iterator[Result]:
    """``map(work, items)``, with so many results in the making while one is looked at.

    Items are taken in the calling thread, no more than are needed, so there may be endlessly many. An error in them is
    raised after the results of those that came before.

    Args:
        executor: does the work.
        work: on one item; what it raises is raised in its place.
        items: taken one by one.
        count: how many to be ahead.
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
    """Lists of so many items, the last one of what is left; before an error in the items, of what came until then."""
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
