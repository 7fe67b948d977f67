"""Work on all cores: a `map` whose results come in order, from processes that end with this one.

    with parallel_map(processes) as mapped:
        for found in mapped(scan, chunks):     # scan(chunk) in some process; the results in the order of the chunks

It is called like the built-in `map`, which does the same on one core: whoever takes one takes the other.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

from experiment.errors import LostProcessError
from experiment.loader_workers import signals_held, start_worker

Task = TypeVar("Task")
Result = TypeVar("Result")

_AHEAD = 2
"""Tasks a process that wait or have waited: enough that none is idle, so few that their results stay small."""


class OrderedMap(Protocol):
    """The built-in `map` of one iterable, or one over processes."""

    def __call__(self, function: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterable[Result]: ...


@contextmanager
def parallel_map(processes: int) -> Iterator[OrderedMap]:
    """A map over so many processes; with one, the built-in `map`.

    Functions, tasks and results travel between processes, so they must be picklable; the function does so once a process.
    What a function raises is raised here, when its result is asked for.

    Raises:
        LostProcessError: a process was killed, as a machine does that runs out of memory.
    """
    if processes < 2:
        yield map
        return
    open_pools: list[ProcessPoolExecutor] = []

    def mapped(function: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        left = iter(tasks)
        first = list(islice(left, processes))
        if len(first) < 2:
            yield from map(function, first)
            return
        pool = ProcessPoolExecutor(len(first), initializer=_begin, initargs=(function,))
        open_pools.append(pool)
        waiting: deque[Future[Any]] = deque()
        try:
            for task in chain(first, left):
                with signals_held():  # the first one starts processes
                    waiting.append(pool.submit(_carry_out, task))
                if len(waiting) > _AHEAD * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise LostProcessError(
                "a process that prepared the text was ended from outside, perhaps for want of memory; run again with "
                "more memory or fewer cores"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)

    try:
        yield mapped
    finally:
        for pool in open_pools:
            pool.shutdown(cancel_futures=True)


_function: Callable[[Any], Any]
"""Of this process, where it is one that works for another."""


def _begin(function: Callable[[Any], Any]) -> None:
    global _function
    start_worker(0)
    _function = function


def _carry_out(task: Any) -> Any:
    return _function(task)
