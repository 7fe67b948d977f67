"""Numbers in a file, of which slices are read when asked for, and the bytes of any file likewise.

Not memory-mapped: the pages that a process touches of a mapping count as its memory, and loader workers touch all of them
in time. What is read here is gone once it has been used; the kernel keeps what is read often, at nobody's charge.
"""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data.errors import DataError


class Bytes:
    """A file whose bytes are read by their place. Picklable: a worker opens it again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, first: int, last: int) -> bytes:
        """Bytes `first` … `last` - 1.

        Raises:
            DataError: the file ends before that.
        """
        wanted = last - first
        found = os.pread(self._file.fileno(), wanted, first)  # 2 GiB at the most; safe after a fork
        while len(found) < wanted:
            part = os.pread(self._file.fileno(), wanted - len(found), first + len(found))
            if not part:
                raise DataError(f"{self.path} has become shorter while it was read: leave it alone and run again.")
            found += part
        return found

    def close(self) -> None:
        """Gives back the file handle; the next read opens the file again."""
        self.__dict__.pop("_file", None)

    def __len__(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_file"}

    @cached_property
    def _file(self) -> BinaryIO:
        return open(self.path, "rb", buffering=0)


class Column:
    """Numbers of one type, one after the other in a file."""

    def __init__(self, path: Path, dtype: type | str) -> None:
        self.bytes, self.dtype = Bytes(path), np.dtype(dtype)

    def __len__(self) -> int:
        return len(self.bytes) // self.dtype.itemsize

    def read(self, first: int, last: int) -> np.ndarray:
        """Numbers `first` … `last` - 1, in an array that cannot be written to."""
        size = self.dtype.itemsize
        return np.frombuffer(self.bytes.read(first * size, last * size), self.dtype)

    def close(self) -> None:
        """Gives back the file handle; the next read opens the file again."""
        self.bytes.close()


def read_ranges(columns: Sequence[Column], firsts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
    """Many ranges from columns of one type: numbers first … last - 1 of the first column, then of the second, and so on.

    Args:
        columns: N, in which one may stand several times.
        firsts, lasts: int64 [N].
    """
    size = columns[0].dtype.itemsize
    places = zip(columns, (firsts * size).tolist(), (lasts * size).tolist(), strict=True)
    return np.frombuffer(b"".join([column.bytes.read(first, last) for column, first, last in places]), columns[0].dtype)
