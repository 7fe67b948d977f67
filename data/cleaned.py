"""The sentences of a corpus, cleaned and split once: what training reads over and over, in a file that people can read.

    corpus.sentences(7)                 read, cleaned and split each time: a whole document, of 30,000 characters perhaps
    cleaned.sentences([103], [105])     two lines of a file: sentences are numbered through all documents

A sentence is a line of `sentences.txt`, read through `data.lines`; where a document begins there, and how many characters
each sentence has, stands beside it. The folder is named after the corpus's fingerprint: other text, other rules of cleaning
or another version of them make another one.
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from data.columns import Column, read_ranges
from data.corpus import Corpus
from data.lines import open_lines
from data.passes import Map, Progress, document_ranges, require_space
from data.sources import new_folder

TEXT, ABOUT = "sentences.txt", "about.json"

COLUMNS = {"characters": np.uint32, "dropped": np.uint32, "document_starts": np.uint64}
"""Characters of each sentence; sentences of each document that were too short; number of its first sentence."""

BYTES_A_CHARACTER = 2.5
"""UTF-8 of running Korean text: three for a syllable, one for a space or a full stop."""

_BYTES_A_SENTENCE = 14
"""Length, place in the file, line end; a document's own columns are spread over its sentences."""

CHARACTERS_A_SENTENCE = 40


class Sentences(Protocol):
    """Documents by number, as cleaned sentences: a `Corpus`, or what was made of it."""

    def __len__(self) -> int:
        """Documents."""

    def cleaned(self, i: int) -> tuple[list[str], int]:
        """The sentences of a document, and how many others were dropped for being too short."""


class CleanedText:
    """Reads what `open_cleaned` has written. Picklable: a worker gets a path and opens the files again."""

    def __init__(self, directory: Path) -> None:
        about = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        self._documents: int = about["documents"]
        self._lines = open_lines(directory / TEXT, directory)
        columns = {name: Column(directory / name, dtype) for name, dtype in COLUMNS.items()}
        self._characters, self._dropped, self._starts = columns.values()

    def __len__(self) -> int:
        return self._documents

    def sentence_ranges(self, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number of each document's first sentence, and of the next document's; int64 [documents]."""
        starts = read_ranges([self._starts] * len(documents), documents, documents + 2).astype(np.int64)
        return starts[::2], starts[1::2]

    def characters(self, firsts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
        """Of sentences first … last - 1 of each range in turn, int64."""
        return read_ranges([self._characters] * len(firsts), firsts, lasts).astype(np.int64)

    def sentences(self, firsts: np.ndarray, lasts: np.ndarray) -> list[str]:
        """Sentences first … last - 1 of each range in turn."""
        ranges = zip(firsts.tolist(), (lasts - firsts).tolist(), strict=True)
        return [line[:-1] for first, count in ranges for line in self._lines.getlines(first + 1, count)]

    def cleaned(self, i: int) -> tuple[list[str], int]:
        """As `Corpus.cleaned`."""
        return self.sentences(*self.sentence_ranges(np.array([i]))), int(self._dropped.read(i, i + 1)[0])


def open_cleaned(
    corpus: Corpus, cache_dir: Path, progress: Progress, mapped: "Map[range, _Written]" = map
) -> CleanedText:
    """Cleans the corpus once, or opens what was made of the same text before.

    Takes about as much disk as the text. The folder appears whole or not at all.

    Args:
        corpus: the text.
        cache_dir: holds the folder.
        progress: called with characters done and in all.
        mapped: cleans ranges of documents.

    Raises:
        DataError: the disk has no room for it, or a file has changed meanwhile.
    """
    directory = cache_dir / f"cleaned-{corpus.fingerprint}"
    if directory.is_dir():
        return CleanedText(directory)
    total = int(corpus.chars.sum(dtype=np.int64))
    expected = total * (BYTES_A_CHARACTER + _BYTES_A_SENTENCE / CHARACTERS_A_SENTENCE)
    require_space(cache_dir, expected, "the cleaned text")
    with new_folder(directory) as folder:
        _write(corpus, folder, total, progress, mapped)
    return CleanedText(directory)


class _Written(NamedTuple):
    """A range of documents, ready to be appended."""

    text: bytes
    characters: np.ndarray
    dropped: np.ndarray
    sentences: np.ndarray
    """int64 [documents], of each."""


def _clean(corpus: Sentences, documents: range) -> _Written:
    found = [corpus.cleaned(document) for document in documents]
    flat = [sentence for sentences, _ in found for sentence in sentences]
    return _Written(
        text="".join(f"{sentence}\n" for sentence in flat).encode(),
        characters=np.fromiter(map(len, flat), COLUMNS["characters"], count=len(flat)),
        dropped=np.array([dropped for _, dropped in found], COLUMNS["dropped"]),
        sentences=np.array([len(sentences) for sentences, _ in found], dtype=np.int64),
    )


def _write(corpus: Corpus, folder: Path, total: int, progress: Progress, mapped: "Map[range, _Written]") -> None:
    ranges: Sequence[range] = list(document_ranges(corpus.chars))
    sentences = done = 0
    with ExitStack() as stack:
        text, characters, dropped, starts = (
            stack.enter_context((folder / name).open("wb")) for name in (TEXT, *COLUMNS)
        )
        np.zeros(1, COLUMNS["document_starts"]).tofile(starts)
        for documents, written in zip(ranges, mapped(partial(_clean, corpus), ranges), strict=True):
            text.write(written.text)
            written.characters.tofile(characters)
            written.dropped.tofile(dropped)
            (sentences + np.cumsum(written.sentences)).astype(COLUMNS["document_starts"]).tofile(starts)
            sentences += len(written.characters)
            done += int(corpus.chars[documents.start : documents.stop].sum(dtype=np.int64))
            progress(done, total)
    about: dict[str, Any] = {"documents": len(corpus), "sentences": sentences}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
