"""The index of a corpus: where every document is, how long it is and what its key is, made in one pass over the files.

For each document five numbers are appended to five files, which are memory-mapped afterwards, so that memory is flat
for any number of documents:

    file  line  lines  chars  key
       0     1      1    683  0x5e0c…    petitions_2019-05, line 1
       0     2      1   1204  0x91ab…    petitions_2019-05, line 2
       1     1     16    412  0x07f3…    wiki.txt, lines 1 to 16

The pass also takes each file's hash, counts what is rejected and why, and writes the line index of large files. Then
documents whose key occurred before are taken out. The index is a folder named after the files' paths, sizes and times of
change: opening a corpus again reads no text.

What this does not do: it does not clean text or split sentences, so that other cleaning options need no new index.
"""

import hashlib
import json
import math
import os
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data.errors import DataError
from data.formats import (
    Content,
    Format,
    Refused,
    Rejected,
    decode_blocks,
    detect,
    parts,
    read_document,
    split_documents,
)
from data.lines import BOM, THRESHOLD, IndexWriter, index_path, line_ends, read_blocks
from data.passes import Map, Progress
from data.sources import Source, new_folder

VERSION = 1
"""Raised when the same files would give other documents, so that indexes and fingerprints of before are not used."""

COLUMNS = {"file": "<u4", "line": "<u8", "lines": "<u4", "chars": "<u4", "key": "<u8"}
"""What is stored of each document: number of the file, first line and number of lines, characters, key."""

INVALID = "not valid UTF-8"
DUPLICATE = "duplicate"

_BROKEN_BYTE = re.compile("[\ud800-\udfff]")
"""A byte that is not UTF-8, as `decode_blocks` gives it."""

PART = 4 * 2**20
"""Bytes of a file that are read by one process, at the least."""

LOCATIONS = 100
"""How many places are kept for each reason; the count is of all."""

PARTITION = 2**22
"""Documents that are looked through for duplicates at a time (about 150 MB of memory)."""


@dataclass
class FileCounts:
    """What was found in one file."""

    source: int
    """Its number among the sources."""
    format: str
    bytes: int
    digest: str = ""
    """Hash of its bytes, hexadecimal."""
    lines: int = 0
    documents: int = 0
    """After duplicates are taken out."""


@dataclass
class Counts:
    """Everything about an index that is not in a column."""

    files: list[FileCounts] = field(default_factory=list)
    documents: int = 0
    characters: int = 0
    one_line_documents: int = 0
    cuts: int = 0
    """How often a document was cut because of its length; each cut makes one more document."""
    rejected: dict[str, int] = field(default_factory=dict)
    """How many, by reason."""
    locations: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Number of the source and of the line (0: the whole file) of the first ones, by reason."""
    seconds: float = 0.0
    """What it took to make the index."""

    def reject(self, reason: str, source: int, line: int = 0) -> None:
        """Counts a file or document that is left out."""
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
        places = self.locations.setdefault(reason, [])
        if len(places) < LOCATIONS:
            places.append((source, line))


class Index:
    """The columns and counts of an index, opened from its folder."""

    def __init__(self, folder: Path):
        values = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
        values["files"] = [FileCounts(**file) for file in values["files"]]
        self.counts = Counts(**values)
        self.file, self.line, self.lines, self.chars, self.key = (_column(folder, name) for name in COLUMNS)


def make_index(
    sources: Sequence[Source],
    cache_dir: Path,
    progress: Progress | None = None,
    mapped: "Map[_Part, _Found]" = map,
) -> Path:
    """The folder of the index of these files, made if the cache does not hold it.

    `progress` counts bytes of text; `mapped` reads the parts of the files. Raises DataError if a file that was named is refused, if a path given has no file
    that can be used, if no document is left, or if a file changes meanwhile.
    """
    target = cache_dir / "index" / _digest(sources)
    if target.is_dir():
        return target
    started = time.perf_counter()
    with new_folder(target) as folder:
        with ExitStack() as stack:
            columns = [stack.enter_context(open(folder / name, "wb")) for name in COLUMNS]
            counts = _Scan(sources, columns, cache_dir, mapped, progress).run()
        if counts.documents:
            _drop_duplicates(folder, counts)
        if not counts.documents:
            raise DataError(f"No document is left in {', '.join(_given(sources))}: {_reasons(counts)}.")
        counts.seconds = time.perf_counter() - started
        (folder / "counts.json").write_text(json.dumps(asdict(counts)), encoding="utf-8")
    return target


def in_memory(sources: Sequence[Source]) -> set[int]:
    """The numbers of the sources whose lines are held in memory: the smallest, up to `THRESHOLD` bytes together.

    Every loader worker holds them, so a folder of many small files must not take more than one large file.
    """
    sizes = sorted((source.state.size, number) for number, source in enumerate(sources))
    totals = accumulate(size for size, _ in sizes)
    return {number for total, (_, number) in zip(totals, sizes, strict=True) if total <= THRESHOLD}


def _digest(sources: Sequence[Source]) -> str:
    versions = [(source.state.digest(source.path), str(source.refused)) for source in sources]
    return blake2b(json.dumps([VERSION, versions]).encode(), digest_size=16).hexdigest()


def _given(sources: Sequence[Source]) -> list[str]:
    return list(dict.fromkeys(source.given for source in sources))


def _reasons(counts: Counts) -> str:
    return ", ".join(f"{count} × {reason}" for reason, count in counts.rejected.items()) or "there is no text"


def _column(folder: Path, name: str) -> np.ndarray:
    return np.memmap(folder / name, dtype=COLUMNS[name], mode="r").view(np.ndarray)


# --- The pass over the files ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """Bytes `first` … `last` - 1 of a file, whole documents."""

    path: Path
    format: Format
    first: int
    last: int
    with_ends: bool
    """Whether the line ends are asked for."""


@dataclass
class _Found:
    """What is in a part. Its lines are counted from 1."""

    rows: np.ndarray
    """int64 [documents, 3]: first line, number of lines, characters."""
    keys: np.ndarray
    """uint64 [documents]."""
    lines: int
    """Line ends."""
    ended: bool
    """Whether a line end comes last."""
    marked: bool
    """Whether it begins with a byte order mark."""
    cuts: int
    counts: Counts
    """What was rejected."""
    ends: np.ndarray
    """int64 [lines], as `data.lines.line_ends` gives them for the whole part; empty unless asked for."""


def _read_part(part: _Part) -> _Found:
    """Finds the documents of a part."""
    rows: list[tuple[int, int, int]] = []
    keys: list[int] = []
    ends: list[np.ndarray] = []
    counts, lines, read, cuts = Counts(), 0, 0, 0
    ended, marked = True, False

    def blocks() -> Iterator[bytes]:
        nonlocal lines, read, ended, marked
        for block in read_blocks(part.path, part.first, part.last):
            marked = marked or (not read and not part.first and block.startswith(BOM))
            if part.with_ends:
                ends.append(line_ends(block) + read)
            lines += block.count(b"\n")
            if b"\r" in block:
                lines += block.count(b"\r") - block.count(b"\r\n")
            ended = block.endswith((b"\n", b"\r"))
            read += len(block)
            yield block

    texts = decode_blocks(blocks(), lambda line, reason: counts.reject(reason, 0, line), begins=not part.first)
    for span in split_documents(part.format, texts):
        try:
            content = read_document(part.format, span.text.split("\n"))
            keys.append(document_key(content))
        except Rejected as rejected:
            broken = _BROKEN_BYTE.search(span.text)
            before = span.text.count("\n", 0, broken.start()) if broken else 0
            counts.reject(str(rejected), 0, span.line + before)
            continue
        rows.append((span.line, span.lines, sum(map(len, content.paragraphs), len(content.title))))
        cuts += span.continues
    return _Found(
        rows=np.array(rows, dtype=np.int64).reshape(-1, 3),
        keys=np.array(keys, dtype=np.uint64),
        lines=lines,
        ended=ended,
        marked=marked,
        cuts=cuts,
        counts=counts,
        ends=np.concatenate(ends) if ends else np.zeros(0, dtype=np.int64),
    )


class _Scan:
    """Reads every file once and appends its documents to the columns."""

    def __init__(
        self,
        sources: Sequence[Source],
        columns: Sequence[BinaryIO],
        cache_dir: Path,
        mapped: Map[_Part, _Found],
        progress: Progress | None,
    ):
        self.sources = sources
        self.cache_dir = cache_dir
        self.mapped = mapped
        self.progress = progress or (lambda done, total: None)
        self.counts = Counts()
        self.done = 0
        self.total = sum(source.state.size for source in sources)
        self.held = in_memory(sources)
        self.columns = columns

    def run(self) -> Counts:
        """Reads the files; duplicates are still among the documents that are counted."""
        formats = [self._format(number, source) for number, source in enumerate(self.sources)]
        usable = {source.given for source, format in zip(self.sources, formats, strict=True) if format}
        for given in _given(self.sources):
            if given not in usable:
                raise DataError(f"{given} holds no text that can be used: {_reasons(self.counts)}.")
        files = [(number, self._parts(number, format)) for number, format in enumerate(formats) if format]
        self.done = self.total - sum(self.sources[number].state.size for number, _ in files)
        # A hash takes a file from its beginning to its end, on a core of its own.
        with ThreadPoolExecutor(1) as hashing:
            digests = [hashing.submit(_digest_of, self.sources[number].path) for number, _ in files]
            found = iter(self.mapped(_read_part, [part for _, file in files for part in file]))
            try:
                for (number, file), digest in zip(files, digests, strict=True):
                    self._gather(number, file, found, digest)
            except BaseException:
                hashing.shutdown(wait=False, cancel_futures=True)
                raise
        self.progress(self.total, self.total)
        return self.counts

    def _format(self, number: int, source: Source) -> Format | None:
        """The format of a file, or None if it is refused. An unusable file is found before any is read to its end."""
        try:
            if source.refused:
                raise source.refused
            return detect(source.path, source.name)
        except Refused as refused:
            if source.named:
                raise
            self.counts.reject(refused.reason, number)
            return None

    def _parts(self, number: int, format: Format) -> list[_Part]:
        source, with_ends = self.sources[number], number not in self.held
        bounds = parts(source.path, format, source.state.size, PART)
        return [_Part(source.path, format, first, last, with_ends) for first, last in bounds]

    def _gather(self, number: int, parts: list[_Part], found: Iterator[_Found], digest: "Future[str]") -> None:
        """Appends what was found in the parts of one file, the next ones in turn."""
        source, ended = self.sources[number], True
        file = FileCounts(number, parts[0].format.value, source.state.size)
        with ExitStack() as stack:
            writer = None
            if parts[0].with_ends:
                writer = stack.enter_context(IndexWriter(index_path(source.path, source.state, self.cache_dir)))
            for part in parts:
                content = next(found)
                self._append(number, file.lines, content)
                if writer:
                    if not part.first:
                        writer.begin(content.marked)
                    writer.extend(content.ends, part.last - part.first)
                file.lines += content.lines
                ended = content.ended
                self.done += part.last - part.first
                self.progress(self.done, self.total)
            file.digest = digest.result()
            source.state.check(source.path)
        file.lines += not ended
        self.counts.files.append(file)

    def _append(self, number: int, before: int, part: _Found) -> None:
        """Appends the documents of a part, before which the file has so many lines."""
        line, lines, chars = part.rows.T
        values = (np.full(len(line), number), line + before, lines, chars, part.keys)
        for column, kind, value in zip(self.columns, COLUMNS.values(), values, strict=True):
            value.astype(kind).tofile(column)
        self.counts.documents += len(line)
        self.counts.cuts += part.cuts
        for reason, places in part.counts.locations.items():
            for _, place in places:
                self.counts.reject(reason, number, before + place)
            self.counts.rejected[reason] += part.counts.rejected[reason] - len(places)


def _digest_of(path: Path) -> str:
    """Hash of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()


def document_key(content: Content) -> int:
    """64 bits of a hash of the text in NFC without its spaces and line ends: these do not make a text another one.

    Among ten million different documents, the chance that any two share a key is 3 in a million. Raises Rejected for
    text that is not valid Unicode.
    """
    text = unicodedata.normalize("NFC", "\n".join([content.title, *content.paragraphs]))
    try:
        letters = text.encode().translate(None, b" \t\n")
    except UnicodeEncodeError:
        raise Rejected(INVALID) from None
    return int.from_bytes(blake2b(letters, digest_size=8).digest(), "little")


# --- Duplicates -------------------------------------------------------------------------------------------------------


def _drop_duplicates(folder: Path, counts: Counts) -> None:
    """Takes every document out of the columns whose key occurred before, and counts what is left."""
    file, line = _column(folder, "file"), _column(folder, "line")
    keep = first_occurrences(_column(folder, "key"), folder / "keep")
    chunks = [slice(start, start + PARTITION) for start in range(0, len(keep), PARTITION)]
    for chunk in chunks:
        dropped = np.flatnonzero(~keep[chunk])
        for document in (chunk.start + dropped[:LOCATIONS]).tolist():
            counts.reject(DUPLICATE, int(file[document]), int(line[document]))
        if len(dropped) > LOCATIONS:
            counts.rejected[DUPLICATE] += len(dropped) - LOCATIONS
    for name in COLUMNS:
        column = _column(folder, name)
        with open(folder / "kept", "wb") as kept:
            for chunk in chunks:
                column[chunk][keep[chunk]].tofile(kept)
        os.replace(folder / "kept", folder / name)
    (folder / "keep").unlink()

    file, lines, chars = (_column(folder, name) for name in ("file", "lines", "chars"))
    counts.documents = len(file)
    documents = np.zeros(counts.files[-1].source + 1, dtype=np.int64)
    for chunk in chunks:
        counts.characters += int(chars[chunk].sum(dtype=np.uint64))
        counts.one_line_documents += int((lines[chunk] == 1).sum())
        documents += np.bincount(file[chunk], minlength=len(documents))
    for entry in counts.files:
        entry.documents = int(documents[entry.source])


def first_occurrences(keys: np.ndarray, scratch: Path) -> np.ndarray:
    """Which keys did not occur before; bool, memory-mapped in the new file `scratch`.

    One partition of the keys after another is gone through, chosen by their remainder, so that memory is bounded for
    any number of keys and any number of repetitions.
    """
    keep = np.memmap(scratch, dtype=bool, mode="w+", shape=keys.shape)
    partitions = math.ceil(len(keys) / PARTITION)
    for partition in range(partitions):
        candidates = []
        for start in range(0, len(keys), PARTITION):
            chunk = keys[start : start + PARTITION]
            members = np.flatnonzero(chunk % partitions == partition)
            candidates.append(start + members[np.unique(chunk[members], return_index=True)[1]])
        first = np.concatenate(candidates)
        keep[first[np.unique(keys[first], return_index=True)[1]]] = True
    return keep
