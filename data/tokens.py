"""Documents as token ids, sentence by sentence: what training examples are cut from.

    cleaned.sentences(7)         ["청원합니다.", "도로에 신호등을 세워 주세요."]
    source.lengths(7)            [6, 16]                      characters, known before anything is tokenised
    source.tokens(7, 1, 2)       [[421, 96, 1043, 88, 14]]    ids of sentence 1 alone

Two sources behind one interface give the same answers: `TextTokens` tokenises what it is asked for whenever it is asked;
`TokenCache` reads the ids from files, for devices that wait for their data otherwise.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from data.cleaned import CHARACTERS_A_SENTENCE, CleanedText, Sentences
from data.columns import Column
from data.passes import Map, Progress, document_ranges, require_space
from data.sources import new_folder
from data.tokenizer import WordPiece

ABOUT = "about.json"
"""Names the columns of a part and their types."""

PART, MOST_PARTS = 20_000_000, 64
"""Characters of a part, at the least, and parts at the most: each takes three file handles, of which a process has perhaps
1,024. Where one part ends and the next begins depends on the text alone, so machines can share the work."""


class TokenSource(Protocol):
    """Random access to the sentences of numbered documents."""

    def lengths(self, document: int) -> np.ndarray:
        """Characters of each sentence, int64 [sentences]."""

    def tokens(self, document: int, first: int, last: int) -> list[np.ndarray]:
        """Token ids of sentences `first` … `last - 1`, int64 each."""


class TextTokens:
    """Tokenises on the fly."""

    def __init__(self, cleaned: CleanedText, wordpiece: WordPiece) -> None:
        self.cleaned, self.wordpiece = cleaned, wordpiece

    def lengths(self, document: int) -> np.ndarray:
        return self.cleaned.lengths(document)

    def tokens(self, document: int, first: int, last: int) -> list[np.ndarray]:
        encoded = self.wordpiece.encode(self.cleaned.sentences(document, first, last))
        return [np.array(ids, dtype=np.int64) for ids in encoded]


class Shard(NamedTuple):
    """One machine's share of the parts."""

    number: int
    """From 1 to `machines`."""
    machines: int

    def has(self, part: int) -> bool:
        return part % self.machines == self.number - 1


class TokenCache:
    """Ids of a whole corpus in files, of which only what is asked for is read; cheap to pickle, flat in memory.

    Args:
        directory: holds a folder for each part.
        firsts: number of each part's first document, and of documents in all.
    """

    def __init__(self, directory: Path, firsts: list[int]) -> None:
        self._firsts = np.array(firsts)
        self._parts = [_Part(directory / _name(part)) for part in range(len(firsts) - 1)]
        self._last = (-1, self._parts[0], 0, 0)

    def lengths(self, document: int) -> np.ndarray:
        part, begin, end = self._sentences(document)
        return part.characters.read(begin, end).astype(np.int64)

    def tokens(self, document: int, first: int, last: int) -> list[np.ndarray]:
        part, begin, _ = self._sentences(document)
        starts = part.sentence_starts.read(begin + first, begin + last + 1).tolist()
        ids = part.ids.read(starts[0], starts[-1]).astype(np.int64)
        return [ids[start - starts[0] : end - starts[0]] for start, end in pairwise(starts)]

    def _sentences(self, document: int) -> "tuple[_Part, int, int]":
        """The part that a document is in, and there the numbers of its first sentence and of the next document's."""
        if self._last[0] != document:  # first the lengths are asked for, then a few sentences
            number = int(self._firsts.searchsorted(document, side="right")) - 1
            part, place = self._parts[number], document - int(self._firsts[number])
            self._last = (document, part, *part.document_starts.read(place, place + 2).tolist())
        return self._last[1:]


class _Part:
    """The columns of some documents: ids, characters of each sentence, where sentences and documents start."""

    def __init__(self, directory: Path) -> None:
        about = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        columns = {name: Column(directory / name, dtype) for name, dtype in about["columns"].items()}
        self.ids, self.characters = columns["ids"], columns["characters"]
        self.sentence_starts, self.document_starts = columns["sentence_starts"], columns["document_starts"]


def open_token_cache(
    sentences: Sentences,
    wordpiece: WordPiece,
    characters: np.ndarray,
    fingerprint: str,
    cache_dir: Path,
    progress: Progress,
    *,
    mapped: "Map[range, _Encoded]" = map,
    shard: Shard | None = None,
) -> TokenCache | None:
    """Tokenises the corpus once, or opens what was made from the same text with the same tokenizer before.

    Takes 2 bytes a token on disk (4 where the vocabulary passes 65,536) and 12 a sentence. A part appears whole or not at
    all, and is the same whoever makes it.

    Args:
        sentences: of the corpus.
        wordpiece: the tokenizer.
        characters: of each document.
        fingerprint: of the corpus.
        cache_dir: holds the folder of the parts.
        progress: called with characters done and in all.
        mapped: tokenises ranges of documents.
        shard: make this machine's parts only.

    Returns:
        None where other machines' parts are missing.

    Raises:
        DataError: the disk has no room for it.
    """
    directory = cache_dir / f"token_cache-{fingerprint}-{wordpiece.fingerprint}"
    firsts = _firsts(characters)
    if not _complete(directory, firsts):
        missing = [
            part
            for part in range(len(firsts) - 1)
            if (shard is None or shard.has(part)) and not (directory / _name(part)).is_dir()
        ]
        _make(sentences, wordpiece, characters, directory, firsts, missing, progress, mapped)
    return TokenCache(directory, firsts) if _complete(directory, firsts) else None


def token_cache_exists(wordpiece: WordPiece, characters: np.ndarray, fingerprint: str, cache_dir: Path) -> bool:
    """Whether all its parts are there."""
    directory = cache_dir / f"token_cache-{fingerprint}-{wordpiece.fingerprint}"
    return _complete(directory, _firsts(characters))


def disk_space(wordpiece: WordPiece, characters: int, characters_per_token: float) -> float:
    """Bytes that the token cache of so many characters will take, about."""
    return characters * (_id_type(wordpiece).itemsize / characters_per_token + 12 / CHARACTERS_A_SENTENCE)


def _id_type(wordpiece: WordPiece) -> np.dtype:
    return np.dtype(np.uint16 if wordpiece.vocab_size <= 1 << 16 else np.uint32)


def _name(part: int) -> str:
    return f"part-{part:02}"


def _firsts(characters: np.ndarray) -> list[int]:
    """Number of each part's first document, and of documents in all."""
    ends = np.cumsum(characters, dtype=np.int64)
    total = int(ends[-1])
    parts = max(1, min(MOST_PARTS, total // PART))
    borders = ends.searchsorted([total * part // parts for part in range(1, parts)], side="left") + 1
    return sorted({0, *borders.tolist(), len(characters)})


def _complete(directory: Path, firsts: list[int]) -> bool:
    return all((directory / _name(part)).is_dir() for part in range(len(firsts) - 1))


class _Encoded(NamedTuple):
    """A range of documents, ready to be appended."""

    ids: np.ndarray
    sizes: np.ndarray
    """int64 [sentences], tokens of each."""
    characters: np.ndarray
    """uint32 [sentences]."""
    sentences: np.ndarray
    """int64 [documents], of each."""


def _encode(sentences: Sentences, wordpiece: WordPiece, documents: range) -> _Encoded:
    found = [sentences.cleaned(document)[0] for document in documents]
    flat = list(chain.from_iterable(found))
    encoded = wordpiece.encode(flat)
    sizes = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    return _Encoded(
        ids=np.fromiter(chain.from_iterable(encoded), dtype=_id_type(wordpiece), count=int(sizes.sum())),
        sizes=sizes,
        characters=np.fromiter(map(len, flat), dtype=np.uint32, count=len(flat)),
        sentences=np.fromiter(map(len, found), dtype=np.int64, count=len(found)),
    )


def _make(
    sentences: Sentences,
    wordpiece: WordPiece,
    characters: np.ndarray,
    directory: Path,
    firsts: list[int],
    missing: list[int],
    progress: Progress,
    mapped: "Map[range, _Encoded]",
) -> None:
    """Makes the missing parts, one after the other, each on all cores."""
    ranges = [list(document_ranges(characters, *firsts[part : part + 2])) for part in missing]
    sums = [
        int(characters[documents.start : documents.stop].sum(dtype=np.int64)) for part in ranges for documents in part
    ]
    require_space(directory, disk_space(wordpiece, sum(sums), 2.0), "the token cache")
    encoded = iter(mapped(partial(_encode, sentences, wordpiece), list(chain.from_iterable(ranges))))
    done, total, left = 0, sum(sums), iter(sums)

    def next_ranges(count: int) -> Iterator[_Encoded]:
        nonlocal done
        for _ in range(count):
            yield next(encoded)
            done += next(left)
            progress(done, total)

    for part, documents in zip(missing, ranges, strict=True):
        with new_folder(directory / _name(part)) as folder:
            _write(folder, next_ranges(len(documents)), _id_type(wordpiece))


def _write(directory: Path, found: Iterator[_Encoded], id_type: np.dtype) -> None:
    columns = {
        "ids": id_type,
        "characters": np.dtype(np.uint32),
        "sentence_starts": np.dtype(np.uint64),
        "document_starts": np.dtype(np.uint64),
    }
    tokens = sentences = 0
    with ExitStack() as stack:
        files = {name: stack.enter_context((directory / name).open("wb")) for name in columns}
        np.zeros(1, np.uint64).tofile(files["sentence_starts"])
        np.zeros(1, np.uint64).tofile(files["document_starts"])
        for encoded in found:
            encoded.ids.tofile(files["ids"])
            encoded.characters.tofile(files["characters"])
            (tokens + np.cumsum(encoded.sizes)).astype(np.uint64).tofile(files["sentence_starts"])
            (sentences + np.cumsum(encoded.sentences)).astype(np.uint64).tofile(files["document_starts"])
            tokens, sentences = tokens + len(encoded.ids), sentences + len(encoded.sizes)
    about = {"columns": {name: dtype.str for name, dtype in columns.items()}, "tokens": tokens, "sentences": sentences}
    (directory / ABOUT).write_text(json.dumps(about), encoding="utf-8")
