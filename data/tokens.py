"""Documents as token ids, sentence by sentence: what training examples are cut from.

    corpus.sentences(7)          ["청원합니다.", "도로에 신호등을 세워 주세요."]
    source.lengths(7)            [6, 16]                      characters, known before anything is tokenised
    source.tokens(7, 1, 2)       [[421, 96, 1043, 88, 14]]    ids of sentence 1 alone

Two sources behind one interface give the same answers: `TextTokens` reads, cleans, splits and tokenises whenever it is
asked; `TokenCache` did so once and keeps the ids in memory-mapped files, for devices that wait for their data otherwise.
"""

import json
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from data.corpus import Corpus
from data.tokenizer import WordPiece

Progress = Callable[[int, int], None]
"""Called with documents done and documents in all."""

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
    """Ids of a whole corpus in memory-mapped files; cheap to pickle, flat in memory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._open()

    def _open(self) -> None:
        def mapped(name: str) -> np.ndarray:
            # A plain array over the same pages: slicing a memmap costs ten times as much.
            return np.load(self.directory / f"{name}.npy", mmap_mode="r").view(np.ndarray)

        self._ids, self._characters = mapped("ids"), mapped("characters")
        self._sentence_starts, self._document_starts = mapped("sentence_starts"), mapped("document_starts")

    def __getstate__(self) -> dict[str, Path]:
        return {"directory": self.directory}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.directory = state["directory"]
        self._open()

    def lengths(self, document: int) -> np.ndarray:
        first, last = self._document_starts[document : document + 2]
        return self._characters[first:last].astype(np.int64)

    def tokens(self, document: int, first: int, last: int) -> list[np.ndarray]:
        begin = int(self._document_starts[document])
        starts = self._sentence_starts[begin + first : begin + last + 1].tolist()
        ids = self._ids[starts[0] : starts[-1]].astype(np.int64)
        return [ids[start - starts[0] : end - starts[0]] for start, end in pairwise(starts)]


def open_token_cache(corpus: Corpus, wordpiece: WordPiece, cache_dir: Path, progress: Progress) -> TokenCache:
    """Tokenises the corpus once, or opens what was made from the same text with the same tokenizer before.

    Takes 2 bytes a token on disk (4 where the vocabulary passes 65,536) and 12 a sentence. The folder appears whole or
    not at all.
    """
    directory = cache_dir / f"tokens-{corpus.fingerprint}-{wordpiece.fingerprint}"
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
    id_type = np.uint16 if wordpiece.vocab_size <= 1 << 16 else np.uint32
    columns = {"ids": id_type, "characters": np.uint32, "sentence_starts": np.uint64, "document_starts": np.uint64}
    raw = {name: (directory / name).open("wb") for name in columns}
    tokens = sentences = 0
    np.zeros(1, np.uint64).tofile(raw["sentence_starts"])
    np.zeros(1, np.uint64).tofile(raw["document_starts"])
    for begin in range(0, len(corpus), _CHUNK):
        documents = [corpus.sentences(i) for i in range(begin, min(begin + _CHUNK, len(corpus)))]
        flat = [sentence for document in documents for sentence in document]
        encoded = wordpiece.encode(flat)
        sizes = np.fromiter(map(len, encoded), dtype=np.uint64, count=len(encoded))
        np.fromiter((i for ids in encoded for i in ids), dtype=id_type, count=int(sizes.sum())).tofile(raw["ids"])
        np.fromiter(map(len, flat), dtype=np.uint32, count=len(flat)).tofile(raw["characters"])
        (np.cumsum(sizes, dtype=np.uint64) + np.uint64(tokens)).tofile(raw["sentence_starts"])
        counts = np.fromiter(map(len, documents), dtype=np.uint64, count=len(documents))
        (np.cumsum(counts, dtype=np.uint64) + np.uint64(sentences)).tofile(raw["document_starts"])
        tokens, sentences = tokens + int(sizes.sum()), sentences + len(flat)
        progress(begin + len(documents), len(corpus))
    for name, file in raw.items():
        file.close()
        _as_npy(directory / name, columns[name])
    (directory / "about.json").write_text(json.dumps({"tokens": tokens, "sentences": sentences}), encoding="utf-8")


def _as_npy(path: Path, dtype: type) -> None:
    """Puts numpy's header before a raw column, which was written before its length was known."""
    length = path.stat().st_size // np.dtype(dtype).itemsize
    with path.open("rb") as raw, path.with_suffix(".npy").open("wb") as npy:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (length,)}
        np.lib.format.write_array_header_1_0(npy, header)
        shutil.copyfileobj(raw, npy)
    path.unlink()
