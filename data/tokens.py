"""Documents as token ids, sentence by sentence: what training examples are cut from.

    corpus.sentences(7)          ["청원합니다.", "도로에 신호등을 세워 주세요."]
    source.lengths(7)            [6, 16]                      characters, known before anything is tokenised
    source.tokens(7, 1, 2)       [[421, 96, 1043, 88, 14]]    ids of sentence 1 alone

Two sources behind one interface give the same answers: `TextTokens` reads, cleans, splits and tokenises whenever it is
asked; `TokenCache` did so once and reads the ids from files, for devices that wait for their data otherwise.
"""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain, pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from data.columns import Column
from data.corpus import Corpus
from data.tokenizer import WordPiece

Progress = Callable[[int, int], None]
"""Called with documents done and documents in all."""

ABOUT = "about.json"
"""Names the columns of a cache and their types."""

_CHUNK = 256
"""Documents tokenised in one call: enough to keep every core busy, little enough to stay flat in memory."""


class TokenSource(Protocol):
    """Random access to the sentences of numbered documents."""

    def lengths(self, document: int) -> np.ndarray:
        """Characters of each sentence, int64 [sentences]."""

    def tokens(self, document: int, first: int, last: int) -> list[np.ndarray]:
        """Token ids of sentences `first` … `last - 1`, int64 each."""


class TextTokens:
    """Tokenises on the fly."""

    def __init__(self, corpus: Corpus, wordpiece: WordPiece) -> None:
        self.corpus, self.wordpiece = corpus, wordpiece
        self._last: tuple[int, list[str]] = (-1, [])

    def lengths(self, document: int) -> np.ndarray:
        return np.fromiter(map(len, self._sentences(document)), dtype=np.int64)

    def tokens(self, document: int, first: int, last: int) -> list[np.ndarray]:
        encoded = self.wordpiece.encode(self._sentences(document)[first:last])
        return [np.array(ids, dtype=np.int64) for ids in encoded]

    def _sentences(self, document: int) -> list[str]:
        if self._last[0] != document:  # an example asks for the lengths, then for a few sentences of the same document
            self._last = (document, self.corpus.sentences(document))
        return self._last[1]


class TokenCache:
    """Ids of a whole corpus in files, of which only what is asked for is read; cheap to pickle, flat in memory."""

    def __init__(self, directory: Path) -> None:
        about = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        columns = {name: Column(directory / name, dtype) for name, dtype in about["columns"].items()}
        self._ids, self._characters = columns["ids"], columns["characters"]
        self._sentence_starts, self._document_starts = columns["sentence_starts"], columns["document_starts"]
        self._last = (-1, 0, 0)

    def lengths(self, document: int) -> np.ndarray:
        return self._characters.read(*self._sentences(document)).astype(np.int64)

    def tokens(self, document: int, first: int, last: int) -> list[np.ndarray]:
        begin, _ = self._sentences(document)
        starts = self._sentence_starts.read(begin + first, begin + last + 1).tolist()
        ids = self._ids.read(starts[0], starts[-1]).astype(np.int64)
        return [ids[start - starts[0] : end - starts[0]] for start, end in pairwise(starts)]

    def _sentences(self, document: int) -> tuple[int, int]:
        """Numbers of its first sentence and of the next document's."""
        if self._last[0] != document:  # as in TextTokens: first the lengths, then a few sentences
            self._last = (document, *self._document_starts.read(document, document + 2).tolist())
        return self._last[1:]


def open_token_cache(corpus: Corpus, wordpiece: WordPiece, cache_dir: Path, progress: Progress) -> TokenCache:
    """Tokenises the corpus once, or opens what was made from the same text with the same tokenizer before.

    Takes 2 bytes a token on disk (4 where the vocabulary passes 65,536) and 12 a sentence. The folder appears whole or
    not at all.
    """
    directory = cache_dir / f"token_cache-{corpus.fingerprint}-{wordpiece.fingerprint}"
    if directory.is_dir():
        return TokenCache(directory)
    unfinished = directory.with_name(f"{directory.name}.unfinished-{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        _write_cache(corpus, wordpiece, unfinished, progress)
        os.replace(unfinished, directory)
    except OSError:
        if not directory.is_dir():  # else another process was first, with the same content
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return TokenCache(directory)


def _write_cache(corpus: Corpus, wordpiece: WordPiece, directory: Path, progress: Progress) -> None:
    columns = {
        "ids": np.uint16 if wordpiece.vocab_size <= 1 << 16 else np.uint32,
        "characters": np.uint32,
        "sentence_starts": np.uint64,
        "document_starts": np.uint64,
    }
    tokens = sentences = 0
    with ExitStack() as stack:
        files = {name: stack.enter_context((directory / name).open("wb")) for name in columns}
        np.zeros(1, np.uint64).tofile(files["sentence_starts"])
        np.zeros(1, np.uint64).tofile(files["document_starts"])
        for begin in range(0, len(corpus), _CHUNK):
            documents = [corpus.sentences(i) for i in range(begin, min(begin + _CHUNK, len(corpus)))]
            flat = [sentence for document in documents for sentence in document]
            encoded = wordpiece.encode(flat)
            sizes = np.fromiter(map(len, encoded), dtype=np.uint64, count=len(encoded))
            ids = np.fromiter(chain.from_iterable(encoded), dtype=columns["ids"], count=int(sizes.sum()))
            counts = np.fromiter(map(len, documents), dtype=np.uint64, count=len(documents))
            ids.tofile(files["ids"])
            np.fromiter(map(len, flat), dtype=columns["characters"], count=len(flat)).tofile(files["characters"])
            (np.cumsum(sizes, dtype=np.uint64) + np.uint64(tokens)).tofile(files["sentence_starts"])
            (np.cumsum(counts, dtype=np.uint64) + np.uint64(sentences)).tofile(files["document_starts"])
            tokens, sentences = tokens + len(ids), sentences + len(flat)
            progress(begin + len(documents), len(corpus))
    about = {"columns": {name: np.dtype(dtype).str for name, dtype in columns.items()}}
    (directory / ABOUT).write_text(json.dumps(about | {"tokens": tokens, "sentences": sentences}), encoding="utf-8")
