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

import json
import math
import os
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data.errors import DataError
from data.formats import Content, Format, Refused, Rejected, decode_blocks, detect, read_document, split_documents
from data.lines import THRESHOLD, IndexWriter, index_path, read_blocks
from data.sources import Progress, Source, new_folder

VERSION = 1
"""Raised when the same files would give other documents, so that indexes and fingerprints of before are not used."""

COLUMNS = {"file": "<u4", "line": "<u8", "lines": "<u4", "chars": "<u4", "key": "<u8"}
"""What is stored of each document: number of the file, first line and number of lines, characters, key."""

INVALID = "not valid UTF-8"
DUPLICATE = "duplicate"

_BROKEN_BYTE = re.compile("[\ud800-\udfff]")
"""A byte that is not UTF-8, as `decode_blocks` gives it."""

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


def make_index(sources: Sequence[Source], cache_dir: Path, progress: Progress | None = None) -> Path:
    """The folder of the index of these files, made if the cache does not hold it.

    `progress` counts bytes of text. Raises DataError if a file that was named is refused, if a path given has no file
    that can be used, if no document is left, or if a file changes meanwhile.
    """
    target = cache_dir / "index" / _digest(sources)
    if target.is_dir():
        return target
    started = time.perf_counter()
    with new_folder(target) as folder:
        with ExitStack() as stack:
            columns = [stack.enter_context(open(folder / name, "wb")) for name in COLUMNS]
            counts = _Scan(sources, columns, cache_dir, progress).run()
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


class _Scan:
    """Reads every file once and appends its documents to the columns."""

    def __init__(
        self, sources: Sequence[Source], columns: Sequence[BinaryIO], cache_dir: Path, progress: Progress | None
    ):
        self.sources = sources
        self.cache_dir = cache_dir
        self.progress = progress or (lambda done, total: None)
        self.counts = Counts()
        self.done = 0
        self.total = sum(source.state.size for source in sources)
        self.held = in_memory(sources)
        self.rows: list[tuple[int, ...]] = []
        self.columns = columns

    def run(self) -> Counts:
        """Reads the files; duplicates are still among the documents that are counted."""
        formats = [self._format(number, source) for number, source in enumerate(self.sources)]
        usable = {source.given for source, format in zip(self.sources, formats, strict=True) if format}
        for given in _given(self.sources):
            if given not in usable:
                raise DataError(f"{given} holds no text that can be used: {_reasons(self.counts)}.")
        for number, (source, format) in enumerate(zip(self.sources, formats, strict=True)):
            end = self.done + source.state.size
            if format:
                self._read(number, source, format)
            self.done = end
            self.progress(self.done, self.total)
        self._store()
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

    def _read(self, number: int, source: Source, format: Format) -> None:
        """Finds the documents of one file."""
        file = FileCounts(number, format.value, source.state.size)
        texts = decode_blocks(
            self._blocks(number, source, file), lambda line, reason: self.counts.reject(reason, number, line)
        )
        for span in split_documents(format, texts):
            try:
                content = read_document(format, span.text.split("\n"))
                key = document_key(content)
            except Rejected as rejected:
                broken = _BROKEN_BYTE.search(span.text)
                before = span.text.count("\n", 0, broken.start()) if broken else 0
                self.counts.reject(str(rejected), number, span.line + before)
                continue
            chars = sum(map(len, content.paragraphs), len(content.title))
            self.rows.append((number, span.line, span.lines, chars, key))
            self.counts.cuts += span.continues
        self.counts.files.append(file)

    def _blocks(self, number: int, source: Source, file: FileCounts) -> Iterator[bytes]:
        """The bytes of one file; on their way they are hashed, their lines counted and, for a large file, indexed."""
        hash = blake2b(digest_size=16)
        with ExitStack() as stack:
            writer, ended = None, True
            if number not in self.held:
                writer = stack.enter_context(IndexWriter(index_path(source.path, source.state, self.cache_dir)))
            for block in read_blocks(source.path):
                hash.update(block)
                file.lines += block.count(b"\n")
                if b"\r" in block:
                    file.lines += block.count(b"\r") - block.count(b"\r\n")
                ended = block.endswith((b"\n", b"\r"))
                if writer:
                    writer.add(block)
                yield block
                self._store()
                self.done += len(block)
                self.progress(self.done, self.total)
            source.state.check(source.path)
        file.lines += not ended
        file.digest = hash.hexdigest()

    def _store(self) -> None:
        """Appends the documents found since the last time."""
        for column, kind, values in zip(self.columns, COLUMNS.values(), zip(*self.rows, strict=True), strict=False):
            np.array(values, dtype=kind).tofile(column)
        self.counts.documents += len(self.rows)
        self.rows.clear()


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
