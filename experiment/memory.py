"""Out of memory: halve the work and go on."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_halves(
    compute: Callable[[Sequence[Item]], Result], items: Sequence[Item]
) -> Iterator[tuple[Sequence[Item], Result]]:
    yield items, compute(items)


def out_of_memory(error: BaseException) -> bool:
    return isinstance(error, __import__("torch").OutOfMemoryError) or "out of memory" in str(error)
