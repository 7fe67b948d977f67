"""A corpus: the documents of many files of raw text, numbered, with their sentences read from disk when asked for.

    corpus = open_corpus(["petitions/", "wiki.txt.xz"], cache_dir, Cleaning())
    corpus.where(3)        petitions/petitions_2019-05:4
    corpus.text(3)         ["세금은 꼭 필요한 곳에 써주세요", "안녕하세요.저는 평범한 직장인입니다 …"]
    corpus.sentences(3)    ["세금은 꼭 필요한 곳에 써주세요", "저는 평범한 직장인입니다", …]

The index of documents is made once, in one pass over the files, and kept in the cache (see `data.index`). A Corpus
itself is small: it goes to a loader worker as a few paths, maps the index's columns into memory, and opens a file when
a document of it is first read. A file that has changed since is noticed on every read.

What this does not do: it knows no tokens, no pairs and no split; it gives documents in the order of the files.
"""

import inspect
import json
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

import data.cleaning
import data.sentences
from data.cleaning import Cleaning
from data.errors import DataError
from data.formats import Content, Format, read_document
from data.index import DUPLICATE, LOCATIONS, VERSION, Index, in_memory, make_index
from data.lines import LineReader, open_lines
from data.passes import Map, Progress
from data.sentences import split_sentences
from data.sources import Source, find_sources

OPEN_FILES = 128
"""How many large files are kept open at once; each takes two file handles, of which a process has perhaps 1,024."""


@dataclass(frozen=True)
class Document:
    """Where a document is."""

    index: int
    """Its number in the corpus, from 0."""
    path: str
    """The file, under the name that messages use."""
    line: int
    """Its first line, from 1."""
    lines: int
    """How many lines it has."""


@dataclass(frozen=True)
class FileReport:
    """What was found in one file."""

    path: str
    format: str
    bytes: int
    """Of text, that is, unpacked."""
    lines: int
    documents: int


@dataclass(frozen=True)
class Rejection:
    """What was left out for one reason."""

    count: int
    locations: list[str]
    """The first ones, at most 100: file and line, or the file alone where all of it was left out."""


@dataclass(frozen=True)
class CorpusReport:
    """What a corpus consists of, and what was left out of it and why."""

    files: list[FileReport]
    documents: int
    lines: int
    """Of all files that were used."""
    characters: int
    one_line_documents: int
    """Documents of one line: petitions all are; plain text in which most are has perhaps a blank line too many."""
    cuts: int
    """How often a document was cut because of its length; each cut makes one more document."""
    duplicates: int
    """Documents left out because their text occurred before; also under `rejected`."""
    rejected: dict[str, Rejection]
    """By reason, the most frequent first."""
    seconds: float
    """What it took to make the index, this time or earlier."""

    def as_dict(self) -> dict[str, object]:
        """The report for JSON."""
        return asdict(self)


class Corpus:
    """Documents by number. Picklable: a worker gets paths and opens the rest itself. Use `open_corpus` to make one."""

    def __init__(
        self,
        sources: Sequence[Source],
        folder: Path,
        cache_dir: Path,
        cleaning: Cleaning,
        left_out: dict[str, list[str]],
    ):
        self.cleaning = cleaning
        self._sources = sources
        self._folder = folder
        self._cache_dir = cache_dir
        self._left_out = left_out
        self._readers: dict[int, LineReader] = {}
        self._opened: OrderedDict[int, LineReader] = OrderedDict()

    def __reduce__(self) -> tuple[object, ...]:
        """Only what it was made from: the rest is opened again where it is needed."""
        return Corpus, (self._sources, self._folder, self._cache_dir, self.cleaning, self._left_out)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._index.file)

    @property
    def chars(self) -> np.ndarray:
        """Characters of each document's raw text, title included, blank lines and headings not; uint32[documents]."""
        return self._index.chars

    @property
    def keys(self) -> np.ndarray:
        """A hash of each document's text, whatever its file and place; uint64[documents], no two alike."""
        return self._index.key

    def document(self, i: int) -> Document:
        """Where document `i` is. Raises IndexError outside 0 … len - 1."""
        if not 0 <= i < len(self):
            raise IndexError(f"document {i} of a corpus of {len(self)}")
        index = self._index
        return Document(i, self._sources[index.file[i]].name, int(index.line[i]), int(index.lines[i]))

    def where(self, i: int) -> str:
        """File and line of document `i` for messages: "petitions_2019-05:12"."""
        document = self.document(i)
        return f"{document.path}:{document.line}"

    def text(self, i: int) -> list[str]:
        """The raw text of document `i`: its title, if it has one, then its paragraphs, without blank lines.

        Raises DataError if the file has changed since it was indexed.
        """
        content = self._content(i)
        return [content.title, *content.paragraphs] if content.title else content.paragraphs

    def sentences(self, i: int) -> list[str]:
        """The sentences of document `i`, cleaned; those shorter than `cleaning.min_chars` are dropped.

        A title is one sentence. May be empty: a document of "감사합니다." has text, but no sentence that is long enough.
        Raises DataError if the file has changed since it was indexed.
        """
        return self.cleaned(i)[0]

    def cleaned(self, i: int) -> tuple[list[str], int]:
        """What `sentences` gives, and how many sentences were dropped for being too short."""
        content = self._content(i)
        clean, shortest = self.cleaning.clean, self.cleaning.min_chars
        sentences = [clean(content.title)]
        for paragraph in content.paragraphs:
            sentences += split_sentences(clean(paragraph))
        sentences = [sentence for sentence in sentences if sentence]
        kept = [sentence for sentence in sentences if len(sentence) >= shortest]
        return kept, len(sentences) - len(kept)

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits for the documents that come out: contents and formats of the files in their order,
        cleaning options, the code that indexes, cleans and splits. Names and places of the files are not in it."""
        files = [(file.format, file.digest) for file in self._index.counts.files]
        code = [inspect.getsource(module) for module in (data.cleaning, data.sentences)]
        described = json.dumps([VERSION, code, files, asdict(self.cleaning)], sort_keys=True)
        return blake2b(described.encode(), digest_size=16).hexdigest()

    @cached_property
    def report(self) -> CorpusReport:
        """What the corpus consists of, and what was left out."""
        counts = self._index.counts
        names = [source.name for source in self._sources]
        rejected = {reason: Rejection(len(paths), paths[:LOCATIONS]) for reason, paths in self._left_out.items()}
        for reason, count in counts.rejected.items():
            places = [f"{names[file]}:{line}" if line else names[file] for file, line in counts.locations[reason]]
            rejected[reason] = Rejection(count, places)
        return CorpusReport(
            files=[
                FileReport(names[file.source], file.format, file.bytes, file.lines, file.documents)
                for file in counts.files
            ],
            documents=counts.documents,
            lines=sum(file.lines for file in counts.files),
            characters=counts.characters,
            one_line_documents=counts.one_line_documents,
            cuts=counts.cuts,
            duplicates=counts.rejected.get(DUPLICATE, 0),
            rejected=dict(sorted(rejected.items(), key=lambda item: -item[1].count)),
            seconds=counts.seconds,
        )

    @cached_property
    def _index(self) -> Index:
        return Index(self._folder)

    @cached_property
    def _formats(self) -> dict[int, Format]:
        return {file.source: Format(file.format) for file in self._index.counts.files}

    @cached_property
    def _held(self) -> set[int]:
        return in_memory(self._sources)

    def _content(self, i: int) -> Content:
        if not 0 <= i < len(self):
            raise IndexError(f"document {i} of a corpus of {len(self)}")
        index = self._index
        file = int(index.file[i])
        lines = self._reader(file).getlines(int(index.line[i]), int(index.lines[i]))
        return read_document(self._formats[file], lines)

    def _reader(self, file: int) -> LineReader:
        """The reader of a file; of those that are not held in memory, the one that was not used for longest makes room."""
        source = self._sources[file]
        if file in self._held:
            if file not in self._readers:
                self._readers[file] = open_lines(source.path, self._cache_dir, source.state.size, source.state)
            return self._readers[file]
        if file not in self._opened:
            self._opened[file] = open_lines(source.path, self._cache_dir, -1, source.state)
            if len(self._opened) > OPEN_FILES:
                self._opened.popitem(last=False)[1].close()
        self._opened.move_to_end(file)
        return self._opened[file]


def open_corpus(
    paths: Sequence[str | Path],
    cache_dir: Path,
    cleaning: Cleaning,
    progress: Progress | None = None,
    *,
    cores: int = 1,
    mapped: Map[Any, Any] = map,
) -> Corpus:
    """The corpus that the files under `paths` make up; the first time, they are read once.

    `progress` is called with bytes done and in all: first for the packed bytes of archives that are not unpacked yet,
    if there are any, then for the bytes of text. `cores` unpack, and `mapped` reads the parts of the files. What `cache_dir` holds of the same files is used again as long as
    their sizes and times of change are the same; it can be deleted at any time between runs.

    Raises DataError for a path that does not exist, a file named directly that is no text, a folder without text, a
    corpus of which nothing is left, a file that changes meanwhile, and a cache that cannot be written.
    """
    left_out: dict[str, list[str]] = {}
    cache_dir = Path(os.path.abspath(cache_dir))
    try:
        sources = find_sources(
            paths, cache_dir, lambda reason, name: left_out.setdefault(reason, []).append(name), progress, cores
        )
        index = make_index(sources, cache_dir, progress, mapped)
    except OSError as error:
        advice = f"cannot be read or written ({error.strerror or error}): check space and permissions"
        raise DataError(f"{error.filename or cache_dir} {advice}.") from error
    # Why a source was refused is in the index now.
    return Corpus([replace(source, refused=None) for source in sources], index, cache_dir, cleaning, left_out)
