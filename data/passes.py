"""What every pass over a whole corpus shares: how it tells how far it is, how it uses all cores, how it cuts its work up.

    for found in mapped(partial(scan, corpus), document_ranges(corpus.chars)):     # in order, from whatever process
        …

A pass takes a `mapped` that is called like the built-in `map`: that one works on one core, the caller's may work on many.
What comes out is the same.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from data.errors import DataError

Progress = Callable[[int, int], None]
"""Called with what is done and what is to be done in all, in bytes or characters."""

Task = TypeVar("Task")
Result = TypeVar("Result")
Map = Callable[[Callable[[Task], Result], Iterable[Task]], Iterable[Result]]
"""The built-in `map` over one iterable, or one like it."""

RANGE = 500_000
"""Characters of the documents that are one task: half a second of a core, so that a hundred cores share 100 MB evenly."""

_SPARE = 1.05
"""Space is asked for with so much more than is expected."""


def document_ranges(characters: np.ndarray, first: int = 0, last: int | None = None) -> Iterator[range]:
    """Documents `first` … `last` - 1 in ranges of about `RANGE` characters, at least one document each.

    Args:
        characters: of each document, int [documents].
    """
    ends = np.cumsum(characters[first:last], dtype=np.int64)
    begin = 0
    while begin < len(ends):
        before = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(ends.searchsorted(before + RANGE, side="right")))
        yield range(first + begin, first + end)
        begin = end


def require_space(directory: Path, needed: float, what: str) -> None:
    """Raises DataError, a sentence that begins with `what`, where a disk has not so many bytes free."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed * _SPARE:
        raise DataError(
            f"{what} takes about {needed / 1e9:.2f} GB of disk, but {directory} has {free / 1e9:.2f} GB free; make room, or "
            "choose another --cache_dir"
        )
