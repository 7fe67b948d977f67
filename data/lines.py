r"""Random access to the lines of a text file, by number, as `linecache` gives them.

A petition file is one JSON object a line, so `reader.getline(3)` is the third petition, and a block of plain text is
`reader.getlines(120, 14)`. Two readers do this with the same results for any bytes:

* `CachedLines`, for small files: `linecache2` holds and serves the lines. It keeps the whole file as a list of strings,
  1.6 times the file's size in every process that reads it.
* `IndexedLines`, for large files: each line is read from the file when it is asked for, found through an index of byte
  offsets that is built once, in one streaming pass, and kept in the cache. Memory stays flat for files of any size.

What a line is, in both: "\n", "\r\n" and "\r" end it and nothing else does (a form feed or U+2028 inside a petition
stays where it is); it is decoded as UTF-8, bytes that are not UTF-8 becoming U+FFFD; a byte order mark that opens the
file is dropped; every line is given with "\n" at its end, the last one too. Numbers start at 1, and a number outside
the file gives "".

`linecache2` itself opens files as Python source: "coding: euc-kr" in the first two lines would change the encoding of
the whole file, and one invalid byte raises UnicodeDecodeError. So the lines are read here and handed to its cache.

What this does not do: it knows no documents and no formats, and it does not unpack archives.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Protocol, Self
from uuid import uuid4

import linecache2
import numpy as np

from data.columns import Bytes, Column
from data.errors import DataError

THRESHOLD = 64 * 2**20
"""Bytes up to which a file is held in memory."""

BLOCK = 4 * 2**20
"""Bytes that a streaming pass reads at once."""

OFFSET = "<u8"
"""Of the index: a byte's place in the file."""

LONGEST_LINE = 16 * 2**20
"""Bytes that a streaming pass holds of one line; a longer line comes in pieces."""

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class FileState:
    """Which version of a file was read: when it differs later, line numbers can no longer be trusted."""

    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change, nanoseconds."""

    @classmethod
    def of(cls, path: str | Path) -> Self:
        """The present state of a file; OSError if there is none."""
        stat = os.stat(path)
        return cls(stat.st_size, stat.st_mtime_ns)

    def digest(self, path: str | Path) -> str:
        """32 hexadecimal digits that name this version of this file in the cache."""
        return blake2b(os.fsencode(path) + b"\0%d\0%d" % (self.size, self.mtime_ns), digest_size=16).hexdigest()

    def check(self, path: str | Path) -> None:
        """Raises DataError unless `path` is still in this state."""
        try:
            now = FileState.of(path)
        except OSError as error:
            raise DataError(f"{path} cannot be read any more ({error.strerror}): put it back and run again.") from error
        if now != self:
            raise DataError(f"{path} has changed since it was indexed: leave it alone while it is read, and run again.")


class LineReader(Protocol):
    """The lines of one file. Picklable: only the path and the state travel, a worker opens the file again."""

    path: Path

    def getline(self, n: int) -> str:
        """Line `n`, from 1, with "\\n" at its end; "" outside the file. Raises DataError if the file has changed."""
        ...

    def getlines(self, first: int, count: int) -> list[str]:
        """`count` lines from line `first` on, fewer where the file ends: `getline` in bulk."""
        ...

    def __len__(self) -> int:
        """Number of lines."""
        ...

    def close(self) -> None:
        """Gives back memory and file handles; the next read opens the file again."""
        ...


class CachedLines:
    """The lines of a small file, held by `linecache2`."""

    def __init__(self, path: Path, state: FileState):
        self.path = path
        self.state = state
        # Not the bare path: linecache2's cache is global, and others may hold the same file in it, read as Python.
        self._key = f"{path} {state.size} {state.mtime_ns}"

    def getline(self, n: int) -> str:
        self._load()
        return linecache2.getline(self._key, n)

    def getlines(self, first: int, count: int) -> list[str]:
        self._load()
        return linecache2.getlines(self._key)[max(first - 1, 0) : max(first - 1 + count, 0)]

    def __len__(self) -> int:
        self._load()
        return len(linecache2.getlines(self._key))

    def close(self) -> None:
        linecache2.cache.pop(self._key, None)

    def _load(self) -> None:
        """Sees to it that linecache2 holds the lines: it forgets them when anyone calls its `clearcache`."""
        self.state.check(self.path)
        if self._key in linecache2.cache:
            return
        with open(self.path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
        if lines:
            lines[0] = lines[0].removeprefix("\ufeff")
            if not lines[0]:  # a byte order mark and nothing else
                lines = []
            elif not lines[-1].endswith("\n"):
                lines[-1] += "\n"
        self.state.check(self.path)
        linecache2.cache[self._key] = (self.state.size, os.stat(self.path).st_mtime, lines, str(self.path))


class IndexedLines:
    """The lines of a large file, found through the byte offsets in `index` (see `IndexWriter`)."""

    def __init__(self, path: Path, state: FileState, index: Path):
        self.path = path
        self.state = state
        self.index = index
        self._bytes, self._offsets = Bytes(path), Column(index, OFFSET)

    def getline(self, n: int) -> str:
        lines = self.getlines(n, 1) if n >= 1 else []
        return lines[0] if lines else ""

    def getlines(self, first: int, count: int) -> list[str]:
        self.state.check(self.path)
        last = min(first - 1 + count, len(self))
        first = max(first, 1)
        if last < first:
            return []
        offsets = self._offsets.read(first - 1, last + 1)
        text = self._bytes.read(int(offsets[0]), int(offsets[-1])).decode("utf-8", "replace")
        return [line + "\n" for line in plain_newlines(text).removesuffix("\n").split("\n")]

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def close(self) -> None:
        self._bytes.close()
        self._offsets.close()


def open_lines(
    path: str | Path, cache_dir: Path, threshold: int = THRESHOLD, state: FileState | None = None
) -> LineReader:
    """The reader for a file: `linecache2` up to `threshold` bytes, through an index above.

    The index is built here unless `cache_dir` holds it. With `state`, the file must still be in the
    state that was seen earlier. Raises DataError if the file is missing or has changed.
    """
    path = Path(os.path.realpath(path))
    if state is None:
        try:
            state = FileState.of(path)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    state.check(path)
    if state.size <= threshold:
        return CachedLines(path, state)
    index = index_path(path, state, cache_dir)
    if not index.exists():
        with IndexWriter(index) as writer:
            for block in read_blocks(path):
                writer.add(block)
            state.check(path)
    return IndexedLines(path, state, index)


def index_path(path: Path, state: FileState, cache_dir: Path) -> Path:
    """Where the line index of this version of this file is kept."""
    return cache_dir / "lines" / state.digest(path)


class IndexWriter:
    """Writes a line index: uint64 byte offsets, little-endian, of every line's start and of the end of the last line.

    Blocks go in as `read_blocks` gives them. The file appears under its name whole, when the `with` block ends without
    an exception, or not at all.
    """

    def __init__(self, target: Path):
        self.target = target
        self._file: BinaryIO
        self._temporary = target.with_name(f".writing-{uuid4().hex}")
        self._read = 0
        self._written = 0

    def __enter__(self) -> Self:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._temporary, "xb")
        return self

    def add(self, block: bytes) -> None:
        """Notes the line ends of the file's next bytes, which must not end between a "\\r" and its "\\n"."""
        if not self._read:
            self.begin(block.startswith(BOM))
        self.extend(line_ends(block), len(block))

    def begin(self, marked: bool) -> None:
        """Notes where the first line starts; `marked`: behind a byte order mark."""
        self._write(np.array([len(BOM) if marked else 0]))

    def extend(self, ends: np.ndarray, length: int) -> None:
        """Notes the `line_ends` of the file's next `length` bytes."""
        self._write(ends + self._read)
        self._read += length

    def _write(self, offsets: np.ndarray) -> None:
        if len(offsets):
            offsets.astype(OFFSET).tofile(self._file)
            self._written = int(offsets[-1])

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with self._file:
            if not self._read or self._written < self._read:  # an empty file, or no newline at the end
                self._write(np.array([self._read]))
        if kind is None:
            os.replace(self._temporary, self.target)
        else:
            os.unlink(self._temporary)


def line_ends(block: bytes) -> np.ndarray:
    """Offsets just behind every line end in a block that does not end between a "\\r" and its "\\n"; int64."""
    codes = np.frombuffer(block, dtype=np.uint8)
    ends = codes == ord("\n")
    if b"\r" in block:
        returns = codes == ord("\r")
        returns[:-1] &= ~ends[1:]  # the "\r" of a "\r\n" ends nothing
        ends |= returns
    return np.flatnonzero(ends) + 1


def read_blocks(path: Path, first: int = 0, last: int | None = None) -> Iterator[bytes]:
    """Bytes `first` … `last` - 1 of a file in order, to its end unless told, in blocks of about 4 MiB that end with a line.

    Only two kinds of block do not: the last, where the file lacks its final newline, and the pieces (above 16 MiB) of a
    line that is too long to be held. No block ends between a "\\r" and its "\\n".
    """
    with open(path, "rb", buffering=0) as file:
        file.seek(first)
        rest, left = b"", sys.maxsize if last is None else last - first
        while chunk := file.read(min(BLOCK, left)):
            left -= len(chunk)
            data = rest + chunk
            end = data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, -1) + 1
            if not end and len(data) > LONGEST_LINE:
                end = len(data) - data.endswith(b"\r")
            if end:
                yield data[:end]
            rest = data[end:]
        if rest:
            yield rest


def plain_newlines(text: str) -> str:
    """The text with "\\n" for every line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
